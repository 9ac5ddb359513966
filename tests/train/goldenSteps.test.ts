/** One step of each recipe against PyTorch in double precision (scripts/golden-recipes.py): the loss and every gradient. */
import fs from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import { selectBackend } from '../../src/backend/index.js';
import { bertShape } from '../../src/encoders/architectures.js';
import { tableOf } from '../../src/encoders/batching.js';
import { createCrossEncoder } from '../../src/encoders/crossEncoder.js';
import { createDualEncoder, type EncoderShape } from '../../src/encoders/dualEncoder.js';
import type { NamedArray } from '../../src/encoders/formats/safetensors.js';
import type { PairTable } from '../../src/encoders/pairs.js';
import { forEachSlice, type ParameterSpec } from '../../src/encoders/parameters.js';
import { flatParameters } from '../../src/encoders/weights.js';
import type { RankerLoss } from '../../src/train/ranker/rankerStep.js';
import { BLOCKED, type LossConfig } from '../../src/train/step/losses.js';
import { Replicas } from '../../src/train/step/replicas.js';
import { createSharedMemory, type MemoryPlan, type StepBatch } from '../../src/train/step/sharedMemory.js';
import { WHOLE } from './fixtures.js';
import { openRankerGroup, report, retrieverStep, type Step } from './steps.js';

interface GoldenStep {
  readonly loss: number;
  /** What the loss has more than ours and training cannot change. */
  readonly constant?: number;
  readonly gradient: Record<string, number[]>;
}

interface RetrieverGolden extends GoldenStep {
  readonly lossConfig: LossConfig;
  readonly towers: 'shared' | 'separate';
  readonly pooling: 'cls' | 'mean';
  readonly temperature: number | null;
  readonly projection: boolean;
  readonly replicas: number;
  /** Rows, the column of each query's positive, and 1 where a passage competes. */
  readonly passages: number[];
  readonly positives: number[];
  readonly competes: number[][];
}

interface RankerGolden extends GoldenStep {
  readonly ranker: RankerLoss;
  readonly group: number;
  readonly pairs: [query: number, passage: number][];
}

type Tensors = Record<string, { shape: number[]; values: number[] }>;

interface Golden {
  readonly shape: Parameters<typeof bertShape>[0];
  readonly queries: number[][];
  readonly passages: number[][];
  readonly weights: Record<'query' | 'passage' | 'projection' | 'ranker', Tensors>;
  /** Of each query with its own passages, query after query. */
  readonly rankerScores: number[];
  readonly steps: Record<string, RetrieverGolden | RankerGolden>;
}

const golden: Golden = JSON.parse(fs.readFileSync(new URL('../golden/recipe_steps.json', import.meta.url), 'utf8'));
const { weights } = golden;
const transformer = bertShape(golden.shape);
/** Passages of a query in the golden batch. */
const GROUP = golden.passages.length / golden.queries.length;

const flat = (specs: readonly ParameterSpec[], tensors: Tensors): Float32Array =>
  flatParameters(
    specs,
    new Map(Object.entries(tensors).map(([name, tensor]) => [name, named(name, tensor.shape, tensor.values)])),
    'golden',
  );

const named = (name: string, shape: number[], values: number[]): NamedArray => ({ name, shape, values: Float32Array.from(values) });

function shapeOf({ towers, pooling, temperature, projection }: RetrieverGolden): EncoderShape {
  const width = weights.projection['projection.dense.bias']!.shape[0]!;
  return {
    transformer,
    towers,
    pooling,
    ...(projection && { projection: { width, layerNorm: true } }),
    similarity: temperature === null ? 'dot' : { cosine: { temperature } },
    dropout: { hidden: 0, attention: 0 },
    frozen: { embeddings: false, layers: 0 },
  };
}

function weightsOf({ towers, projection }: RetrieverGolden): Tensors {
  if (towers === 'shared') return { ...weights.query, ...(projection && weights.projection) };
  const prefixed = (side: 'query' | 'passage') => Object.entries(weights[side]).map(([name, tensor]) => [`${side}.${name}`, tensor]);
  return Object.fromEntries([...prefixed('query'), ...prefixed('passage')]);
}

function batchOf(step: RetrieverGolden, rankerScores: ArrayLike<number>): StepBatch {
  const { passages, positives, competes } = step;
  const score = (query: number, row: number) => (Math.floor(row / GROUP) === query ? rankerScores[row]! : 0); // row query·GROUP + j
  return {
    step: 0,
    queries: tableOf(golden.queries),
    passages: tableOf(passages.map((row) => golden.passages[row]!)),
    contrast: {
      target: Int32Array.from(positives),
      mask: Float32Array.from(competes.flat(), (competing) => (competing ? 0 : BLOCKED)),
      ranker: Float32Array.from(golden.queries.flatMap((_, query) => passages.map((row) => score(query, row)))),
    },
  };
}

