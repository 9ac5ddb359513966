/** The gradient of a vocabulary of which a step reads few rows: taken over row by row, it is the one of the whole table. */
import { expect, it } from 'vitest';
import { selectBackend, tf } from '../../../src/backend/index.js';
import { createDualEncoder } from '../../../src/encoders/dualEncoder.js';
import { initialParameters } from '../../../src/encoders/parameters.js';
import { Replicas } from '../../../src/train/step/replicas.js';
import { createSharedMemory, type MemoryPlan } from '../../../src/train/step/sharedMemory.js';
import { SOFTMAX, tinyShape, toyTokens, WHOLE } from '../fixtures.js';
import { retrieverStep } from '../steps.js';

const VOCABULARY = 900; // of which a step reads at most 30
const tokens = { query: toyTokens([4, 7, 5], 'queries'), passage: toyTokens([6, 3, 9, 8, 5, 7], 'passages') };
const batch = {
  ...{ step: 0, queries: tokens.query, passages: tokens.passage },
  contrast: { target: Int32Array.of(0, 1, 2), mask: new Float32Array(18) },
};

function encoder(towers: 'shared' | 'separate', frozen: boolean) {
  const tiny = tinyShape(towers);
  return { ...tiny, transformer: { ...tiny.transformer, vocabulary: VOCABULARY }, frozen: { ...tiny.frozen, embeddings: frozen } };
}

async function gradientOf(backend: 'cpu' | 'onnx', replicas: number, memory: MemoryPlan, towers: 'shared' | 'separate', frozen: boolean) {
  await selectBackend(backend);
  const before = tf.memory().numTensors;
  const shape = encoder(towers, frozen);
  const settings = { replicas, seed: 1, padId: 0, encoder: shape, memory, loss: SOFTMAX, maxStepRows: 9 };
  const group = await Replicas.create(createSharedMemory(settings, tokens), backend);
  const parameters = initialParameters(createDualEncoder(shape).specs, 3);
  const first = await retrieverStep(group, parameters, batch);
  const held = tf.memory().numTensors;
  const again = await retrieverStep(group, parameters, batch);
  expect(again).toEqual(first);
  expect(tf.memory().numTensors).toBe(held);
  await group.dispose();
  expect(tf.memory().numTensors).toBe(before);
  return first;
}

const cases = [
  { name: 'in one piece', memory: WHOLE, replicas: 1 },
  { name: 'by two replicas', memory: WHOLE, replicas: 2 },
  { name: 'by GradCache', memory: { ...WHOLE, kind: 'gradCache', chunkRows: 2 }, replicas: 1 },
  { name: 'accumulated', memory: { ...WHOLE, kind: 'accumulation', microBatch: 1 }, replicas: 1 },
  { name: 'with layers computed again', memory: { ...WHOLE, recompute: true }, replicas: 1 },
] as const;

it.each(cases)('$name', async ({ memory, replicas }) => {
  for (const towers of ['shared', 'separate'] as const) {
    const [whole, byRow] = [await gradientOf('cpu', 1, WHOLE, towers, false), await gradientOf('onnx', replicas, memory, towers, false)];
    expect(Math.abs(byRow.loss - whole.loss)).toBeLessThan(1e-5);
    const table = byRow.gradient.subarray(0, VOCABULARY * 8);
    expect(table.some((slope) => Math.abs(slope) > 1e-4)).toBe(true);
    whole.gradient.forEach((slope, i) => expect(Math.abs(byRow.gradient[i]! - slope)).toBeLessThan(1e-5));
  }
});

it('has none where the embeddings are frozen', async () => {
  const { gradient } = await gradientOf('onnx', 1, WHOLE, 'shared', true);
  expect(gradient.subarray(0, VOCABULARY * 8).every((slope) => slope === 0)).toBe(true);
  expect(gradient.some((slope) => slope !== 0)).toBe(true);
});
