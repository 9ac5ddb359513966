/**
 * Matrix products on WebGPU, of numbers in f32 or in halves, summed in 32 bits. A workgroup makes SIDE × SIDE of the result and a thread 8×8 of it, from
 * slices of both factors in workgroup memory: 64 multiplications for each 16 numbers read there, where TensorFlow.js' kernel has 16 for 8.
 */
import { tf } from '../tf.js';
import { inHalves, type Matrix, numbersOf, SCALES } from './half.js';
import { columnSums, type Kernel, runKernel } from './kernel.js';

const SIDE = 64;
/** How much of the sum is in workgroup memory at once. */
const DEPTH = 16;
const THREADS = (SIDE / 8) ** 2;
/** A slice's line of SIDE numbers, by four. */
const LINE = SIDE / 4;
const PARTS_OF_VECTOR = ['x', 'y', 'z', 'w'];

interface Form {
  readonly halves: boolean;
  /** Whether the sum goes along the rows of the factor; else along its columns. */
  readonly a: boolean;
  readonly b: boolean;
  readonly bias: boolean;
}

/** WGSL: four numbers of a row, the `at`-th of the matrix. */
const read = (from: 'a' | 'b', at: string, halves: boolean): string =>
  halves
    ? `vec4<f32>(unpack2x16float(bitcast<u32>(${from}[2 * (${at})])), unpack2x16float(bitcast<u32>(${from}[2 * (${at}) + 1])))`
    : `${from}[${at}]`;

/** WGSL: each thread loads 4×4 numbers of rows that the sum goes along, and turns them. Threads of a row's 64 bytes are neighbours, so are those of a line. */
const loadAlong = (from: 'a' | 'b', to: string, first: string, rows: string, halves: boolean): string => `
    {
      let line = own % 8 + 8 * (own / 32);
      let deep = own / 8 % 4;
      let inside = k + 4 * deep < uniforms.K;
      ${PARTS_OF_VECTOR.map((_, i) => {
        const at = `min(${first} + 4 * line + ${i}, ${rows} - 1) * uniforms.${from}Width + k / 4 + deep`;
        return `let row${i} = select(vec4<f32>(), ${read(from, at, halves)}, inside);`;
      }).join('\n      ')}
      ${PARTS_OF_VECTOR.map(
        (part, i) => `${to}[(4 * deep + ${i}) * ${LINE} + line] = vec4<f32>(row0.${part}, row1.${part}, row2.${part}, row3.${part});`,
      ).join('\n      ')}
    }`;

/** WGSL: each thread loads four times four numbers of rows that the sum goes across. */
const loadAcross = (from: 'a' | 'b', to: string, first: string, halves: boolean): string => `
    for (var line = own / ${LINE}; line < ${DEPTH}; line += ${THREADS / LINE}) {
      let column = min(${first} / 4 + own % ${LINE}, uniforms.${from}Width - 1);
      let row = k + line;
      let at = min(row, uniforms.K - 1) * uniforms.${from}Width + column;
      ${to}[line * ${LINE} + own % ${LINE}] = select(vec4<f32>(), ${read(from, 'at', halves)}, row < uniforms.K);
    }`;

/** A thread's rows and columns are two times four, so that neighbours read neighbouring vectors. */
const ROWS_OF_THREAD = Array.from({ length: 8 }, (_, i) => i);
const HALVES_OF_TILE = [0, 1];

const productOf = ({ halves, a, b, bias }: Form): Kernel => ({
  name: `product${halves ? ' of halves' : ''}${a ? '' : ', left transposed'}${b ? ', right transposed' : ''}${bias ? ', bias' : ''}`,
  inputs: ['a', 'b', ...(halves ? ['aLargest', 'bLargest'] : []), ...(bias ? ['bias'] : [])],
  vectors: [...(halves ? [] : ['a', 'b']), 'bias', 'result'],
  uniforms: { M: 'i32', N: 'i32', K: 'i32', span: 'i32', aWidth: 'i32', bWidth: 'i32' },
  workgroup: THREADS,
  code: `${halves ? SCALES : ''}
var<workgroup> lefts: array<vec4<f32>, ${LINE * DEPTH}>;
var<workgroup> rights: array<vec4<f32>, ${LINE * DEPTH}>;
fn main(index: i32) {
  let own = i32(localIndex);
  let group = index / ${THREADS};
  let down = (uniforms.M + ${SIDE - 1}) / ${SIDE};
  let across = (uniforms.N + ${SIDE - 1}) / ${SIDE};
  let part = group / (down * across);
  let m = group / across % down * ${SIDE};
  let n = group % across * ${SIDE};
  let top = own / 8;
  let side = own % 8;
  ${ROWS_OF_THREAD.flatMap((i) => HALVES_OF_TILE.map((j) => `var sum${i}${j} = vec4<f32>();`)).join(' ')}
  for (var step = 0; step < uniforms.span; step += ${DEPTH}) {
    let k = part * uniforms.span + step;
    workgroupBarrier();
    ${a ? loadAlong('a', 'lefts', 'm', 'uniforms.M', halves) : loadAcross('a', 'lefts', 'm', halves)}
    ${b ? loadAlong('b', 'rights', 'n', 'uniforms.N', halves) : loadAcross('b', 'rights', 'n', halves)}
    workgroupBarrier();
    for (var at = 0; at < ${LINE * DEPTH}; at += ${LINE}) {
      ${HALVES_OF_TILE.map((j) => `let left${j} = lefts[at + top + ${(j * LINE) / 2}]; let right${j} = rights[at + side + ${(j * LINE) / 2}];`).join(' ')}
      ${ROWS_OF_THREAD.map((i) => {
        const left = `vec4<f32>(left${Math.floor(i / 4)}.${PARTS_OF_VECTOR[i % 4]})`;
        return HALVES_OF_TILE.map((j) => `sum${i}${j} = fma(${left}, right${j}, sum${i}${j});`).join(' ');
      }).join('\n      ')}
    }
  }
  let scale = ${halves ? 'powerOfTwo(-powerOf(aLargest[0])) * powerOfTwo(-powerOf(bLargest[0]))' : '1.0'};
  let width = uniforms.N / 4;
  let last = (uniforms.K + uniforms.span - 1) / uniforms.span;
  ${HALVES_OF_TILE.map(
    (j) => `{
    let column = n / 4 + side + ${(j * LINE) / 2};
    if (part < last && column < width) {
      ${ROWS_OF_THREAD.map((i) => {
        const row = `m + 4 * top + ${Math.floor(i / 4) * (SIDE / 2) + (i % 4)}`;
        const value = `sum${i}${j} * scale${bias ? ' + bias[column]' : ''}`;
        return `if (${row} < uniforms.M) { result[(part * uniforms.M + ${row}) * width + column] = ${value}; }`;
      }).join('\n      ')}
    }
  }`,
  ).join('\n  ')}
}`,
});

