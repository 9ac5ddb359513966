/**
 * Dropout (Srivastava et al. 2014) whose masks are a pure function of (key, mask, row, line, element): the same on every backend, in every replay,
 * and for a sequence in whatever batch and with whatever padding it is encoded.
 */
import { type Key, threefry2x32 } from '../../core/random.js';
import { tf } from '../tf.js';

const LANES = 256; // the values of a byte: one Threefry block of 64 bits decides eight elements
/** The longest sequence whose lines have numbers of their own. */
const LONGEST = 4096;
/** Rows that have numbers beside the mask's in one counter. */
const ROWS = 2 ** 24;

/**
 * 0 with probability `rate`, otherwise 1/(1 − rate), for each element of `shape`: [B, T, D] (tokens of D elements) or [B, H, T, U] (attention of
 * T asking tokens). Row b is the sequence rows[b], `mask` (below 256) numbers the masks under one key. Element i of a line is byte i mod 8 of block
 * (key, line · blocks a line + ⌊i/8⌋, mask · 2²⁴ + row). `rate` in [0, 1) is rounded to a multiple of 1/256, and the scale follows the rounded rate.
 */
export function dropoutMask(
  shape: readonly [number, number, number] | readonly [number, number, number, number],
  rate: number,
  key: Key,
  mask: number,
  rows: ArrayLike<number>,
): tf.Tensor {
  const threshold = Math.min(Math.round(rate * LANES), LANES - 1);
  const scale = LANES / (LANES - threshold);
  const length = shape[shape.length - 1]!;
  const lines = shape[shape.length - 2]!;
  const groups = shape.length === 4 ? shape[1] : 1; // heads
  const blocks = Math.ceil((shape.length === 4 ? LONGEST : length) / 8);
  const values = new Float32Array(shape.reduce((size, dim) => size * dim, 1));
  const words = new Int32Array(2);
  let at = 0;
  for (let b = 0; b < shape[0]; b++) {
    const row = mask * ROWS + rows[b]!;
    for (let group = 0; group < groups; group++) {
      for (let line = 0; line < lines; line++) {
        const first = (group * LONGEST + line) * blocks;
        for (let i = 0; i < length; i++, at++) {
          if ((i & 7) === 0) threefry2x32(key, first + (i >> 3), row, words);
          const byte = (words[(i & 7) >> 2]! >>> ((i & 3) * 8)) & 0xff;
          if (byte >= threshold) values[at] = scale;
        }
      }
    }
  }
  return tf.tensor(values, [...shape]);
}
