/** Our own WGSL in TensorFlow.js' WebGPU backend: kernels of flat arrays, which that compiles once, queues and gives buffers to. */
import { UserError } from '../../core/errors.js';
import { tf } from '../tf.js';

export interface Kernel {
  /** Of one name there is one text. */
  readonly name: string;
  /** As the text calls them: flat arrays of f32 or i32. */
  readonly inputs: readonly string[];
  /** Inputs, or `result`, that the text takes as arrays of vectors of four. */
  readonly vectors?: readonly string[];
  /** Numbers that may differ from call to call, as `uniforms.NAME`. */
  readonly uniforms?: Readonly<Record<string, 'i32' | 'f32'>>;
  /** Threads of a workgroup. */
  readonly workgroup: number;
  /** Declarations, and `fn main(index: i32)`, index counting all threads; writes `result[…]`, which is flat too. Threads may be more than were asked for. */
  readonly code: string;
}

export interface KernelRun {
  readonly inputs: readonly tf.Tensor[];
  readonly uniforms?: Readonly<Record<string, number>>;
  /** Of the result, a new tensor; or one that is written over. */
  readonly result: readonly number[] | tf.Tensor;
  /** Of a new result; f32 where none is given. */
  readonly dtype?: 'float32' | 'int32';
  readonly threads: number;
}

/** Throws a UserError where the active backend cannot hold so many numbers of 32 bits in one array. */
export function requireBuffer(size: number, what: string): void {
  const most = largestBuffer();
  if (4 * size <= most) return;
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
  throw new UserError(
    `backend: ${what}: ${gigabytes(4 * size)}, and the adapter of WebGPU has buffers of at most ${gigabytes(most)}; take a smaller encoder, another adapter, or backend: onnx`,
  );
}

/** What is used of a backend that is an optional package. */
interface WebgpuBackend {
  readonly device: { readonly limits: { readonly maxStorageBufferBindingSize: number; readonly maxBufferSize: number } };
  runWebGPUProgram(
    program: object,
    inputs: readonly tf.TensorInfo[],
    dtype: 'float32' | 'int32',
    uniforms: readonly { type: 'int32' | 'float32'; data: number[] }[],
    output?: tf.TensorInfo,
  ): tf.TensorInfo;
}

export const webgpuIsActive = (): boolean => tf.getBackend() === 'webgpu';

/** Bytes of the largest array that the active backend can hold; infinite where memory alone is the limit. */
export function largestBuffer(): number {
  if (!webgpuIsActive()) return Number.POSITIVE_INFINITY;
  const { limits } = (tf.backend() as unknown as WebgpuBackend).device;
  return Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
}

export function runKernel(kernel: Kernel, { inputs, uniforms = {}, result, dtype = 'float32', threads }: KernelRun): tf.Tensor {
  const types = Object.entries(kernel.uniforms ?? {});
  const shape = result instanceof tf.Tensor ? result.shape : result;
  const components = (array: string) => (kernel.vectors?.includes(array) ? 4 : 1);
  const program = {
    shaderKey: `simans ${kernel.name}`,
    variableNames: kernel.inputs,
    variableComponents: kernel.inputs.map(components),
    outputComponent: components('result'),
    outputShape: [tf.util.sizeFromShape([...shape])],
    workgroupSize: [kernel.workgroup, 1, 1],
    dispatchLayout: { x: [0] },
    dispatch: [Math.ceil(threads / kernel.workgroup), 1, 1],
    uniforms: types.map(([name, type]) => `${name} : ${type}, `).join(''),
    getUserCode: () => kernel.code,
  };
  const values = types.map(([name, type]) => ({
    type: type === 'i32' ? ('int32' as const) : ('float32' as const),
    data: [uniforms[name]!],
  }));
  const backend = tf.backend() as unknown as WebgpuBackend;
  const info = backend.runWebGPUProgram(program, inputs.map(flat), dtype, values, result instanceof tf.Tensor ? flat(result) : undefined);
  if (result instanceof tf.Tensor) return result;
  return tf.engine().makeTensorFromTensorInfo({ ...info, shape: [...shape] });
}

const flat = ({ dataId, dtype, size }: tf.Tensor): tf.TensorInfo => ({ dataId, dtype, shape: [size] });

const ofWorkgroup = (name: string, W: number, type: 'f32' | 'i32', combined: (a: string, b: string) => string): string => `
var<workgroup> ${name}Shares: array<${type}, ${W}>;
fn ${name}(value: ${type}) -> ${type} {
  let own = i32(localIndex);
  workgroupBarrier();
  ${name}Shares[own] = value;
  for (var reach = ${W / 2}; reach > 0; reach = reach / 2) {
    workgroupBarrier();
    if (own < reach) { ${name}Shares[own] = ${combined(`${name}Shares[own]`, `${name}Shares[own + reach]`)}; }
  }
  workgroupBarrier();
  return ${name}Shares[0];
}`;

/** WGSL: the sum of `value` over a workgroup of W threads, known to all of them; called by all. */
export const sumOfWorkgroup = (W: number): string => ofWorkgroup('sumOfWorkgroup', W, 'f32', (a, b) => `${a} + ${b}`);

/** WGSL: the largest `value`, likewise. */
export const largestOfWorkgroup = (W: number, type: 'f32' | 'i32' = 'f32'): string =>
  ofWorkgroup('largestOfWorkgroup', W, type, (a, b) => `max(${a}, ${b})`);

/**
 * WGSL, for a workgroup of W threads a row of `uniforms.width` = D: its number `own`, its `row` and where that begins, `at`. More workgroups than
 * `uniforms.rows` do the last row again and write nothing.
 */
export const rowOfWorkgroup = (W: number): string => `
  let D = uniforms.width;
  let own = index / ${W};
  let row = min(own, uniforms.rows - 1);
  let at = row * D;`;

/** Rows that one thread adds up. */
export const ROWS = 64;

const COLUMN_SUMS: Kernel = {
  name: 'column sums',
  inputs: ['x'],
  uniforms: { rows: 'i32', columns: 'i32' },
  workgroup: 64,
  code: `
fn main(index: i32) {
  let block = index / uniforms.columns;
  let column = index % uniforms.columns;
  let end = min(uniforms.rows, (block + 1) * ${ROWS});
  if (block * ${ROWS} < end) {
    var sum = 0.0;
    for (var row = block * ${ROWS}; row < end; row++) { sum += x[row * uniforms.columns + column]; }
    result[index] = sum;
  }
}`,
};

/** The sum over the rows of x [N, C], in an order that does not depend on the device: [C]. The given tensor stays. */
export function columnSums(x: tf.Tensor): tf.Tensor1D {
  const C = x.shape.at(-1)!;
  let sums = x;
  for (let rows = x.size / C; ; ) {
    const blocks = Math.ceil(rows / ROWS);
    const next = runKernel(COLUMN_SUMS, { inputs: [sums], uniforms: { rows, columns: C }, result: [blocks, C], threads: blocks * C });
    if (sums !== x) sums.dispose();
    sums = next;
    rows = blocks;
    if (rows === 1) return tf.reshape(sums, [C]);
  }
}
