import { beforeAll, describe, expect, it } from 'vitest';
import { selectBackend, tf } from '../../../src/backend/index.js';
import { createDualEncoder, type EncoderShape, type Pooling } from '../../../src/encoders/dualEncoder.js';
import { forEachSlice, initialParameters } from '../../../src/encoders/parameters.js';
import { Replicas } from '../../../src/train/step/replicas.js';
import { createSharedMemory, type MemoryPlan, type StepBatch } from '../../../src/train/step/sharedMemory.js';
import { SOFTMAX, tinyShape, toyTokens, WHOLE } from '../fixtures.js';
import { largestOfEach, retrieverStep } from '../steps.js';

const queries = toyTokens([4, 7, 5], 'queries');
const passages = toyTokens([6, 3, 9, 8, 5], 'passages');
const batch: StepBatch = {
  step: 0,
  queries,
  passages,
  contrast: { target: Int32Array.of(0, 1, 2), mask: Float32Array.from({ length: 15 }, (_, i) => (i === 4 || i === 8 ? -1e9 : 0)) },
};

interface GroupOptions {
  readonly shape?: Partial<EncoderShape>;
  readonly memory?: Partial<MemoryPlan>;
}

async function group(replicas: number, towers: 'shared' | 'separate' = 'shared', dropout = 0, rest: GroupOptions = {}): Promise<Replicas> {
  const shape = { ...tinyShape(towers), dropout: { hidden: dropout, attention: dropout }, ...rest.shape };
  const memory = { ...WHOLE, ...rest.memory };
  const shared = createSharedMemory(
    { replicas, seed: 1, padId: 0, encoder: shape, memory, loss: SOFTMAX, maxStepRows: 8 },
    { query: queries, passage: passages },
  );
  return Replicas.create(shared, 'onnx');
}

beforeAll(async () => {
  await selectBackend('onnx');
});

describe('the gradient of a step', () => {
  for (const towers of ['shared', 'separate'] as const) {
    it(`is that of finite differences, in every parameter group (${towers} towers)`, async () => {
      const replicas = await group(1, towers);
      const { specs } = createDualEncoder(tinyShape(towers));
      const parameters = initialParameters(specs, 3);
      const { gradient } = await retrieverStep(replicas, parameters, batch);
      const h = 4e-3;
      for (const [name, at] of largestOfEach(specs, gradient)) {
        const shifted = async (by: number) =>
          (
            await retrieverStep(
              replicas,
              parameters.map((value, i) => (i === at ? value + by : value)),
              batch,
            )
          ).loss;
        const difference = ((await shifted(h)) - (await shifted(-h))) / (2 * h);
        expect(Math.abs(difference - gradient[at]!), `${name}: ${difference} and ${gradient[at]}`).toBeLessThan(
          1e-3 + 0.02 * Math.abs(difference),
        );
      }
      await replicas.dispose();
    });
  }

  it('repeats bit for bit with dropout, and leaves no tensor behind', async () => {
    const replicas = await group(2, 'shared', 0.3);
    const parameters = initialParameters(createDualEncoder(tinyShape()).specs, 3);
    const first = await retrieverStep(replicas, parameters, batch);
    const tensors = tf.memory().numTensors;
    for (let i = 0; i < 5; i++) expect((await retrieverStep(replicas, parameters, batch)).gradient).toEqual(first.gradient);
    expect(tf.memory().numTensors).toBe(tensors);
    await replicas.dispose();
  });
});

/** The step's loss and gradient with that memory plan, dropout on. */
async function withPlan(replicas: number, memory: Partial<MemoryPlan>, given: StepBatch, pooling: Pooling = 'cls') {
  const parameters = initialParameters(createDualEncoder(tinyShape()).specs, 3);
  const made = await group(replicas, 'shared', 0.3, { memory, shape: { pooling } });
  const before = tf.memory().numTensors;
  const values = await retrieverStep(made, parameters, given);
  expect(tf.memory().numTensors).toBe(before);
  await made.dispose();
  return values;
}

