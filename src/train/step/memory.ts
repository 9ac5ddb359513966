/** How a step's activations are kept, what its queries compete with, and how much memory it will take. */
import { isOnDevice } from '../../backend/index.js';
import type { RunConfig } from '../../config/schema.js';
import { chunksByLength, joined, passesOf, rowsIn } from '../../encoders/batching.js';
import { createCrossEncoder } from '../../encoders/crossEncoder.js';
import { createDualEncoder, type EncoderShape } from '../../encoders/dualEncoder.js';
import { type ParameterSpec, parameterCount } from '../../encoders/parameters.js';
import type { DropoutRates, TransformerShape } from '../../encoders/transformer.js';
import { competes } from './losses.js';
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
  const competing = batch.contrast.mask.reduce((sum, value) => sum + (competes(value) ? 1 : 0), 0);
  const negatives = competing / Q - 1;
  return (
    `step: ${Q.toLocaleString('en')} queries, ${P.toLocaleString('en')} passages; ${negatives.toFixed(negatives < 10 ? 1 : 0)} negatives a query in effect; ` +
    `${MEANS[plan.kind](plan)}${plan.recompute ? '; layers computed again in the backward pass' : ''}`
  );
}

/** Beside what its encoder, its batch and its plan say: what a step's memory depends on. */
export interface StepSetting {
  readonly replicas: number;
  /** Whether a moving average of the parameters is kept. */
  readonly averaged: boolean;
}

/**
 * Bytes that a step takes at its peak beyond what the data take: the parameters and what the optimizer keeps of them, their gradients, and what the backward
 * pass needs of every layer. The factors are fitted to measurements (bench/memory.mjs): what is allocated and not yet used again counts too.
 */
export function predictedStepBytes(shape: EncoderShape, batch: StepBatch, plan: MemoryPlan, setting: StepSetting): number {
  const { specs } = createDualEncoder(shape);
  const tables = shape.towers === 'shared' ? [joined(batch.queries, batch.passages)] : [batch.queries, batch.passages];
  const ofPasses = tables.flatMap((table) => {
    const all = Int32Array.from({ length: rowsIn(table) }, (_, row) => row);
    const rows = plan.kind === 'whole' ? undefined : plan.chunkRows;
    const limits = { ...stepChunk(shape), rows };
    const passes = passesOf(chunksByLength(table, all, limits, 0), limits);
    return passes.map((parts) => parts.reduce((sum, { lengths, tokens }) => sum + passFloats(shape, lengths.length, tokens, plan), 0));
  });
  const all = ofPasses.reduce((sum, floats) => sum + floats, 0);
  const most = ofPasses.reduce((largest, floats) => Math.max(largest, floats), 0);
  const { replicas } = setting;
  const activations =
    plan.kind === 'gradCache' ? most * replicas : plan.kind === 'whole' ? all : (all * plan.microBatch * replicas) / rowsIn(batch.queries);
  return bytesOf(specs, setting, activations);
}

/** Bytes of a ranker that trains with `microBatch` pairs of `maxTokens` at once: what predictedStepBytes counts of an encoder. */
export function rankerBytes(
  { shape, dropout }: { readonly shape: TransformerShape; readonly dropout: DropoutRates },
  { microBatch, maxTokens }: { readonly microBatch: number; readonly maxTokens: number },
  replicas: number,
): number {
  const { specs } = createCrossEncoder(shape);
  const pass = passFloats({ transformer: shape, pooling: 'cls', dropout }, microBatch, maxTokens, { recompute: false });
  return bytesOf(specs, { replicas, averaged: false }, replicas * pass);
}

/** A further thread with onnxruntime and TensorFlow.js. */
const THREAD_BYTES = 70e6;

const bytesOf = (specs: readonly ParameterSpec[], setting: StepSetting, activations: number): number =>
  4 * (parameterFloats(specs, setting) + activations) + (setting.replicas - 1) * THREAD_BYTES;

/** On a device: weights, parameters, moments, decay mask, the gradient by parameter and whole, and those that TensorFlow.js has not given back yet. */
const DEVICE_VECTORS = 12;

/** What lives of the parameters while a step ends. */
function parameterFloats(specs: readonly ParameterSpec[], { replicas, averaged }: StepSetting): number {
  const P = parameterCount(specs);
  const average = averaged ? P : 0;
  if (isOnDevice()) return DEVICE_VECTORS * P + average;
  const weights = replicas + 3; // each replica’s; as trained with moments
  // As each replica's backward pass left them, what of them others are to sum, and the sum. Of a table few rows are ever written.
  const gradients = replicas + (replicas - 1) + 1 / replicas;
  return weights * P + gradients * parameterCount(specs.filter(({ table }) => !table)) + average;
}

/** Floats of a token by the widths, and of a pair of tokens for each head. */
interface Factors {
  readonly width: number;
  readonly feedForward: number;
  readonly pair: number;
}

/** What each layer keeps with its gradients; what the layer that is at work needs beside; what a pass needs in any case; and, where layers are recomputed, the inputs of each. */
const FACTORS: Readonly<Record<'cpu' | 'device', { layer: Factors; atWork: Factors; pass: number; input: number }>> = {
  cpu: { layer: { width: 18.5, feedForward: 2.5, pair: 1.3 }, atWork: { width: 10, feedForward: 3, pair: 6 }, pass: 25, input: 1 },
  device: { layer: { width: 20, feedForward: 4, pair: 3 }, atWork: { width: 0, feedForward: 0, pair: 0 }, pass: 0, input: 2 },
};
/** What dropout adds to a layer: two masks and two products of the rows, and a mask of the pairs with its product. */
const DROPOUT = { width: 4, pair: 1.5 };

/** Of B sequences of T tokens. With [CLS] pooling the last layer has one row a sequence: next to nothing. */
function passFloats(
  { transformer, pooling, dropout }: Pick<EncoderShape, 'transformer' | 'pooling' | 'dropout'>,
  B: number,
  T: number,
  { recompute }: Pick<MemoryPlan, 'recompute'>,
): number {
  const { width: D, feedForward: F, heads: H, layers } = transformer;
  const { layer, atWork, pass, input } = FACTORS[isOnDevice() ? 'device' : 'cpu'];
  const floats = ({ width, feedForward, pair }: Factors) => B * T * (width * D + feedForward * F) + pair * B * H * T * T;
  const each = floats({
    width: layer.width + (dropout.hidden > 0 ? DROPOUT.width : 0),
    feedForward: layer.feedForward,
    pair: layer.pair + (dropout.attention > 0 ? DROPOUT.pair : 0),
  });
  const whole = pooling === 'cls' && !isOnDevice() ? layers - 1 : layers;
  const kept = recompute ? layers * B * T * input * D + each : whole * each;
  return B * T * pass * D + (whole > 0 ? floats(atWork) : 0) + kept;
}
