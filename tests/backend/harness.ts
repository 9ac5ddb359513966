/** Runs a function and its gradients on a backend and compares with TensorFlow.js' own cpu backend. */
import { expect } from 'vitest';
import { type BackendName, probeBackends, tf } from '../../src/backend/index.js';
import { type Key, normal } from '../../src/core/random.js';

export interface Given {
  readonly values: Float32Array;
  readonly shape: number[];
}

/** What a case computes from its inputs; every input is differentiated. */
export type Operator = (...inputs: tf.Tensor[]) => tf.Tensor;

const KEY: Key = { k0: 20221, k1: 7 };

/** Standard normal values, others for each `row`. */
export function gaussian(shape: number[], row = 0): Given {
  const size = tf.util.sizeFromShape(shape);
  return { values: Float32Array.from({ length: size }, (_, i) => normal(KEY, row, i)), shape };
}

export function map({ values, shape }: Given, f: (x: number, i: number) => number): Given {
  return { values: values.map(f), shape };
}

/** The backends to hold against cpu, and why the others are not here. */
export async function candidates(): Promise<{ loaded: BackendName[]; absent: { name: BackendName; why: string }[] }> {
  const others = (await probeBackends()).filter(({ name }) => name !== 'cpu');
  return {
    loaded: others.filter(({ usable }) => usable).map(({ name }) => name),
    absent: others.filter(({ usable }) => !usable).map(({ name, whyNot }) => ({ name, why: whyNot ?? 'unknown' })),
  };
}

/** f's value and the gradients of Σ f·weights, for fixed weights; fails if a tensor is left over. */
export async function evaluate(backend: BackendName, f: Operator, inputs: Given[]): Promise<Float32Array[]> {
  await tf.setBackend(backend);
  const tensors = inputs.map(({ values, shape }) => tf.tensor(values, shape, 'float32'));
  const before = tf.memory();
  const results = [tf.tidy(() => f(...tensors)), ...gradients(f, tensors)];
  const arrays: Float32Array[] = [];
  for (const tensor of results) arrays.push(Float32Array.from(await tensor.data()));
  tf.dispose(results);
  expect(tf.memory().numTensors, `tensors left over on ${backend}`).toBe(before.numTensors);
  expect(tf.memory().numDataBuffers, `buffers left over on ${backend}`).toBe(before.numDataBuffers);
  tf.dispose(tensors);
  return arrays;
}

function gradients(f: Operator, tensors: tf.Tensor[]): tf.Tensor[] {
  return tf.grads((...inputs) => tf.tidy(() => weighted(f(...inputs))))(tensors);
}

/** Σ y·weights: a scalar whose gradient reaches every element differently. */
function weighted(y: tf.Tensor): tf.Scalar {
  const weights = tf.tensor(gaussian(y.shape, 99).values, y.shape);
  return tf.sum(tf.mul(y, weights));
}

/** Equal within `tolerance` of the larger of 1 and the magnitude; NaN equals NaN, an infinity itself. */
export function expectClose(actual: Float32Array, expected: Float32Array, tolerance: number, label: string): void {
  expect(actual.length, label).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const same = Object.is(actual[i], expected[i]) || Math.abs(actual[i] - expected[i]) <= tolerance * Math.max(1, Math.abs(expected[i]));
    if (!same) expect.fail(`${label}, element ${i}: ${actual[i]} instead of ${expected[i]}`);
  }
}

export async function expectLikeCpu(backend: BackendName, f: Operator, inputs: Given[], tolerance = 2e-5): Promise<void> {
  const expected = await evaluate('cpu', f, inputs);
  const actual = await evaluate(backend, f, inputs);
  actual.forEach((array, i) => expectClose(array, expected[i], tolerance, i === 0 ? 'value' : `gradient of input ${i - 1}`));
}

/** Along a random direction the slope of Σ f·weights equals ⟨gradient, direction⟩. */
export async function expectSlope(backend: BackendName, f: Operator, inputs: Given[]): Promise<void> {
  const step = 1e-2;
  const directions = inputs.map(({ shape }, i) => gaussian(shape, 50 + i).values);
  await tf.setBackend(backend);
  const at = async (sign: number) => {
    const y = tf.tidy(() => {
      const moved = inputs.map(({ values, shape }, i) =>
        tf.tensor(
          values.map((x, j) => x + sign * step * directions[i][j]),
          shape,
        ),
      );
      return f(...moved);
    });
    const values = (await y.data()) as Float32Array;
    const weights = gaussian(y.shape, 99).values;
    y.dispose();
    return values.reduce((sum, value, j) => sum + value * weights[j], 0);
  };
  const slope = ((await at(1)) - (await at(-1))) / (2 * step);
  const [, ...slopes] = await evaluate(backend, f, inputs);
  const along = slopes.reduce((sum, gradient, i) => sum + gradient.reduce((s, g, j) => s + g * directions[i][j], 0), 0);
  const scale = Math.sqrt(slopes.reduce((sum, gradient) => sum + gradient.reduce((s, g) => s + g * g, 0), 0));
  expect(Math.abs(slope - along) / scale, `slope ${slope}, gradient along it ${along}`).toBeLessThan(5e-3);
}
