/** Attention where its shapes and masks are odd. */
import { describe, it } from 'vitest';
import { attention, tf } from '../../src/backend/index.js';
import { candidates, expectLikeCpu, gaussian, type Operator } from './harness.js';

const { loaded } = await candidates();

/** Of two sequences of T tokens, of which `padded` of the first are padding. */
const ofTwo = (T: number, heads: number, padded: number): Operator => {
  const mask = () => tf.tensor2d(new Float32Array(2 * T).fill(-1e9, T - padded, T), [2, T]);
  return (query, keyValue) => attention(query as tf.Tensor2D, keyValue as tf.Tensor2D, [{ mask: mask() }], heads);
};

describe.each(loaded)('%s', (backend) => {
  it.each([
    ['of narrow heads and long sequences', 150, 5, 20],
    ['of a sequence that is padding throughout', 6, 3, 6],
  ])('attention %s is as on cpu', (_, T, width, padded) => {
    const D = 2 * width;
    return expectLikeCpu(backend, ofTwo(T, 2, padded), [gaussian([2 * T, D], 1), gaussian([2 * T, 2 * D])]);
  });
});
