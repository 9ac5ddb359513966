/**
 * AdamW (Loshchilov & Hutter 2019) or LAMB (You et al. 2020) over one flat vector: decoupled decay, gradients clipped by their global norm, and on wish a
 * moving average of the weights (Polyak & Juditsky 1992). TensorFlow.js' own Adam dispatches a dozen operators a variable and keys its moments by
 * order; here it is one update, which the members of a group divide among themselves on a CPU.
 */
import {
  type AdamwResult,
  adamw,
  createFlatMemory,
  type FlatRow,
  FlatVectors,
  isOnDevice,
  lamb,
  norm,
  requireBuffer,
  roomOnDevice,
  tf,
} from '../../backend/index.js';
import { decayingRanges } from '../../encoders/parameters.js';
import { publishedSizes } from '../../encoders/weights.js';
import type { Group } from '../group/group.js';
import { LONGEST } from '../group/lamb.js';
import type { Member, StepTotals } from '../group/member.js';

export interface OptimizerSettings {
  readonly optimizer: 'adamw' | 'lamb';
  readonly weightDecay: number;
  readonly clipNorm: number;
  /** Of the moving average; 0 keeps none. */
  readonly averageDecay: number;
}

/** Vectors on the host, each [P]. */
export interface OptimizerState {
  readonly parameters: Float32Array;
  readonly firstMoment: Float32Array;
  readonly secondMoment: Float32Array;
  readonly average?: Float32Array | undefined;
}

type Begin = Pick<OptimizerState, 'parameters'> & Partial<OptimizerState>;
// biome-ignore lint/suspicious/noExplicitAny: a group of any commands
type AnyGroup<Batch> = Group<Batch, any, Member<Batch, any>>;

export interface Optimizer<Batch> {
  /** One update by the gradient of a batch; `step` counts from 0. */
  step(batch: Batch, step: number, learningRate: number): Promise<void>;
  /** Of the steps since this was last asked, in their order: the loss, and the gradient's global norm before it is clipped. Waits for a device. */
  totals(): Promise<StepTotals[]>;
  /** After how many steps their totals are best asked for: every time a device waits. */
  readonly totalsEvery: number;
  /** Has the group compute with the weights to evaluate and to keep (the average where there is one), or again with those in training. */
  give(which: 'model' | 'parameters'): void;
  /** Copies of everything on the host. */
  read(): Promise<OptimizerState>;
  dispose(): void;
}

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/** The optimizer of a group, which computes with its parameters from now on. */
export function createOptimizer<Batch>(group: AnyGroup<Batch>, begin: Begin, settings: OptimizerSettings): Optimizer<Batch> {
  return isOnDevice() ? new DeviceOptimizer(group.first, begin, settings) : new SharedOptimizer(group, begin, settings);
}

/** What the update is told at a step that counts from 0. */
const adamwAt = (step: number, learningRate: number, weightDecay: number) => ({
  step: step + 1,
  ...{ learningRate, weightDecay, beta1: BETA1, beta2: BETA2, epsilon: EPSILON },
});

/** Early on the moving average is shorter, (1 + t)/(10 + t), so that the random start is soon forgotten. */
const averageDecayAt = (step: number, { averageDecay }: OptimizerSettings): number => Math.min(averageDecay, (1 + step) / (10 + step));

/** In memory that the members share: each updates its part. */
export class SharedOptimizer<Batch> implements Optimizer<Batch> {
  readonly totalsEvery = 1;
  private readonly vectors: FlatVectors;
  private readonly averaged: boolean;
  private readonly untold: StepTotals[] = [];

  constructor(
    private readonly group: AnyGroup<Batch>,
    begin: Begin,
    private readonly settings: OptimizerSettings,
  ) {
    this.averaged = settings.averageDecay > 0;
    const { averaged } = this;
    const memory = createFlatMemory(begin.parameters.length, group.members.replicas, {
      averaged,
      decaying: decayingRanges(group.first.specs),
    });
    this.vectors = new FlatVectors(memory, 0);
    const { parameters, firstMoment, secondMoment, average = parameters } = begin;
    const rows = { parameters, firstMoment, secondMoment, ...(averaged && { average }) };
    for (const [row, values] of Object.entries(rows)) if (values) this.vectors.write(row as FlatRow, 0, values);
    group.begin(memory);
    group.assign(parameters);
  }

  async step(batch: Batch, step: number, learningRate: number): Promise<void> {
    const { optimizer, clipNorm, weightDecay } = this.settings;
    const averageDecay = this.averaged ? averageDecayAt(step, this.settings) : undefined;
    this.untold.push(await this.group.step(batch, { ...adamwAt(step, learningRate, weightDecay), optimizer, clipNorm, averageDecay }));
  }

