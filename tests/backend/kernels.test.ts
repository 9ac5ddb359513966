/** Every TensorFlow.js operator that the encoders and losses use, forward and gradient, against the cpu backend. */
import { describe, expect, it } from 'vitest';
import { tf } from '../../src/backend/index.js';
import { candidates, evaluate, expectClose, expectLikeCpu, type Given, gaussian, map, type Operator } from './harness.js';

const { loaded, absent } = await candidates();

/** Small operands stay with the cpu kernels, large ones go to onnxruntime: both sizes of each. */
const SIZES: number[][] = [
  [3, 5],
  [1, 1],
  [65, 127],
  [7, 33, 41],
];
const positive = (given: Given) => map(given, (x) => Math.abs(x) + 0.3);

const UNARY: Record<string, [Operator, (given: Given) => Given]> = {
  exp: [(x) => tf.exp(x), (x) => x],
  log: [(x) => tf.log(x), positive],
  sqrt: [(x) => tf.sqrt(x), positive],
  rsqrt: [(x) => tf.rsqrt(x), positive],
  erf: [(x) => tf.erf(x), (x) => x],
  tanh: [(x) => tf.tanh(x), (x) => x],
  square: [(x) => tf.square(x), (x) => x],
  neg: [(x) => tf.neg(x), (x) => x],
  softmax: [(x) => tf.softmax(x), (x) => x],
  logSoftmax: [(x) => tf.logSoftmax(x), (x) => x],
  'sum of all': [(x) => tf.sum(x), (x) => x],
  'sum over no axis': [(x) => tf.sum(x, []), (x) => x],
  'sum of the first axis': [(x) => tf.sum(x, 0), (x) => x],
  'mean of the last axis': [(x) => tf.mean(x, -1, true), (x) => x],
  'max of the last axis': [(x) => tf.max(x, -1), (x) => x],
  logSumExp: [(x) => tf.logSumExp(x, -1), (x) => x],
  transpose: [(x) => tf.transpose(x), (x) => x],
  'concat and slice': [
    (x) =>
      tf.slice(
        tf.concat([x, tf.mul(x, 2)], 0),
        x.shape.map(() => 0),
        x.shape,
      ),
    (x) => x,
  ],
  reshape: [(x) => tf.reshape(x, [-1]), (x) => x],
};

const BROADCASTS: [number[], number[]][] = [
  [
    [65, 127],
    [65, 127],
  ],
  [[65, 127], [127]],
  [
    [65, 127],
    [65, 1],
  ],
  [[65, 127], []],
  [
    [1, 127],
    [65, 1],
  ],
  [
    [9, 23, 41],
    [23, 41],
  ],
  [
    [9, 23, 41],
    [9, 1, 41],
  ],
  [[4, 3], [3]],
  [[1], [4500]],
];

const PRODUCTS: { a: number[]; b: number[]; transposeA: boolean; transposeB: boolean }[] = [
  { a: [37, 19], b: [19, 23], transposeA: false, transposeB: false },
  { a: [19, 37], b: [19, 23], transposeA: true, transposeB: false },
  { a: [37, 19], b: [23, 19], transposeA: false, transposeB: true },
  { a: [19, 37], b: [23, 19], transposeA: true, transposeB: true },
  { a: [1, 300], b: [300, 1], transposeA: false, transposeB: false },
  { a: [3, 5, 17, 8], b: [3, 5, 29, 8], transposeA: false, transposeB: true },
  { a: [6, 17, 30], b: [6, 17, 9], transposeA: true, transposeB: false },
  { a: [2, 1, 1, 8], b: [2, 1, 8, 1], transposeA: false, transposeB: false },
];

