/** How a step's activations are kept, what its queries compete with, and how much memory it will take. */
import type { RunConfig } from '../config/schema.js';
import { chunksByLength, joined, rowsIn } from '../encoders/batching.js';
import { createCrossEncoder } from '../encoders/crossEncoder.js';
import { createDualEncoder, type EncoderShape } from '../encoders/dualEncoder.js';
import { parameterCount, passParameters } from '../encoders/parameters.js';
import type { TransformerShape } from '../encoders/transformer.js';
import { BLOCKED } from './losses.js';
import type { MemoryPlan, StepBatch } from './sharedMemory.js';
import { stepChunk } from './step.js';

/** Chosen by what the loss needs: in-batch negatives need all vectors at once (GradCache), own groups do not. `rows` are a step's sequences. */
export function memoryPlan({ train }: RunConfig, rows: number): MemoryPlan {
  const { queriesPerStep, microBatch = queriesPerStep, gradientCheckpointing: recompute, inBatch } = train;
  const whole = microBatch >= queriesPerStep;
  const kind = whole ? 'whole' : inBatch ? 'gradCache' : 'accumulation';
  return { kind, microBatch, chunkRows: Math.ceil((microBatch * rows) / queriesPerStep), recompute };
}

const MEANS: Readonly<Record<MemoryPlan['kind'], (plan: MemoryPlan) => string>> = {
  whole: () => 'in one piece',
  gradCache: ({ chunkRows }) => `GradCache in chunks of ${chunkRows} sequences: the exact loss of the whole batch, a second forward pass`,
  accumulation: ({ microBatch }) => `gradients accumulated over ${microBatch} queries at a time: each competes for its own passages alone`,
};

/** What a step's queries meet and how its memory is kept, in words. */
export function describeStep(batch: StepBatch, plan: MemoryPlan): string {
  const Q = rowsIn(batch.queries);
  const P = rowsIn(batch.passages);
  const competing = batch.contrast.mask.reduce((sum, value) => sum + (value > BLOCKED ? 1 : 0), 0);
  const negatives = competing / Q - 1;
  return (
    `step: ${Q.toLocaleString('en')} queries, ${P.toLocaleString('en')} passages; ${negatives.toFixed(negatives < 10 ? 1 : 0)} negatives a query in effect; ` +
    `${MEANS[plan.kind](plan)}${plan.recompute ? '; layers computed again in the backward pass' : ''}`
  );
}

/** Vectors [P] that live while a step ends: weights and two gradients a replica; then parameters, moments, decay mask, average and their successors. */
const VECTORS_A_REPLICA = 3;
const VECTORS_OF_THE_OPTIMIZER = 9;

/**
 * Bytes that a step takes at its peak beyond what the data take: what the backward pass needs of every layer, the gradients that TensorFlow.js
 * keeps until the pass ends, and the optimizer's vectors. The factors are fitted to measurements (bench/gradcache.mjs) on the backend onnx.
 */
export function predictedStepBytes(shape: EncoderShape, batch: StepBatch, plan: MemoryPlan, replicas: number): number {
  const { specs } = createDualEncoder(shape);
  const P = parameterCount(specs);
  const shared = replicas > 1 ? replicas + 2 : 0;
  const vectors = P * (replicas * VECTORS_A_REPLICA + VECTORS_OF_THE_OPTIMIZER + shared);
  const tables = shape.towers === 'shared' ? [joined(batch.queries, batch.passages)] : [batch.queries, batch.passages];
  const chunks = tables.flatMap((table) => {
    const all = Int32Array.from({ length: rowsIn(table) }, (_, row) => row);
    const rows = plan.kind === 'whole' ? undefined : plan.chunkRows;
    return chunksByLength(table, all, { ...stepChunk(shape, passParameters(specs)), rows }, 0).map((chunk) =>
      chunkFloats(shape, chunk.batch.lengths.length, chunk.batch.tokens, plan),
    );
  });
  const all = chunks.reduce((sum, floats) => sum + floats, 0);
  const most = chunks.reduce((largest, floats) => Math.max(largest, floats), 0);
  const activations =
    plan.kind === 'gradCache' ? most * replicas : plan.kind === 'whole' ? all : (all * plan.microBatch * replicas) / rowsIn(batch.queries);
  return 4 * (vectors + activations);
}

/** Bytes of a ranker that trains with `microBatch` pairs of `maxTokens` at once: what predictedStepBytes counts of an encoder. */
export function rankerBytes(
  shape: TransformerShape,
  { microBatch, maxTokens }: { readonly microBatch: number; readonly maxTokens: number },
  replicas: number,
): number {
  const P = parameterCount(createCrossEncoder(shape).specs);
  const shared = replicas > 1 ? replicas + 2 : 0;
  const activations = replicas * chunkFloats({ transformer: shape }, microBatch, maxTokens, { recompute: false });
  return 4 * (P * (replicas * VECTORS_A_REPLICA + VECTORS_OF_THE_OPTIMIZER + shared) + activations);
}

/** Of B sequences of T tokens: what each layer keeps and its gradients; with `recompute` each layer's input and one layer's inside. */
function chunkFloats(
  { transformer }: Pick<EncoderShape, 'transformer'>,
  B: number,
  T: number,
  { recompute }: Pick<MemoryPlan, 'recompute'>,
): number {
  const { width: D, feedForward: F, heads: H, layers } = transformer;
  const inside = B * T * (FLOATS_A_TOKEN.width * D + FLOATS_A_TOKEN.feedForward * F) + FLOATS_A_PAIR * B * H * T * T;
  return recompute ? layers * B * T * 2 * D + inside : layers * inside;
}

const FLOATS_A_TOKEN = { width: 20, feedForward: 4 };
const FLOATS_A_PAIR = 3;
