import { describe, expect, it } from 'vitest';
import { tf } from '../../../src/backend/index.js';
import { deriveKey, normal } from '../../../src/core/random.js';
import { forEachSlice, type ParameterSpec } from '../../../src/encoders/parameters.js';
import type { GradientSums } from '../../../src/train/group/gradientSums.js';
import { Group } from '../../../src/train/group/group.js';
import { createSharedGroup, Member, type SharedGroup } from '../../../src/train/group/member.js';
import { DeviceOptimizer, type Optimizer, type OptimizerSettings, SharedOptimizer } from '../../../src/train/step/optimizer.js';

const P = 300;
const STEPS = 6;
const settings = { optimizer: 'adamw' as OptimizerSettings['optimizer'], weightDecay: 0.1, clipNorm: 1, averageDecay: 0 };
const vector = (purpose: string, scale = 1): Float32Array =>
  Float32Array.from({ length: P }, (_, i) => scale * normal(deriveKey(1, purpose), 0, i));
const decays = Float32Array.from({ length: P }, (_, i) => (i < 101 ? 0 : 1));
/** Norms from far below to far above clipNorm. */
const gradients = Array.from({ length: STEPS }, (_, step) => vector(`gradient ${step}`, 10 ** (step - 3)));
const rateOf = (step: number): number => 0.01 * (step + 1);

const normOf = (values: ArrayLike<number>): number => Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));

/** LAMB's quotients of lengths met by the reference. */
const ratios: number[] = [];

const BORDERS = [
  [0, 101],
  [101, P],
] as const;

/** AdamW or LAMB in double precision, from algorithm 2 of either paper, with the gradient clipped first. */
function reference(
  start: Float32Array,
  kind = settings.optimizer,
  borders: readonly (readonly [number, number])[] = BORDERS,
): { parameters: Float64Array; norms: number[] } {
  const parameters = Float64Array.from(start);
  const first = new Float64Array(P);
  const second = new Float64Array(P);
  const directions = new Float64Array(P);
  const norms = gradients.map(normOf);
  gradients.forEach((gradient, step) => {
    const clip = Math.min(1, settings.clipNorm / norms[step]!);
    for (let i = 0; i < P; i++) {
      const slope = gradient[i]! * clip;
      first[i] = 0.9 * first[i]! + 0.1 * slope;
      second[i] = 0.999 * second[i]! + 0.001 * slope * slope;
      const mean = first[i]! / (1 - 0.9 ** (step + 1));
      const spread = Math.sqrt(second[i]! / (1 - 0.999 ** (step + 1)));
      directions[i] = mean / (spread + 1e-8) + settings.weightDecay * decays[i]! * parameters[i]!;
    }
    for (const [begin, end] of borders) {
      const [weights, direction] = [parameters, directions].map((values) => normOf(values.subarray(begin, end)));
      const ratio = kind === 'lamb' ? Math.min(10, weights!) / direction! : 1;
      if (kind === 'lamb') ratios.push(ratio);
      for (let i = begin; i < end; i++) parameters[i]! -= rateOf(step) * ratio * directions[i]!;
    }
  });
  return { parameters, norms };
}

const SPECS: ParameterSpec[] = [
  { name: 'a', shape: [101], deviation: 0, mean: 0, decays: false },
  { name: 'b', shape: [P - 101], deviation: 0, mean: 0, decays: true },
];

/** A member whose gradient is the batch itself. */
class Toy extends Member<Float32Array> {
  constructor(shared: SharedGroup, specs: readonly ParameterSpec[]) {
    super(shared, 0, specs);
  }

  protected override accumulate(batch: Float32Array, sums: GradientSums): tf.Scalar {
    const ofWeight = ({ name }: ParameterSpec, i: number) => tf.sum(tf.mul(this.weights[name]!, slices(batch, this.specs)[i]!));
    return tf.tidy(() => sums.add(() => tf.addN(this.specs.map(ofWeight)) as tf.Scalar));
  }

  protected override async runOwn(): Promise<void> {}

  /** The weights that it computes with. */
  get current(): number[] {
    return this.specs.flatMap(({ name }) => [...this.weights[name]!.dataSync()]);
  }
}