  async totals(): Promise<StepTotals[]> {
    return this.untold.splice(0);
  }

  /** Without an average the group has the weights of both names since the last update. */
  give(which: 'model' | 'parameters'): void {
    if (this.averaged) this.group.assign(this.copy(which === 'model' ? 'average' : 'parameters'));
  }

  async read(): Promise<OptimizerState> {
    return {
      parameters: this.copy('parameters'),
      firstMoment: this.copy('firstMoment'),
      secondMoment: this.copy('secondMoment'),
      ...(this.averaged && { average: this.copy('average') }),
    };
  }

  /** The memory goes with the last reference to it. */
  dispose(): void {}

  private copy(row: FlatRow): Float32Array {
    const values = new Float32Array(this.vectors.size);
    this.vectors.read(row, values);
    return values;
  }
}

/** Steps that a device is given before it is waited for. */
const TOTALS_EVERY = 16;

/** In tensors on a device, of a group of one. */
export class DeviceOptimizer<Batch> implements Optimizer<Batch> {
  readonly totalsEvery = TOTALS_EVERY;
  /** Loss and norm of each step, [2]. */
  private readonly untold: tf.Tensor1D[] = [];
  private state: AdamwResult;
  private average: tf.Tensor1D | undefined;
  private readonly decays: tf.Tensor1D;
  /** Of each parameter. */
  private readonly sizes: readonly number[];

  constructor(
    // biome-ignore lint/suspicious/noExplicitAny: a member of any commands
    private readonly member: Member<Batch, any>,
    begin: Begin,
    private readonly settings: OptimizerSettings,
  ) {
    requireBuffer(begin.parameters.length, 'the parameters, one vector for the optimizer');
    const zeros = () => new Float32Array(begin.parameters.length);
    this.state = {
      parameters: tf.tensor1d(begin.parameters),
      firstMoment: tf.tensor1d(begin.firstMoment ?? zeros()),
      secondMoment: tf.tensor1d(begin.secondMoment ?? zeros()),
    };
    if (settings.averageDecay > 0) this.average = tf.tensor1d(begin.average ?? begin.parameters);
    const decays = zeros();
    for (const { begin, end } of decayingRanges(member.specs)) decays.fill(1, begin, end);
    this.decays = tf.tensor1d(decays);
    this.sizes = publishedSizes(member.specs);
    this.give('parameters');
  }

  async step(batch: Batch, step: number, learningRate: number): Promise<void> {
    const { optimizer, weightDecay, clipNorm } = this.settings;
    const { loss, gradient } = this.member.gradient(batch);
    const length = norm(gradient);
    const gradientScale = tf.tidy(() => tf.minimum(1, tf.div(clipNorm, length))) as tf.Scalar;
    const update = { ...this.state, ...adamwAt(step, learningRate, weightDecay), gradient, decays: this.decays, gradientScale };
    this.state = optimizer === 'adamw' ? adamw(update) : lamb({ ...update, sizes: this.sizes, longest: LONGEST });
    this.untold.push(tf.stack([loss, length]) as tf.Tensor1D);
    tf.dispose([loss, length, gradient, gradientScale]);
    this.updateAverage(step);
    this.give('parameters');
    await roomOnDevice();
  }

  async totals(): Promise<StepTotals[]> {
    if (this.untold.length === 0) return [];
    const all = tf.concat1d(this.untold);
    tf.dispose(this.untold.splice(0));
    const values = await all.data();
    all.dispose();
    return Array.from({ length: values.length / 2 }, (_, i) => ({ loss: values[2 * i]!, gradientNorm: values[2 * i + 1]! }));
  }

  give(which: 'model' | 'parameters'): void {
    this.member.assign(which === 'model' && this.average ? this.average : this.state.parameters);
  }

  async read(): Promise<OptimizerState> {
    const copy = async (tensor: tf.Tensor1D) => Float32Array.from(await tensor.data());
    const { parameters, firstMoment, secondMoment } = this.state;
    return {
      parameters: await copy(parameters),
      firstMoment: await copy(firstMoment),
      secondMoment: await copy(secondMoment),
      ...(this.average && { average: await copy(this.average) }),
    };
  }

  dispose(): void {
    tf.dispose([...Object.values(this.state), ...this.untold, this.decays, this.average ?? []]);
  }

  private updateAverage(step: number): void {
    const { average } = this;
    if (!average) return;
    const decay = averageDecayAt(step, this.settings);
    this.average = tf.tidy(() => tf.add(tf.mul(average, decay), tf.mul(this.state.parameters, 1 - decay)) as tf.Tensor1D);
    average.dispose();
  }
}
