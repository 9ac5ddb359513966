import { beforeAll, describe, expect, it } from 'vitest';
import { selectBackend, tf } from '../../src/backend/index.js';
import { deriveKey, normal } from '../../src/core/random.js';
import { Optimizer } from '../../src/train/optimizer.js';

const P = 300;
const STEPS = 6;
const settings = { weightDecay: 0.1, clipNorm: 1, averageDecay: 0 };
const vector = (purpose: string, scale = 1): Float32Array =>
  Float32Array.from({ length: P }, (_, i) => scale * normal(deriveKey(1, purpose), 0, i));
const decays = Float32Array.from({ length: P }, (_, i) => (i % 3 === 0 ? 0 : 1));
/** Norms from far below to far above clipNorm. */
const gradients = Array.from({ length: STEPS }, (_, step) => vector(`gradient ${step}`, 10 ** (step - 3)));
const rateOf = (step: number): number => 0.01 * (step + 1);

const normOf = (values: ArrayLike<number>): number => Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));

/** AdamW in double precision, from algorithm 2 of the paper, with the gradient clipped first. */
function reference(start: Float32Array): { parameters: Float64Array; norms: number[] } {
  const parameters = Float64Array.from(start);
  const first = new Float64Array(P);
  const second = new Float64Array(P);
  const norms = gradients.map(normOf);
  gradients.forEach((gradient, step) => {
    const clip = Math.min(1, settings.clipNorm / norms[step]!);
    for (let i = 0; i < P; i++) {
      const slope = gradient[i]! * clip;
      first[i] = 0.9 * first[i]! + 0.1 * slope;
      second[i] = 0.999 * second[i]! + 0.001 * slope * slope;
      const mean = first[i]! / (1 - 0.9 ** (step + 1));
      const spread = Math.sqrt(second[i]! / (1 - 0.999 ** (step + 1)));
      parameters[i]! -= rateOf(step) * (mean / (spread + 1e-8) + settings.weightDecay * decays[i]! * parameters[i]!);
    }
  });
  return { parameters, norms };
}

async function run(optimizer: Optimizer, from: number, to: number): Promise<number[]> {
  const norms: number[] = [];
  for (let step = from; step < to; step++) {
    const gradient = tf.tensor1d(gradients[step]!);
    norms.push(await optimizer.apply(gradient, step, rateOf(step)));
    gradient.dispose();
  }
  return norms;
}

beforeAll(async () => {
  await selectBackend('onnx');
});

describe('Optimizer', () => {
  it('follows AdamW in double precision, with clipping and decay only where asked', async () => {
    const start = vector('start');
    const optimizer = new Optimizer({ parameters: start }, decays, settings);
    const norms = await run(optimizer, 0, STEPS);
    const { parameters } = await optimizer.read();
    const expected = reference(start);
    norms.forEach((norm, step) => expect(Math.abs(norm / expected.norms[step]! - 1)).toBeLessThan(1e-5));
    parameters.forEach((value, i) => expect(Math.abs(value - expected.parameters[i]!), `parameter ${i}`).toBeLessThan(2e-6));
    expect(norms[0]).toBeLessThan(settings.clipNorm);
    expect(norms[5]).toBeGreaterThan(settings.clipNorm);
    optimizer.dispose();
  });

  it('read back and begun again in the middle, it goes on bit for bit', async () => {
    const whole = new Optimizer({ parameters: vector('start') }, decays, settings);
    await run(whole, 0, 3);
    const state = await whole.read();
    const resumed = new Optimizer(state, decays, settings);
    const forgetful = new Optimizer({ parameters: state.parameters }, decays, settings); // without the moments
    for (const optimizer of [whole, resumed, forgetful]) await run(optimizer, 3, STEPS);
    expect(await resumed.read()).toEqual(await whole.read());
    expect((await forgetful.read()).parameters).not.toEqual((await whole.read()).parameters);
    for (const optimizer of [whole, resumed, forgetful]) optimizer.dispose();
  });

  it('keeps a moving average of the weights, whose decay begins small, and goes on with it bit for bit', async () => {
    const averaged = { ...settings, averageDecay: 0.25 };
    const whole = new Optimizer({ parameters: vector('start') }, decays, averaged);
    const expected = Float64Array.from(vector('start'));
    for (let step = 0; step < STEPS; step++) {
      await run(whole, step, step + 1);
      const { parameters } = await whole.read();
      const decay = [0.1, 2 / 11, 0.25, 0.25, 0.25, 0.25][step]!;
      parameters.forEach((value, i) => {
        expected[i] = decay * expected[i]! + (1 - decay) * value;
      });
    }
    const { average } = await whole.read();
    average!.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-5));
    expect(Float32Array.from(await whole.model.data())).toEqual(average);

    const half = new Optimizer({ parameters: vector('start') }, decays, averaged);
    await run(half, 0, 3);
    const resumed = new Optimizer(await half.read(), decays, averaged);
    await run(resumed, 3, STEPS);
    expect(await resumed.read()).toEqual(await whole.read());
    const plain = new Optimizer({ parameters: vector('start') }, decays, settings);
    await run(plain, 0, STEPS);
    expect((await plain.read()).parameters).toEqual((await whole.read()).parameters); // the average only looks on
    for (const optimizer of [whole, half, resumed, plain]) optimizer.dispose();
  });

  it('what is read is a copy: later steps do not change it', async () => {
    const optimizer = new Optimizer({ parameters: vector('start') }, decays, settings);
    const before = await optimizer.read();
    const kept = { ...before, parameters: before.parameters.slice(), firstMoment: before.firstMoment.slice() };
    await run(optimizer, 0, 3);
    expect(before.parameters).toEqual(kept.parameters);
    expect(before.firstMoment).toEqual(kept.firstMoment);
    optimizer.dispose();
  });

  it('holds as many tensors after many steps as after one, and none when disposed', async () => {
    const empty = tf.memory().numTensors;
    const optimizer = new Optimizer({ parameters: vector('start') }, decays, { ...settings, averageDecay: 0.5 });
    await run(optimizer, 0, 1);
    const tensors = tf.memory().numTensors;
    await run(optimizer, 1, STEPS);
    expect(tf.memory().numTensors).toBe(tensors);
    optimizer.dispose();
    expect(tf.memory().numTensors).toBe(empty);
  });
});