describe.each(loaded)('%s', (backend) => {
  it.each(Object.keys(UNARY))('%s is as on cpu', async (name) => {
    const [operator, domain] = UNARY[name];
    for (const shape of SIZES) await expectLikeCpu(backend, operator, [domain(gaussian(shape))]);
  });

  it.each(BROADCASTS)('arithmetic broadcasts %j and %j as on cpu', async (left, right) => {
    const operands = [gaussian(left), positive(gaussian(right, 1))];
    for (const operator of [tf.add, tf.sub, tf.mul, tf.div]) await expectLikeCpu(backend, (a, b) => operator(a, b), operands);
  });

  it.each(PRODUCTS)('matMul of $a and $b, transposed $transposeA $transposeB, is as on cpu', async ({ a, b, transposeA, transposeB }) => {
    const operator: Operator = (left, right) => tf.matMul(left, right, transposeA, transposeB);
    await expectLikeCpu(backend, operator, [gaussian(a), gaussian(b, 1)]);
  });

  it('the fused product adds its bias and applies its activation as on cpu', async () => {
    for (const activation of ['linear', 'relu'] as const) {
      const operator: Operator = (a, b, bias) => tf.fused.matMul({ a: a as tf.Tensor2D, b: b as tf.Tensor2D, bias, activation });
      await expectLikeCpu(backend, operator, [gaussian([31, 40]), gaussian([40, 25], 1), gaussian([25], 2)]);
    }
  });

  it('transposes any axes as on cpu', async () => {
    for (const axes of [
      [0, 2, 1, 3],
      [2, 0, 3, 1],
      [3, 2, 1, 0],
    ]) {
      await expectLikeCpu(backend, (x) => tf.transpose(x, axes), [gaussian([5, 7, 11, 13])]);
    }
  });

  it('gathers rows, and adds up their gradients, as on cpu', async () => {
    const rows = [0, 4, 4, 2, 4, 0, 1];
    await expectLikeCpu(backend, (table) => tf.gather(table, tf.tensor1d(rows, 'int32')), [gaussian([6, 700])]);
  });

  it('leaves integers integers', async () => {
    await tf.setBackend(backend);
    const many = Int32Array.from({ length: 5000 }, (_, i) => i);
    const sum = tf.tidy(() => tf.add(tf.tensor1d(many, 'int32'), tf.scalar(2, 'int32')));
    expect(sum.dtype).toBe('int32');
    expect(await sum.data()).toEqual(many.map((i) => i + 2));
    sum.dispose();
  });
});

// Where wasm differs from cpu on NaN is TensorFlow.js' own affair.
describe.runIf(loaded.includes('onnx'))('onnx with values that are no numbers', () => {
  const odd = [NaN, Infinity, -Infinity, 0, -0, 1e-40, 3e38, -2];
  const given = map(gaussian([64, 128]), (x, i) => (i % 97 === 0 ? odd[(i / 97) % odd.length] : x));

  it.each([
    'exp',
    'log',
    'sqrt',
    'rsqrt',
    'tanh',
    'erf',
    'square',
    'neg',
    'softmax',
    'sum of the first axis',
    'mean of the last axis',
    'max of the last axis',
  ])('%s passes them on as cpu does', async (name) => {
    await tf.setBackend('cpu');
    const [operator] = UNARY[name];
    const expected = await firstValue('cpu', operator, [given]);
    expectClose(await firstValue('onnx', operator, [given]), expected, 2e-5, name);
  });

  it('arithmetic passes them on as cpu does', async () => {
    const other = map(gaussian([64, 128], 1), (x, i) => (i % 89 === 0 ? odd[(i / 89) % odd.length] : x));
    for (const operator of [tf.add, tf.sub, tf.mul, tf.div]) {
      const expected = await firstValue('cpu', (a, b) => operator(a, b), [given, other]);
      expectClose(await firstValue('onnx', (a, b) => operator(a, b), [given, other]), expected, 2e-5, operator.name);
    }
  });

  async function firstValue(backend: 'cpu' | 'onnx', operator: Operator, inputs: Given[]): Promise<Float32Array> {
    return (await evaluate(backend, operator, inputs))[0];
  }
});

describe.each(absent)('$name', ({ why }) => {
  it.skip(`not compared: ${why}`, () => {});
});
