/**
 * Dropout (Srivastava et al. 2014) whose masks are a pure function of (key, mask, row, line, element): the same on every backend, in every replay,
 * and for a sequence in whatever batch and with whatever padding it is encoded.
 */
import { type Key, threefry2x32 } from '../../core/random.js';
import { tf } from '../tf.js';
import { type MaskLayout, maskOnWebgpu } from '../webgpu/dropout.js';
import { webgpuIsActive } from '../webgpu/kernel.js';

const LANES = 256; // the values of a byte: one Threefry block of 64 bits decides eight elements
/** The longest sequence whose lines have numbers of their own. */
const LONGEST = 4096;
/** Rows that have numbers beside the mask's in one counter. */
const ROWS = 2 ** 24;

/** A mask's rate, its key, its number (below 256) under that key, and the numbers of its sequences. */
export interface Dropout {
  readonly rate: number;
  readonly key: Key;
  readonly mask: number;
  readonly rows: ArrayLike<number>;
}

export type MaskShape = readonly [number, number, number] | readonly [number, number, number, number];

/**
 * 0 with probability `rate`, otherwise 1/(1 − rate), for each element of `shape`: [B, T, D] (tokens of D elements) or [B, H, T, U] (attention of
 * T asking tokens). Row b is the sequence rows[b], `mask` numbers the masks under one key. Element i of a line is byte i mod 8 of block
 * (key, line · blocks a line + ⌊i/8⌋, mask · 2²⁴ + row). `rate` in [0, 1) is rounded to a multiple of 1/256, and the scale follows the rounded rate.
 */
export function dropoutMask(shape: MaskShape, dropout: Dropout): tf.Tensor {
  if (webgpuIsActive()) return maskOnWebgpu(shape, maskLayout(shape, dropout));
  return tf.tensor(dropoutValues(shape, dropout), [...shape]);
}

/** The mask's numbers. */
export function dropoutValues(shape: MaskShape, dropout: Dropout): Float32Array {
  const { key, groups, lines, length, blocks, linesNumbered, threshold, scale, counters } = maskLayout(shape, dropout);
  const values = new Float32Array(shape.reduce((size, dim) => size * dim, 1));
  const words = new Int32Array(2);
  let at = 0;
  for (const counter of counters) {
    for (let group = 0; group < groups; group++) {
      for (let line = 0; line < lines; line++) {
        const first = (group * linesNumbered + line) * blocks;
        for (let i = 0; i < length; i++, at++) {
          if ((i & 7) === 0) threefry2x32(key, first + (i >> 3), counter, words);
          const byte = (words[(i & 7) >> 2]! >>> ((i & 3) * 8)) & 0xff;
          if (byte >= threshold) values[at] = scale;
        }
      }
    }
  }
  return values;
}

/** How the elements of a mask are numbered, and which of them stay. */
export function maskLayout(shape: MaskShape, { rate, key, mask, rows }: Dropout): MaskLayout {
  const threshold = Math.min(Math.round(rate * LANES), LANES - 1);
  const length = shape[shape.length - 1]!;
  return {
    key,
    groups: shape.length === 4 ? shape[1] : 1, // heads
    lines: shape[shape.length - 2]!,
    length,
    blocks: Math.ceil((shape.length === 4 ? LONGEST : length) / 8),
    linesNumbered: LONGEST,
    threshold,
    scale: LANES / (LANES - threshold),
    counters: Int32Array.from(rows, (row) => mask * ROWS + row),
  };
}