async function ourRetriever(step: RetrieverGolden, memory: MemoryPlan, rankerScores: ArrayLike<number>): Promise<Step> {
  const batch = batchOf(step, rankerScores);
  const encoder = shapeOf(step);
  const settings = { replicas: step.replicas, seed: 1, padId: 0, encoder, memory, loss: step.lossConfig, maxStepRows: 32 };
  const replicas = await Replicas.create(createSharedMemory(settings, { query: batch.queries, passage: batch.passages }), 'onnx');
  const ours = await retrieverStep(replicas, flat(createDualEncoder(encoder).specs, weightsOf(step)), batch);
  await replicas.dispose();
  return ours;
}

function pairsOf(pairs: readonly (readonly [number, number])[]): PairTable {
  const ids = pairs.map(([query, passage]) => [...golden.queries[query]!, ...golden.passages[passage]!.slice(1)]);
  return { ...tableOf(ids), seconds: Int32Array.from(pairs, ([query]) => golden.queries[query]!.length) };
}

const openGoldenRanker = (loss: RankerLoss, microBatch: number) =>
  openRankerGroup({ replicas: 1, shape: transformer, loss, microBatch }, flat(createCrossEncoder(transformer).specs, weights.ranker));

async function ourRanker({ ranker: loss, group, pairs }: RankerGolden, microBatch: number): Promise<Step> {
  const ranker = await openGoldenRanker(loss, microBatch);
  const ours = await ranker.step({ step: 0, group, pairs: pairsOf(pairs) });
  await ranker.dispose();
  return ours;
}

async function ourRankerScores(): Promise<Float32Array> {
  const ranker = await openGoldenRanker('listwise', 1);
  const scores = await ranker.score(pairsOf(golden.passages.map((_, row) => [Math.floor(row / GROUP), row])));
  await ranker.dispose();
  return scores;
}

/** The largest relative difference: of the loss, and of each parameter's gradient by its length. */
function differenceOf(specs: readonly ParameterSpec[], tensors: Tensors, ours: Step, theirs: GoldenStep): number {
  const expected = flat(
    specs,
    Object.fromEntries(Object.entries(theirs.gradient).map(([name, values]) => [name, { shape: tensors[name]!.shape, values }])),
  );
  const whole = Math.hypot(...expected);
  let largest = Math.abs(ours.loss + (theirs.constant ?? 0) - theirs.loss) / Math.abs(theirs.loss);
  forEachSlice(specs, (_, begin, end) => {
    const part = expected.subarray(begin, end);
    // A gradient that is 0 (the last bias of a listwise ranker) is compared by the length of all: rounding is all there is.
    const length = Math.max(Math.hypot(...part), 1e-3 * whole);
    largest = Math.max(largest, Math.hypot(...part.map((value, i) => value - ours.gradient[begin + i]!)) / length);
  });
  return largest;
}

beforeAll(async () => {
  await selectBackend('onnx');
});

it('the ranker’s scores of a batch', async (context) => {
  const largest = Math.max(...golden.rankerScores.map(Math.abs));
  const difference = Math.max(...[...(await ourRankerScores())].map((score, i) => Math.abs(score - golden.rankerScores[i]!))) / largest;
  report(context, difference);
  expect(difference).toBeLessThan(1e-4);
});

it.for(Object.entries(golden.steps))('%s', async ([, step], context) => {
  const retriever = 'competes' in step;
  const specs = retriever ? createDualEncoder(shapeOf(step)).specs : createCrossEncoder(transformer).specs;
  const plans: Step[] = retriever
    ? [await ourRetriever(step, WHOLE, await ourRankerScores())]
    : [await ourRanker(step, 1000), await ourRanker(step, 2 * step.group)];
  if (retriever && ownGroupsOnly(step)) {
    const accumulated: MemoryPlan = { ...WHOLE, kind: 'accumulation', microBatch: 3 };
    plans.push(await ourRetriever(step, accumulated, await ourRankerScores()));
  }
  const differences = plans.map((ours) => differenceOf(specs, retriever ? weightsOf(step) : weights.ranker, ours, step));
  report(context, Math.max(...differences));
  for (const difference of differences) expect(difference).toBeLessThan(1e-4);
});

const ownGroupsOnly = ({ competes }: RetrieverGolden): boolean =>
  competes[0]!.every((_, column) => competes.filter((row) => row[column]).length === 1);
