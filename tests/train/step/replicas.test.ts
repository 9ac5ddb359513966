/** What becomes of a failure in a group of two replicas: the first words are heard, and the next group works. */
import { beforeAll, expect, it } from 'vitest';
import { selectBackend } from '../../../src/backend/index.js';
import { UserError } from '../../../src/core/errors.js';
import { createDualEncoder } from '../../../src/encoders/dualEncoder.js';
import { initialParameters } from '../../../src/encoders/parameters.js';
import { createOptimizer } from '../../../src/train/step/optimizer.js';
import { Replicas } from '../../../src/train/step/replicas.js';
import { createSharedMemory, type StepBatch } from '../../../src/train/step/sharedMemory.js';
import { SOFTMAX, tinyShape, toyTokens, WHOLE } from '../fixtures.js';
import { retrieverStep } from '../steps.js';

const queries = toyTokens([4, 7, 5], 'queries');
const passages = toyTokens([6, 3, 9, 8, 5], 'passages');
const batch: StepBatch = { step: 0, queries, passages, contrast: { target: Int32Array.of(0, 1, 2), mask: new Float32Array(15) } };

const start = () => initialParameters(createDualEncoder(tinyShape()).specs, 3);

/** A group with initial parameters, or with NaN for all of them. */
async function group(diverged = false, members = 2): Promise<Replicas> {
  const settings = { replicas: members, seed: 1, padId: 0, encoder: tinyShape(), memory: WHOLE, loss: SOFTMAX, maxStepRows: 8 };
  const replicas = await Replicas.create(createSharedMemory(settings, { query: queries, passage: passages }), 'onnx');
  const initial = start();
  replicas.assign(diverged ? initial.fill(Number.NaN) : initial);
  return replicas;
}

beforeAll(async () => {
  await selectBackend('onnx');
});

it('weights that diverged are the user’s error, whichever replica met them', async () => {
  for (let i = 0; i < 3; i++) {
    const replicas = await group(true);
    await replicas.encode('passage', Int32Array.of(0, 1, 2, 3, 4));
    await replicas.encode('query', Int32Array.of(0, 1, 2));
    await expect(replicas.search(Int32Array.of(0, 1, 2), 2)).rejects.toThrow(UserError);
    await replicas.dispose(); // the other replica's failure may still be on its way: it is no failure to close
  }
});

it('this thread’s own failure is not replaced by the news that it failed', async () => {
  const replicas = await group();
  const short = { ...batch, contrast: { ...batch.contrast, mask: new Float32Array(1) } };
  await expect(retrieverStep(replicas, start(), short)).rejects.toThrow(/shape|size|values/i);
  await replicas.dispose();
});

it('the group after a failed one computes as if nothing had been', async () => {
  const results = [];
  for (let i = 0; i < 2; i++) {
    const replicas = await group();
    results.push(await retrieverStep(replicas, start(), batch));
    await replicas.dispose();
  }
  expect(results[1]).toEqual(results[0]);
});

it.each(['adamw', 'lamb'] as const)('two replicas take the steps of %s as one does', async (optimizer) => {
  const after: Float32Array[] = [];
  for (const members of [1, 2]) {
    const replicas = await group(false, members);
    const training = createOptimizer(replicas, { parameters: start() }, { optimizer, weightDecay: 0.1, clipNorm: 1, averageDecay: 0 });
    for (let step = 0; step < 3; step++) await training.step({ ...batch, step }, step, 0.01);
    after.push((await training.read()).parameters);
    training.dispose();
    await replicas.dispose();
  }
  const distance = (a: Float32Array, b: Float32Array) => Math.hypot(...a.map((value, i) => value - b[i]!));
  expect(distance(after[0]!, start())).toBeGreaterThan(0.1);
  expect(distance(after[0]!, after[1]!)).toBeLessThan(0.01 * distance(after[0]!, start()));
});