const formsOf = (form: Omit<Form, 'halves'>) => ({
  floats: productOf({ ...form, halves: false }),
  halves: productOf({ ...form, halves: true }),
});
const AFFINE = formsOf({ a: true, b: true, bias: true });
const PLAIN = formsOf({ a: true, b: false, bias: false });
const LEFT = formsOf({ a: false, b: false, bias: false });

interface Sizes {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  /** Of K, that a workgroup sums up. */
  readonly span: number;
}

function run(
  forms: typeof AFFINE,
  factors: readonly [Matrix, Matrix],
  { M, N, K, span }: Sizes,
  bias: readonly tf.Tensor[] = [],
): tf.Tensor2D {
  const halves = factors.every(inHalves);
  const [a, b] = factors.map((factor) => (inHalves(factor) ? factor.words : factor)) as [tf.Tensor, tf.Tensor];
  const [aWidth, bWidth] = factors.map((factor) => columnsOf(factor) / 4) as [number, number];
  const parts = Math.ceil(K / span);
  const made = runKernel(halves ? forms.halves : forms.floats, {
    inputs: [a, b, ...factors.flatMap((factor) => (inHalves(factor) ? [factor.largest] : [])), ...bias],
    uniforms: { M, N, K, span, aWidth, bWidth },
    result: [parts * M, N],
    threads: parts * Math.ceil(M / SIDE) * Math.ceil(N / SIDE) * THREADS,
  });
  if (parts === 1) return made as tf.Tensor2D;
  const sum = tf.tidy(() => tf.reshape(columnSums(tf.reshape(made, [parts, M * N])), [M, N]));
  made.dispose();
  return sum as tf.Tensor2D;
}

const rowsOf = (matrix: Matrix): number => (inHalves(matrix) ? matrix.words : matrix).shape[0]!;
const columnsOf = (matrix: Matrix): number => (inHalves(matrix) ? matrix.columns : matrix.shape[1]);

/** The kernels read and write four numbers of a row at once, and a few rows would leave most of their tiles empty: other products are TensorFlow.js'. */
const isOurs = (M: number, ...widths: number[]): boolean => M >= SIDE / 2 && widths.every((width) => width % 4 === 0);

/** Workgroups that a large GPU has room for. */
const ROOM = 1024;
/** Of a sum that is made in parts each has at least so many. */
const LEAST = 256;

/** x [M, K], w [N, K], bias [N] → x·wᵀ + bias */
export function affine(x: Matrix, w: Matrix, bias: tf.Tensor): tf.Tensor2D {
  const [M, N, K] = [rowsOf(x), rowsOf(w), columnsOf(x)];
  if (isOurs(M, N, K)) return run(AFFINE, [x, w], { M, N, K, span: K }, [bias]);
  return tf.tidy(() => tf.fused.matMul({ a: numbersOf(x), b: numbersOf(w), transposeB: true, bias }) as tf.Tensor2D);
}

/** a [M, K], b [K, N] → a·b */
export function product(a: Matrix, b: Matrix): tf.Tensor2D {
  const [M, N, K] = [rowsOf(a), columnsOf(b), columnsOf(a)];
  if (isOurs(M, N, K)) return run(PLAIN, [a, b], { M, N, K, span: K });
  return tf.tidy(() => tf.matMul(numbersOf(a), numbersOf(b)));
}

/**
 * a [K, M], b [K, N] → aᵀ·b. The gradient of a weight: few numbers, each the sum over all rows of a batch. It is made in parts where one workgroup a
 * tile would leave most of a GPU idle; how many depends on the sizes alone, so that sums have the same order on every device.
 */
export function productLeft(a: Matrix, b: Matrix): tf.Tensor2D {
  const [M, N, K] = [columnsOf(a), columnsOf(b), rowsOf(a)];
  if (!isOurs(M, M, N)) return tf.tidy(() => tf.matMul(numbersOf(a), numbersOf(b), true));
  const tiles = Math.ceil(M / SIDE) * Math.ceil(N / SIDE);
  const parts = Math.max(1, Math.min(Math.floor(ROOM / tiles), Math.floor(K / LEAST)));
  return run(LEFT, [a, b], { M, N, K, span: DEPTH * Math.ceil(K / parts / DEPTH) });
}
