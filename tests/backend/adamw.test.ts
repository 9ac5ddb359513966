import { describe, expect, it } from 'vitest';
import { adamw, tf } from '../../src/backend/index.js';
import { candidates, expectClose, gaussian } from './harness.js';

const { loaded } = await candidates();
const SETTINGS = { learningRate: 0.01, weightDecay: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** The course of one parameter in double precision, from the paper's algorithm 2. */
function course(start: number, gradients: number[], decays: number, gradientScale: number): number {
  let [p, m, v] = [start, 0, 0];
  gradients.forEach((gradient, i) => {
    const g = gradient * gradientScale;
    m = SETTINGS.beta1 * m + (1 - SETTINGS.beta1) * g;
    v = SETTINGS.beta2 * v + (1 - SETTINGS.beta2) * g ** 2;
    const mHat = m / (1 - SETTINGS.beta1 ** (i + 1));
    const vHat = v / (1 - SETTINGS.beta2 ** (i + 1));
    p -= SETTINGS.learningRate * SETTINGS.weightDecay * decays * p;
    p -= (SETTINGS.learningRate * mHat) / (Math.sqrt(vHat) + SETTINGS.epsilon);
  });
  return p;
}

describe.each(['cpu', ...loaded] as const)('adamw on %s', (backend) => {
  it('follows the algorithm over several steps, decaying only where asked, and leaks nothing', async () => {
    await tf.setBackend(backend);
    const P = 5000;
    const steps = 4;
    const decays = Float32Array.from({ length: P }, (_, i) => i % 2);
    const start = gaussian([P]).values;
    const gradients = Array.from({ length: steps }, (_, i) => gaussian([P], i + 1).values);
    const before = tf.memory().numTensors;
    let state = { parameters: tf.tensor1d(start), firstMoment: tf.zeros([P]) as tf.Tensor1D, secondMoment: tf.zeros([P]) as tf.Tensor1D };
    const mask = tf.tensor1d(decays);
    const gradientScale = tf.scalar(0.5);
    gradients.forEach((values, i) => {
      const gradient = tf.tensor1d(values);
      const next = adamw({ ...state, gradient, decays: mask, ...SETTINGS, step: i + 1, gradientScale });
      gradient.dispose();
      state = { parameters: next.parameters, firstMoment: next.firstMoment, secondMoment: next.secondMoment };
    });
    const expected = Float32Array.from(start, (p, i) =>
      course(
        p,
        gradients.map((values) => values[i]),
        decays[i],
        0.5,
      ),
    );
    expectClose((await state.parameters.data()) as Float32Array, expected, 1e-5, 'parameters');
    tf.dispose([state.parameters, state.firstMoment, state.secondMoment, mask, gradientScale]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('leaves a parameter without gradient and decay where it is', async () => {
    await tf.setBackend(backend);
    const zeros = () => tf.zeros([3]) as tf.Tensor1D;
    const [gradient, decays, gradientScale] = [zeros(), zeros(), tf.scalar(1)];
    const next = adamw({
      ...{ parameters: tf.tensor1d([1, -2, 3]), firstMoment: zeros(), secondMoment: zeros(), gradient, decays },
      ...SETTINGS,
      ...{ step: 1, gradientScale },
    });
    expect(Array.from(await next.parameters.data())).toEqual([1, -2, 3]);
    tf.dispose([gradient, decays, gradientScale, next.parameters, next.firstMoment, next.secondMoment]);
  });
});