function slices(values: Float32Array, specs: readonly ParameterSpec[]): Float32Array[] {
  const parts: Float32Array[] = [];
  forEachSlice(specs, (_, begin, end) => parts.push(values.subarray(begin, end)));
  return parts;
}

interface Open {
  optimizer: Optimizer<Float32Array>;
  toy: Toy;
}

const KINDS = { 'in shared memory': SharedOptimizer, 'on a device': DeviceOptimizer };

async function run({ optimizer }: Open, from: number, to: number): Promise<number[]> {
  const norms: number[] = [];
  for (let step = from; step < to; step++) {
    await optimizer.step(gradients[step]!, step, rateOf(step));
    norms.push(...(await optimizer.totals()).map(({ gradientNorm }) => gradientNorm));
  }
  return norms;
}

const read = ({ optimizer }: Open) => optimizer.read();

function dispose({ optimizer, toy }: Open): void {
  optimizer.dispose();
  toy.dispose();
}

describe.each(Object.keys(KINDS) as (keyof typeof KINDS)[])('the optimizer %s', (kind) => {
  function open(state: ConstructorParameters<typeof SharedOptimizer>[1], own = settings, specs = SPECS): Open {
    const shared = createSharedGroup(1, specs);
    const toy = new Toy(shared, specs);
    const optimizer =
      kind === 'on a device' ? new DeviceOptimizer(toy, state, own) : new SharedOptimizer(new Group(shared, toy, []), state, own);
    return { optimizer, toy };
  }

  it('follows AdamW in double precision, with clipping and decay only where asked', async () => {
    const start = vector('start');
    const optimizer = open({ parameters: start }, settings);
    const norms = await run(optimizer, 0, STEPS);
    const { parameters } = await read(optimizer);
    const expected = reference(start);
    norms.forEach((norm, step) => expect(Math.abs(norm / expected.norms[step]! - 1)).toBeLessThan(1e-5));
    parameters.forEach((value, i) => expect(Math.abs(value - expected.parameters[i]!), `parameter ${i}`).toBeLessThan(2e-6));
    expect(norms[0]).toBeLessThan(settings.clipNorm);
    expect(norms[5]).toBeGreaterThan(settings.clipNorm);
    dispose(optimizer);
  });

  it('follows LAMB in double precision: each parameter moves as far as it is long, 10 at most', async () => {
    const start = vector('start', 0.9); // one parameter is shorter than 10, the other longer
    expect(slices(start, SPECS).map((part) => normOf(part) < 10)).toEqual([true, false]);
    const optimizer = open({ parameters: start }, { ...settings, optimizer: 'lamb' });
    await run(optimizer, 0, STEPS);
    const { parameters } = await read(optimizer);
    const expected = reference(start, 'lamb');
    parameters.forEach((value, i) => expect(Math.abs(value - expected.parameters[i]!), `parameter ${i}`).toBeLessThan(2e-6));
    expect(Math.max(...ratios.map((ratio) => Math.abs(ratio - 1)))).toBeGreaterThan(0.2);
    dispose(optimizer);
  });

  it('LAMB has a length of its own for key and value, which are one matrix here and two in BERT', async () => {
    const one = { deviation: 0, mean: 0, decays: true };
    const fused = [SPECS[0]!, { ...one, name: 'c', shape: [1] }, { ...one, name: 'attention.self.kv.weight', shape: [198] }];
    const start = vector('start', 0.1).map((value, i) => (i < 201 ? value : 5 * value)); // values are longer than keys
    const optimizer = open({ parameters: start }, { ...settings, optimizer: 'lamb' }, fused);
    await run(optimizer, 0, STEPS);
    const { parameters } = await read(optimizer);
    const expected = reference(start, 'lamb', [BORDERS[0], [101, 102], [102, 201], [201, P]]);
    parameters.forEach((value, i) => expect(Math.abs(value - expected.parameters[i]!), `parameter ${i}`).toBeLessThan(2e-6));
    dispose(optimizer);
  });

  it('LAMB moves weights of 0 as AdamW does, and none without a gradient', async () => {
    const none = open({ parameters: new Float32Array(P) }, { ...settings, optimizer: 'lamb' });
    const plain = open({ parameters: new Float32Array(P) }, settings);
    for (const optimizer of [none, plain]) await run(optimizer, 0, 1);
    const [moved, adamw] = [await read(none), await read(plain)];
    moved.parameters.forEach((value, i) => expect(Math.abs(value - adamw.parameters[i]!)).toBeLessThan(1e-7));
    await none.optimizer.step(new Float32Array(P), 0, 1); // moments stay, so that the weights go on; but not NaN
    expect((await read(none)).parameters.every(Number.isFinite)).toBe(true);
    const still = open({ parameters: new Float32Array(P) }, { ...settings, optimizer: 'lamb' });
    await still.optimizer.step(new Float32Array(P), 0, 1);
    expect([...(await read(still)).parameters].every((value) => value === 0)).toBe(true);
    for (const optimizer of [none, plain, still]) dispose(optimizer);
  });

  it('read back and begun again in the middle, it goes on bit for bit', async () => {
    const whole = open({ parameters: vector('start') }, settings);
    await run(whole, 0, 3);
    const state = await read(whole);
    const resumed = open(state, settings);
    const forgetful = open({ parameters: state.parameters }, settings); // without the moments
    for (const optimizer of [whole, resumed, forgetful]) await run(optimizer, 3, STEPS);
    expect(await read(resumed)).toEqual(await read(whole));
    expect((await read(forgetful)).parameters).not.toEqual((await read(whole)).parameters);
    for (const optimizer of [whole, resumed, forgetful]) dispose(optimizer);
  });

  it('keeps a moving average of the weights, whose decay begins small, and goes on with it bit for bit', async () => {
    const averaged = { ...settings, averageDecay: 0.25 };
    const whole = open({ parameters: vector('start') }, averaged);
    const expected = Float64Array.from(vector('start'));
    for (let step = 0; step < STEPS; step++) {
      await run(whole, step, step + 1);
      const { parameters } = await read(whole);
      const decay = [0.1, 2 / 11, 0.25, 0.25, 0.25, 0.25][step]!;
      parameters.forEach((value, i) => {
        expected[i] = decay * expected[i]! + (1 - decay) * value;
      });
    }
    const { average } = await read(whole);
    average!.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-5));
    whole.optimizer.give('model');
    expect(whole.toy.current).toEqual([...average!]);
    whole.optimizer.give('parameters');
    expect(whole.toy.current).toEqual([...(await read(whole)).parameters]);

    const half = open({ parameters: vector('start') }, averaged);
    await run(half, 0, 3);
    const resumed = open(await read(half), averaged);
    await run(resumed, 3, STEPS);
    expect(await read(resumed)).toEqual(await read(whole));
    const plain = open({ parameters: vector('start') }, settings);
    await run(plain, 0, STEPS);
    expect((await read(plain)).parameters).toEqual((await read(whole)).parameters); // the average only looks on
    for (const optimizer of [whole, half, resumed, plain]) dispose(optimizer);
  });

  it('what is read is a copy: later steps do not change it', async () => {
    const optimizer = open({ parameters: vector('start') }, settings);
    const before = await read(optimizer);
    const kept = { ...before, parameters: before.parameters.slice(), firstMoment: before.firstMoment.slice() };
    await run(optimizer, 0, 3);
    expect(before.parameters).toEqual(kept.parameters);
    expect(before.firstMoment).toEqual(kept.firstMoment);
    dispose(optimizer);
  });

  it('holds as many tensors after many steps as after one, and none when disposed', async () => {
    const empty = tf.memory().numTensors;
    const optimizer = open({ parameters: vector('start') }, { ...settings, averageDecay: 0.5 });
    await run(optimizer, 0, 1);
    const tensors = tf.memory().numTensors;
    await run(optimizer, 1, STEPS);
    expect(tf.memory().numTensors).toBe(tensors);
    dispose(optimizer);
    expect(tf.memory().numTensors).toBe(empty);
  });
});
