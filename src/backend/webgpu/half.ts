/**
 * Matrices in half precision on WebGPU: two numbers a word, and products of such matrices, summed in 32 bits. Each matrix is multiplied by a power of two of its
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

/** As tensors, for what takes tensors alone. */
export const tensorsOf = (all: readonly Halves[]): tf.Tensor[] => all.flatMap(({ words, largest }) => [words, largest]);

/** The halves of such tensors, of so many columns each. */
export const halvesOf = (tensors: readonly tf.Tensor[], columns: readonly number[]): Halves[] =>
  columns.map((count, i) => ({ words: tensors[2 * i]!, largest: tensors[2 * i + 1]!, columns: count }));

let on = false;

/** From now on, or no more, products of dense layers are of halves, and what these and attention keep for the backward pass is halves. */
export const computeInHalves = (halves: boolean): void => {
  on = halves;
};

export const halvesAreOn = (): boolean => on;

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
const SCALES = `
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

/** Rows and columns of the product that a workgroup makes, and how much of the sum it holds at once. */
const SIDE = 64;
const DEPTH = 16;
/** Each thread makes 4×4. */
const THREADS = (SIDE / 4) ** 2;

/** Loads SIDE × DEPTH of a factor to `to`, DEPTH first: where its rows are the product's, or where they are what is summed over. */
const load = (from: 'a' | 'b', to: string, first: string, size: string, along: boolean): string => {
  const inRow = (along ? DEPTH : SIDE) / 2;
  return `
    for (var i = i32(localIndex); i < ${(SIDE * DEPTH) / 2}; i += ${THREADS}) {
      let line = i / ${inRow};
      let pairAt = i % ${inRow};
      let row = ${along ? `${first} + line` : 'k + line'};
      let column = ${along ? 'k' : first} + 2 * pairAt;
      let inside = row < ${along ? size : 'uniforms.K'} && column < ${along ? 'uniforms.K' : size};
      var pair = vec2<f32>(0.0);
      if (inside) { pair = unpack2x16float(bitcast<u32>(${from}[row * uniforms.${from}Words + column / 2])); }
      ${along ? `${to}[2 * pairAt * ${SIDE} + line] = pair.x; ${to}[(2 * pairAt + 1) * ${SIDE} + line] = pair.y;` : `${to}[line * ${SIDE} + 2 * pairAt] = pair.x; ${to}[line * ${SIDE} + 2 * pairAt + 1] = pair.y;`}
    }`;
};

interface Form {
  /** Whether the sum goes along the rows of the factor. */
  readonly a: boolean;
  readonly b: boolean;
  readonly bias: boolean;
}

const productOf = ({ a, b, bias }: Form): Kernel => ({
  name: `product of halves${a ? '' : ', left transposed'}${b ? ', right transposed' : ''}${bias ? ', bias' : ''}`,
  inputs: ['a', 'aLargest', 'b', 'bLargest', ...(bias ? ['bias'] : [])],
  uniforms: { M: 'i32', N: 'i32', K: 'i32', aWords: 'i32', bWords: 'i32' },
  workgroup: THREADS,
  code: `${SCALES}
var<workgroup> lefts: array<f32, ${SIDE * DEPTH}>;
var<workgroup> rights: array<f32, ${SIDE * DEPTH}>;
fn main(index: i32) {
  let across = (uniforms.N + ${SIDE - 1}) / ${SIDE};
  let group = index / ${THREADS};
  let m = (group / across) * ${SIDE};
  let n = (group % across) * ${SIDE};
  let top = (i32(localIndex) / ${SIDE / 4}) * 4;
  let side = (i32(localIndex) % ${SIDE / 4}) * 4;
  var sums: array<vec4<f32>, 4>;
  for (var k = 0; k < uniforms.K; k += ${DEPTH}) {
    workgroupBarrier();${load('a', 'lefts', 'm', 'uniforms.M', a)}${load('b', 'rights', 'n', 'uniforms.N', b)}
    workgroupBarrier();
    for (var at = 0; at < ${SIDE * DEPTH}; at += ${SIDE}) {
      let right = vec4<f32>(rights[at + side], rights[at + side + 1], rights[at + side + 2], rights[at + side + 3]);
      for (var i = 0; i < 4; i++) { sums[i] += lefts[at + top + i] * right; }
    }
  }
  let aInverse = powerOfTwo(-powerOf(aLargest[0]));
  let bInverse = powerOfTwo(-powerOf(bLargest[0]));
  for (var i = 0; i < 4; i++) {
    for (var j = 0; j < 4; j++) {
      if (m + top + i < uniforms.M && n + side + j < uniforms.N) {
        result[(m + top + i) * uniforms.N + n + side + j] = sums[i][j] * aInverse * bInverse${bias ? ' + bias[n + side + j]' : ''};
      }
    }
  }
}`,
});

const rowsOf = ({ words }: Halves): number => words.shape[0]!;

function product(kernel: Kernel, a: Halves, b: Halves, [M, N, K]: readonly number[], bias: readonly tf.Tensor[] = []): tf.Tensor2D {
  const groups = Math.ceil(M! / SIDE) * Math.ceil(N! / SIDE);
  return runKernel(kernel, {
    inputs: [a.words, a.largest, b.words, b.largest, ...bias],
    uniforms: { M: M!, N: N!, K: K!, aWords: a.words.shape[1]!, bWords: b.words.shape[1]! },
    result: [M!, N!],
    threads: groups * THREADS,
  }) as tf.Tensor2D;
}

const AFFINE = productOf({ a: true, b: true, bias: true });
const PLAIN = productOf({ a: true, b: false, bias: false });
const LEFT = productOf({ a: false, b: false, bias: false });

/** x [M, K], w [N, K], bias [N] → x·wᵀ + bias */
export const affineOfHalves = (x: Halves, w: Halves, bias: tf.Tensor): tf.Tensor2D =>
  product(AFFINE, x, w, [rowsOf(x), rowsOf(w), x.columns], [bias]);

/** a [M, K], b [K, N] → a·b */
export const productOfHalves = (a: Halves, b: Halves): tf.Tensor2D => product(PLAIN, a, b, [rowsOf(a), b.columns, a.columns]);

/** a [K, M], b [K, N] → aᵀ·b */
export const productOfHalvesLeft = (a: Halves, b: Halves): tf.Tensor2D => product(LEFT, a, b, [a.columns, b.columns, rowsOf(a)]);
