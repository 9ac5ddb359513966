/** Dropout (Srivastava et al. 2014) whose masks are a pure function of (key, row): the same on every backend and in every replay. */
import { type Key, threefry2x32 } from '../../core/random.js';
import { tf } from '../tf.js';

const LANES = 256; // the values of a byte: one Threefry block of 64 bits decides eight elements

/**
 * 0 with probability `rate`, otherwise 1/(1 − rate), for each element of `shape`; element i is byte i mod 8 of the
 * block (key, row, ⌊i/8⌋). `rate` in [0, 1) is rounded to a multiple of 1/256, and the scale follows the rounded rate.
 */
export function dropoutMask<S extends tf.ShapeMap[keyof tf.ShapeMap]>(shape: S, rate: number, key: Key, row: number): tf.Tensor {
  return tf.tensor(
    maskValues(
      shape.reduce((size, dim) => size * dim, 1),
      rate,
      key,
      row,
    ),
    shape,
  );
}

/** x · dropoutMask(x.shape, rate, key, row) */
export function dropout<T extends tf.Tensor>(x: T, rate: number, key: Key, row: number): T {
  return tf.tidy(() => tf.mul(x, dropoutMask(x.shape, rate, key, row)));
}

function maskValues(size: number, rate: number, key: Key, row: number): Float32Array {
  const threshold = Math.min(Math.round(rate * LANES), LANES - 1);
  const scale = LANES / (LANES - threshold);
  const mask = new Float32Array(size);
  const words = new Int32Array(2);
  for (let block = 0; block * 8 < size; block++) {
    threefry2x32(key, block, row, words);
    const end = Math.min(size - block * 8, 8);
    for (let lane = 0; lane < end; lane++) {
      const byte = (words[lane >> 2] >>> ((lane & 3) * 8)) & 0xff;
      if (byte >= threshold) mask[block * 8 + lane] = scale;
    }
  }
  return mask;
}