const largest = (values: Float32Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

describe('saving memory changes neither loss nor gradient, dropout on', () => {
  const ownGroups = Float32Array.from([0, -1e9, -1e9, 0, -1e9, -1e9, 0, -1e9, -1e9, 0, -1e9, -1e9, 0, 0, -1e9]);
  const cases: { name: string; memory: Partial<MemoryPlan>; mask?: Float32Array; replicas?: number; pooling?: Pooling }[] = [
    { name: 'GradCache, one sequence at a time', memory: { kind: 'gradCache', chunkRows: 1 } },
    { name: 'GradCache, ragged chunks', memory: { kind: 'gradCache', chunkRows: 2 } },
    { name: 'GradCache, ragged chunks, two replicas', memory: { kind: 'gradCache', chunkRows: 2 }, replicas: 2 },
    { name: 'GradCache, mean pooling', memory: { kind: 'gradCache', chunkRows: 2 }, pooling: 'mean' },
    { name: 'accumulation, one query at a time', memory: { kind: 'accumulation', microBatch: 1 }, mask: ownGroups },
    { name: 'accumulation, ragged groups', memory: { kind: 'accumulation', microBatch: 2 }, mask: ownGroups },
    { name: 'accumulation, two replicas', memory: { kind: 'accumulation', microBatch: 2 }, mask: ownGroups, replicas: 2 },
    { name: 'gradient checkpointing', memory: { recompute: true } },
    { name: 'gradient checkpointing, mean pooling', memory: { recompute: true }, pooling: 'mean' },
    { name: 'gradient checkpointing within GradCache', memory: { kind: 'gradCache', chunkRows: 2, recompute: true } },
  ];
  it.each(cases)('$name', async ({ memory, mask, replicas = 1, pooling = 'cls' }) => {
    const given = mask ? { ...batch, contrast: { ...batch.contrast, mask } } : batch;
    const expected = await withPlan(1, {}, given, pooling);
    const found = await withPlan(replicas, memory, given, pooling);
    expect(Math.abs(found.loss - expected.loss)).toBeLessThan(1e-5);
    const difference = largest(found.gradient.map((value, i) => value - expected.gradient[i]!));
    expect(difference).toBeLessThan(1e-5 * Math.max(1, largest(expected.gradient)));
    expect(largest(expected.gradient)).toBeGreaterThan(1e-3);
  });
});

describe('frozen parameters', () => {
  it('have no gradient, the others the same as ever', async () => {
    const parameters = initialParameters(createDualEncoder(tinyShape()).specs, 3);
    const frozen = { embeddings: true, layers: 1 };
    const results: Float32Array[] = [];
    for (const shape of [{}, { frozen }]) {
      const replicas = await group(1, 'shared', 0, { shape });
      results.push((await retrieverStep(replicas, parameters, batch)).gradient);
      await replicas.dispose();
    }
    forEachSlice(createDualEncoder({ ...tinyShape(), frozen }).specs, (spec, begin, end) => {
      const [all, some] = results.map((gradient) => gradient.subarray(begin, end));
      expect(spec.frozen, spec.name).toBe(/^embeddings|layer\.0/.test(spec.name));
      expect(some, spec.name).toEqual(spec.frozen ? new Float32Array(end - begin) : all);
    });
  });
});

describe('encoding and searching', () => {
  it('give the same vectors and hits from two replicas as from one', async () => {
    const parameters = initialParameters(createDualEncoder(tinyShape()).specs, 3);
    const results = [];
    for (const size of [1, 2]) {
      const replicas = await group(size);
      replicas.assign(parameters);
      await replicas.encode('passage', Int32Array.of(0, 1, 2, 3, 4));
      await replicas.encode('query', Int32Array.of(0, 1, 2));
      const hits = await replicas.search(Int32Array.of(0, 2), 3);
      results.push({ vectors: [...replicas.shared.vectors.passage], passages: [...hits.passages], scores: [...hits.scores] });
      await replicas.dispose();
    }
    expect(results[1]).toEqual(results[0]);
  });

  it('a failing replica is an error, not a wait for ever', async () => {
    const replicas = await group(2);
    const broken = { ...batch, contrast: { ...batch.contrast, mask: new Float32Array(1) } };
    const { specs } = replicas.first;
    await expect(retrieverStep(replicas, initialParameters(specs, 3), broken)).rejects.toThrow();
    await replicas.dispose();
  });
});
