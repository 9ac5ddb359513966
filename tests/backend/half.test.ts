/** Dense layers of halves on WebGPU, where an adapter answers; skipped without. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { computeInHalves, dense, denseGelu, tf } from '../../src/backend/index.js';
import { halved, restored } from '../../src/backend/webgpu/half.js';
import { candidates, evaluate, type Given, gaussian, map, type Operator } from './harness.js';

const { loaded } = await candidates();
const denseOf: Operator = (x, w, b) => dense(x as tf.Tensor2D, w as tf.Tensor2D, b as tf.Tensor1D);
const denseGeluOf: Operator = (x, w, b) => denseGelu(x as tf.Tensor2D, w as tf.Tensor2D, b as tf.Tensor1D);
const affine = (N: number, I: number, O: number): Given[] => [
  gaussian([N, I]),
  map(gaussian([O, I], 1), (x) => x / Math.sqrt(I)),
  gaussian([O], 2),
];
/** Some tiles of products, and odd rows. */
const size = fc.integer({ min: 1, max: 150 });
const runs = { numRuns: 8, seed: 20221 };

/** Value and gradients are those of the cpu backend but for what rounding two factors to 11 bits makes of sums: the length of the difference is small. */
async function expectNearCpu(f: Operator, inputs: Given[]): Promise<void> {
  const expected = await evaluate('cpu', f, inputs);
  const actual = await evaluate('webgpu', f, inputs);
  actual.forEach((array, i) => {
    const length = (values: Float32Array) => Math.hypot(...values);
    const off = length(array.map((x, j) => x - expected[i][j]));
    expect(off, i === 0 ? 'value' : `gradient of input ${i - 1}`).toBeLessThanOrEqual(1e-3 * length(expected[i]));
  });
}

const integers = (shape: number[], row: number): Given => map(gaussian(shape, row), (x) => Math.round(4 * x));

async function restoredOf(values: Float32Array, shape: [number, number]): Promise<Float32Array> {
  await tf.setBackend('webgpu');
  const back = tf.tidy(() => restored(halved(tf.tensor2d(values, shape))));
  const found = (await back.data()) as Float32Array;
  back.dispose();
  return found;
}

describe.skipIf(!loaded.includes('webgpu'))('halves', () => {
  beforeEach(() => computeInHalves(true));
  afterEach(() => computeInHalves(false));

  it(
    'dense is x·wᵀ + b, to the bits of halves',
    () =>
      fc.assert(
        fc.asyncProperty(size, size, size, (N, I, O) => expectNearCpu(denseOf, affine(N, I, O))),
        runs,
      ),
    60_000,
  );

  it(
    'denseGelu is gelu(x·wᵀ + b), likewise',
    () =>
      fc.assert(
        fc.asyncProperty(size, size, size, (N, I, O) => expectNearCpu(denseGeluOf, affine(N, I, O))),
        runs,
      ),
    60_000,
  );

  it(
    'dense of small integers, which halves hold, is exact',
    () =>
      fc.assert(
        fc.asyncProperty(size, size, size, async (N, I, O) => {
          const inputs = [integers([N, I], 0), integers([O, I], 1), integers([O], 2)];
          const [expected] = await evaluate('cpu', denseOf, inputs);
          const [actual] = await evaluate('webgpu', denseOf, inputs);
          expect(actual).toEqual(expected);
        }),
        runs,
      ),
    60_000,
  );

  it('are half of what two layers keep for the backward pass', async () => {
    await tf.setBackend('webgpu');
    const inputs = [gaussian([256, 64]), gaussian([256, 64], 1), gaussian([256], 2), gaussian([64, 256], 3), gaussian([64], 4)];
    const tensors = inputs.map(({ values, shape }) => tf.tensor(values, shape));
    const keptBytes = (): number => {
      const before = tf.memory().numBytes;
      let kept = 0;
      const gradients = tf.grads((x, w, b, back, c) => {
        const y = tf.tidy(() => denseOf(denseGeluOf(x, w, b), back, c));
        kept = tf.memory().numBytes - before - 4 * y.size;
        return tf.sum(y);
      })(tensors);
      tf.dispose(gradients);
      return kept;
    };
    const halves = keptBytes();
    computeInHalves(false);
    expect(halves / keptBytes()).toBeCloseTo(0.5, 3);
    tf.dispose(tensors);
  });

  it('are other numbers than those of 32 bits', async () => {
    const inputs = affine(8, 64, 8);
    const halves = await evaluate('webgpu', denseOf, inputs);
    computeInHalves(false);
    expect(await evaluate('webgpu', denseOf, inputs)).not.toEqual(halves);
  });

  it.each([1e-30, 1e-6, 1, 1e6, 1e30])(
    'keep 11 bits of numbers of any size: %s',
    (factor) =>
      fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 9000 }), fc.integer({ min: 1, max: 7 }), async (rows, columns) => {
          const { values } = map(gaussian([rows, columns]), (x) => x * factor);
          const found = await restoredOf(values, [rows, columns]);
          const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
          values.forEach((x, i) => {
            // Below 2⁻²⁹ of the largest a half has fewer bits.
            const within = Math.max(Math.abs(x) * 2 ** -11, largest * 2 ** -38);
            if (!(Math.abs(found[i] - x) <= within * 1.001)) expect.fail(`${found[i]} of ${x}`);
          });
        }),
        { numRuns: 6, seed: 3 },
      ),
    60_000,
  );

  it('keep zeros', async () => {
    expect(await restoredOf(new Float32Array(6), [2, 3])).toEqual(new Float32Array(6));
  });

  it.each([Number.POSITIVE_INFINITY, Number.NaN])('hide no %s', async (broken) => {
    expect(await restoredOf(Float32Array.of(1, broken, 2, 3), [2, 2])).toEqual(new Float32Array(4).fill(Number.NaN));
  });
});
