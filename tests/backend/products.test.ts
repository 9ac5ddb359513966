/** Our matrix products on WebGPU, where an adapter answers; skipped without. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tf } from '../../src/backend/index.js';
import { affine, product, productLeft } from '../../src/backend/webgpu/products.js';
import { candidates, type Given, gaussian, map } from './harness.js';

const { loaded } = await candidates();
const runs = { numRuns: 12, seed: 20221 };
/** Around the sides of tiles, and tails of sums. */
const rows = fc.integer({ min: 1, max: 200 });
const width = fc.oneof(
  fc.integer({ min: 1, max: 50 }).map((n) => 4 * n),
  fc.integer({ min: 1, max: 200 }),
);

/** Sums of small integers have one value, whatever their order. */
const integers = (shape: number[], row: number): Given => map(gaussian(shape, row), (x) => Math.round(4 * x));

type Make = (a: tf.Tensor2D, b: tf.Tensor2D, bias: tf.Tensor) => tf.Tensor;

/** What `ours` makes on WebGPU is what `theirs` makes on cpu. */
async function expectEqual(inputs: Given[], ours: Make, theirs: Make): Promise<void> {
  const on = async (backend: string, make: Make) => {
    await tf.setBackend(backend);
    const before = tf.memory().numTensors;
    const tensors = inputs.map(({ values, shape }) => tf.tensor(values, shape));
    const [a, b, bias] = tensors as [tf.Tensor2D, tf.Tensor2D, tf.Tensor];
    const made = make(a, b, bias);
    const found = { shape: made.shape, values: await made.data() };
    tf.dispose([...tensors, made]);
    expect(tf.memory().numTensors).toBe(before);
    return found;
  };
  expect(await on('webgpu', ours)).toEqual(await on('cpu', theirs));
}

describe.skipIf(!loaded.includes('webgpu'))('products', () => {
  it(
    'affine is x·wᵀ + b',
    () =>
      fc.assert(
        fc.asyncProperty(rows, width, width, (M, N, K) =>
          expectEqual([integers([M, K], 0), integers([N, K], 1), integers([N], 2)], affine, (x, w, b) =>
            tf.tidy(() => tf.add(tf.matMul(x, w, false, true), b)),
          ),
        ),
        runs,
      ),
    60_000,
  );

  it(
    'product is a·b',
    () =>
      fc.assert(
        fc.asyncProperty(rows, width, width, (M, N, K) =>
          expectEqual([integers([M, K], 0), integers([K, N], 1)], product, (a, b) => tf.matMul(a, b)),
        ),
        runs,
      ),
    60_000,
  );

  it(
    'productLeft is aᵀ·b, in parts where rows are many',
    () =>
      fc.assert(
        fc.asyncProperty(width, width, fc.oneof(rows, fc.integer({ min: 500, max: 1500 })), (M, N, K) =>
          expectEqual([integers([K, M], 0), integers([K, N], 1)], productLeft, (a, b) => tf.matMul(a, b, true)),
        ),
        runs,
      ),
    60_000,
  );

  it('a NaN or an infinity beyond a factor’s end stays out of the sums', async () => {
    await tf.setBackend('webgpu');
    // Buffers are used again: what lies behind 20 numbers of a larger buffer is what was there.
    tf.dispose(tf.fill([64, 64], Number.NaN));
    await expectEqual([integers([33, 20], 0), integers([20, 8], 1)], product, (a, b) => tf.matMul(a, b));
    await expectEqual([integers([21, 36], 0), integers([21, 8], 1)], productLeft, (a, b) => tf.matMul(a, b, true));
  });
});
