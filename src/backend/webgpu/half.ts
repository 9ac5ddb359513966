/**
 * Matrices in half precision on WebGPU: two numbers a word. Each matrix is multiplied by a power of two of its
 * own, so that its largest number lies just below the largest half, and its products are divided by both again. That is what loss scaling does for all
 * gradients together (Micikevicius et al. 2018, §3.2), but exactly, for each alone, and without a scale that is found by steps which overflow. Packing is
 * core WGSL, so that any adapter has it.
 */
import type { tf } from '../tf.js';
import { type Kernel, largestOfWorkgroup, runKernel } from './kernel.js';

export interface Halves {
  /** [rows, ⌈columns/2⌉] of i32, each two halves; an odd row ends with 0. */
  readonly words: tf.Tensor;
  /** [1] of i32: the bits, as of f32, of the largest absolute number before it was scaled. */
  readonly largest: tf.Tensor;
  readonly columns: number;
}

/** [rows, columns] */
export type Matrix = tf.Tensor2D | Halves;

export const inHalves = (matrix: Matrix): matrix is Halves => 'words' in matrix;

/** As tensors, for what takes tensors alone. */
export const tensorsOf = (matrices: readonly Matrix[]): tf.Tensor[] =>
  matrices.flatMap((matrix) => (inHalves(matrix) ? [matrix.words, matrix.largest] : [matrix]));

/** The matrices of such tensors, of the kinds and sizes of `like`. */
export function matricesOf(tensors: readonly tf.Tensor[], like: readonly Matrix[]): Matrix[] {
  let next = 0;
  return like.map((matrix) =>
    inHalves(matrix) ? { words: tensors[next++]!, largest: tensors[next++]!, columns: matrix.columns } : (tensors[next++] as tf.Tensor2D),
  );
}

/** In f32; a new tensor where they are halves. */
export const numbersOf = (matrix: Matrix): tf.Tensor2D => (inHalves(matrix) ? restored(matrix) : matrix);

let on = false;

/** From now on, or no more, products of dense layers are of halves, and what these and attention keep for the backward pass is halves. */
export const computeInHalves = (halves: boolean): void => {
  on = halves;
};

/** As it is multiplied and kept: halves where these are on; x stays. */
export const stored = (x: tf.Tensor2D): Matrix => (on ? halved(x) : x);

const W = 64;
/** Numbers that one thread looks at. */
const SPAN = 64;

/** The bits of |x| order as the numbers do, infinity and NaN last. */
const largestKernel = (input: 'numbers' | 'bits'): Kernel => ({
  name: `largest of ${input}`,
  inputs: ['x'],
  uniforms: { count: 'i32' },
  workgroup: W,
  code: `${largestOfWorkgroup(W, 'i32')}
fn main(index: i32) {
  let group = index / ${W};
  var most = 0;
  for (var i = 0; i < ${SPAN}; i++) {
    let at = (group * ${SPAN} + i) * ${W} + i32(localIndex);
    if (at < uniforms.count) { most = max(most, ${input === 'bits' ? 'x[at]' : 'bitcast<i32>(x[at]) & 0x7fffffff'}); }
  }
  let largest = largestOfWorkgroup(most);
  if (localIndex == 0u && group * ${SPAN * W} < uniforms.count) { result[group] = largest; }
}`,
});

const LARGEST_OF_NUMBERS = largestKernel('numbers');
const LARGEST_OF_BITS = largestKernel('bits');

function largestOf(x: tf.Tensor): tf.Tensor {
  let found = x;
  do {
    const kernel = found === x ? LARGEST_OF_NUMBERS : LARGEST_OF_BITS;
    const groups = Math.ceil(found.size / (SPAN * W));
    const next = runKernel(kernel, {
      inputs: [found],
      uniforms: { count: found.size },
      result: [groups],
      dtype: 'int32',
      threads: groups * W,
    });
    if (found !== x) found.dispose();
    found = next;
  } while (found.size > 1);
  return found;
}

/** WGSL: what a matrix whose largest number has these bits was multiplied by, 2^power, so that the largest came to lie in [2¹⁴, 2¹⁵). */
export const SCALES = `
fn powerOf(largest: i32) -> i32 {
  let exponent = largest >> 23u;
  return select(clamp(141 - exponent, -126, 126), 0, exponent == 0 || exponent == 255);
}
fn powerOfTwo(power: i32) -> f32 { return bitcast<f32>((power + 127) << 23u); }`;

/** A matrix with an infinity or a NaN is NaN throughout: what packing makes of them is not defined. */
const HALVE: Kernel = {
  name: 'halve',
  inputs: ['x', 'largest'],
  uniforms: { count: 'i32', columns: 'i32', words: 'i32' },
  workgroup: W,
  code: `${SCALES}
fn main(index: i32) {
  if (index < uniforms.count) {
    let column = 2 * (index % uniforms.words);
    let at = (index / uniforms.words) * uniforms.columns + column;
    var pair = vec2<f32>(x[at], 0.0);
    if (column + 1 < uniforms.columns) { pair.y = x[at + 1]; }
    let finite = (largest[0] >> 23u) < 255;
    result[index] = select(0x7e007e00, bitcast<i32>(pack2x16float(pair * powerOfTwo(powerOf(largest[0])))), finite);
  }
}`,
};

const RESTORE: Kernel = {
  name: 'restore halves',
  inputs: ['words', 'largest'],
  uniforms: { count: 'i32', columns: 'i32', words: 'i32' },
  workgroup: W,
  code: `${SCALES}
fn main(index: i32) {
  if (index < uniforms.count) {
    let column = index % uniforms.columns;
    let pair = unpack2x16float(bitcast<u32>(words[(index / uniforms.columns) * uniforms.words + column / 2]));
    result[index] = select(pair.x, pair.y, column % 2 == 1) * powerOfTwo(-powerOf(largest[0]));
  }
}`,
};

/** x [rows, columns] in f32 → halves; x stays. */
export function halved(x: tf.Tensor): Halves {
  const [rows, columns] = x.shape as [number, number];
  const largest = largestOf(x);
  const words = Math.ceil(columns / 2);
  const count = rows * words;
  const uniforms = { count, columns, words };
  return {
    words: runKernel(HALVE, { inputs: [x, largest], uniforms, result: [rows, words], dtype: 'int32', threads: count }),
    largest,
    columns,
  };
}

/** The numbers that are left of them, in f32 [rows, columns]. */
export function restored({ words, largest, columns }: Halves): tf.Tensor2D {
  const rows = words.shape[0]!;
  const count = rows * columns;
  const uniforms = { count, columns, words: words.shape[1]! };
  return runKernel(RESTORE, { inputs: [words, largest], uniforms, result: [rows, columns], threads: count }) as tf.Tensor2D;
}
