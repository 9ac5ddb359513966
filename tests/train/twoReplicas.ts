/** A step of two replicas is the step of one on the whole batch: every query meets the passages of both (cross-batch negatives), and a ranker's pairs are all counted. */
import { beforeAll, expect, it } from 'vitest';
import { selectBackend } from '../../src/backend/index.js';
import { deriveKey, integer } from '../../src/core/random.js';
import { createCrossEncoder } from '../../src/encoders/crossEncoder.js';
import { createDualEncoder, type EncoderShape } from '../../src/encoders/dualEncoder.js';
import type { PairTable } from '../../src/encoders/pairs.js';
import { initialParameters } from '../../src/encoders/parameters.js';
import type { TransformerShape } from '../../src/encoders/transformer.js';
import type { RankerLoss } from '../../src/train/ranker/rankerStep.js';
import { BLOCKED, type LossConfig } from '../../src/train/step/losses.js';
import { Replicas } from '../../src/train/step/replicas.js';
import { createSharedMemory, type MemoryPlan, type StepBatch } from '../../src/train/step/sharedMemory.js';
import { tinyShape, toyTokens, WHOLE } from './fixtures.js';
import { openRankerGroup, report, retrieverStep, type Step } from './steps.js';

const [Q, GROUP] = [7, 3]; // neither is a multiple of the replicas
const P = Q * GROUP;
const key = deriveKey(4, 'cross-batch');
const lengths = (rows: number, longest: number, stream: number) =>
  Array.from({ length: rows }, (_, row) => integer(key, stream, row, longest - 3) + 3);

/** Negatives of the whole batch, but for one query's that is another's positive. */
const batch: StepBatch = {
  step: 0,
  queries: toyTokens(lengths(Q, 9, 0), 'queries'),
  passages: toyTokens(lengths(P, 12, 1), 'passages'),
  contrast: {
    target: Int32Array.from({ length: Q }, (_, i) => GROUP * i),
    mask: Float32Array.from({ length: Q * P }, (_, i) => (i === P + 2 * GROUP ? BLOCKED : 0)),
    ranker: Float32Array.from({ length: Q * P }, (_, i) => integer(key, 2, i, 100) / 50),
  },
};

const pairs: PairTable = {
  ...toyTokens(lengths(P, 20, 3), 'pairs'),
  seconds: Int32Array.from(lengths(P, 20, 3), (length) => Math.ceil(length / 2)),
};

async function retriever(transformer: TransformerShape, replicas: number, memory: MemoryPlan, loss: LossConfig): Promise<Step> {
  const encoder: EncoderShape = { ...tinyShape(), transformer };
  const settings = { replicas, seed: 1, padId: 0, encoder, memory, loss, maxStepRows: Q + P };
  const group = await Replicas.create(createSharedMemory(settings, { query: batch.queries, passage: batch.passages }), 'onnx');
  const step = await retrieverStep(group, initialParameters(createDualEncoder(encoder).specs, 3), batch);
  await group.dispose();
  return step;
}

async function ranker(shape: TransformerShape, replicas: number, loss: RankerLoss): Promise<Step & { scores: Float32Array }> {
  const group = await openRankerGroup({ replicas, shape, loss, microBatch: 9 }, initialParameters(createCrossEncoder(shape).specs, 3));
  const step = await group.step({ step: 0, group: GROUP, pairs });
  const scores = await group.score(pairs);
  await group.dispose();
  return { ...step, scores };
}

/** The length of the difference by the length of what is expected. */
const difference = (found: Float32Array, expected: Float32Array): number =>
  Math.sqrt(sumOfSquares(found.map((value, i) => value - expected[i]!)) / sumOfSquares(expected));

const sumOfSquares = (values: Float32Array): number => values.reduce((sum, value) => sum + value * value, 0);

const stepDifference = (found: Step, expected: Step): number =>
  Math.max(Math.abs(found.loss / expected.loss - 1), difference(found.gradient, expected.gradient));

/** Registers the tests of that shape. */
export function testTwoReplicas(shape: TransformerShape): void {
  beforeAll(async () => {
    await selectBackend('onnx');
  });

  const retrievers: [string, MemoryPlan, LossConfig][] = [
    ['softmax', WHOLE, { kind: 'softmax' }],
    ['softmax with GradCache', { ...WHOLE, kind: 'gradCache', chunkRows: 5 }, { kind: 'softmax' }],
    ['distillation', WHOLE, { kind: 'distillation', temperature: 1, adversarial: 0.5 }],
  ];
  it.for(retrievers)('%s: loss and gradient', async ([, memory, loss], context) => {
    const [one, two] = [await retriever(shape, 1, WHOLE, loss), await retriever(shape, 2, memory, loss)];
    report(context, stepDifference(two, one));
    expect(stepDifference(two, one)).toBeLessThan(1e-5);
  });

  it.for(['listwise', 'pointwise'] as const)('a %s ranker: loss, gradient and scores', async (loss, context) => {
    const [one, two] = [await ranker(shape, 1, loss), await ranker(shape, 2, loss)];
    const found = Math.max(stepDifference(two, one), difference(two.scores, one.scores));
    report(context, found);
    expect(found).toBeLessThan(1e-5);
  });
}
