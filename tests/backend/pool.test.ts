/** The onnx backend uses the memory of disposed results again: nobody else may notice. */
import { beforeAll, describe, expect, it } from 'vitest';
import { embedding, registerOnnxBackend, tf } from '../../src/backend/index.js';
import { expectClose, gaussian } from './harness.js';

const SHAPE: [number, number] = [256, 200]; // large enough for the pool

/** A result of onnxruntime, and results after it that would overwrite its memory were it free. */
const result = (factor: number) => tf.tidy(() => tf.mul(tf.tensor(gaussian(SHAPE).values, SHAPE), tf.fill(SHAPE, factor)));
const overwrite = () => tf.dispose([7, 8, 9].map(result));
const expectSame = (actual: tf.TypedArray, expected: Float32Array) => expectClose(actual as Float32Array, expected, 0, 'values');

describe('memory of the onnx backend', () => {
  beforeAll(async () => {
    registerOnnxBackend();
    await tf.setBackend('onnx');
  });

  it('values that were read stay after their tensor is gone', async () => {
    const tensor = result(2);
    const [now, later] = [tensor.dataSync(), await tensor.data()];
    const kept = Float32Array.from(now);
    tensor.dispose();
    overwrite();
    expectSame(now, kept);
    expectSame(later, kept);
  });

  it('changing values that were read does not change the tensor', () => {
    const tensor = result(2);
    const first = tensor.dataSync()[0];
    tensor.dataSync().fill(5);
    expect(tensor.dataSync()[0]).toBe(first);
    tensor.dispose();
  });

  it.each<[string, (x: tf.Tensor) => tf.Tensor]>([
    ['slice', (x) => tf.slice(x, [10, 0], [100, 200])],
    ['reshape', (x) => tf.reshape(x, [-1])],
    ['clone', (x) => tf.clone(x)],
    ['cast', (x) => tf.cast(x, 'float32')],
    ['unstack', (x) => tf.unstack(x)[3]],
    ['split', (x) => tf.split(x, 2)[1]],
    ['gather', (x) => tf.gather(x, tf.tensor1d([3, 1], 'int32'))],
    ['concat of one', (x) => tf.concat([x])],
    [
      'pad by nothing',
      (x) =>
        tf.pad(x, [
          [0, 0],
          [0, 0],
        ]),
    ],
    ['tile by one', (x) => tf.tile(x, [1, 1])],
    ['transpose to the same order', (x) => tf.transpose(x, [0, 1])],
    ['sum over no axis', (x) => tf.sum(x, [])],
  ])('the result of %s outlives its input', (_, view) => {
    const input = result(2);
    const output = view(input);
    const expected = Float32Array.from(output.dataSync());
    input.dispose();
    overwrite();
    expectSame(output.dataSync(), expected);
    output.dispose();
  });

  it('a variable outlives the tensor that it was made of, and gives way to what it is assigned', () => {
    const [first, second] = [result(2), result(3)];
    const variable = tf.variable(first);
    first.dispose();
    variable.assign(second);
    const expected = Float32Array.from(second.dataSync());
    second.dispose();
    overwrite();
    expectSame(variable.dataSync(), expected);
    variable.dispose();
  });

  it('a tensor that moves to another backend keeps its values', async () => {
    const tensor = result(2);
    const expected = Float32Array.from(tensor.dataSync());
    await tf.setBackend('cpu');
    const doubled = tf.tidy(() => tf.mul(tensor, 2).dataSync());
    await tf.setBackend('onnx');
    overwrite();
    expectSame(tensor.dataSync(), expected);
    expectSame(
      doubled,
      expected.map((x) => 2 * x),
    );
    tensor.dispose();
  });

  it('the gradient of a large table is zero where no id points', () => {
    const table = result(2) as tf.Tensor2D;
    overwrite();
    const slope = tf.grad((x) => tf.sum(embedding(x as tf.Tensor2D, Int32Array.of(3, 3))))(table);
    const expected = new Float32Array(SHAPE[0] * SHAPE[1]).fill(2, 3 * SHAPE[1], 4 * SHAPE[1]);
    expectSame(slope.dataSync(), expected);
    tf.dispose([table, slope]);
  });
});
