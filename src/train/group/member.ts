/**
 * One member of a group: a thread with its own copy of a model's weights on its own backend. All members run the same command on the same shared memory.
 * In a training step each computes its share of the loss and of the gradient; then each sums all shares of its part of the parameters, updates that part,
 * and takes over the others'.
 */
import { type AdamwSettings, type FlatMemory, FlatVectors, fillTensor, hostValues, type tf } from '../../backend/index.js';
import { span } from '../../core/spans.js';
import {
  assignWeights,
  createWeights,
  disposeWeights,
  forEachSlice,
  type ParameterSpec,
  parameterCount,
  type Weights,
} from '../../encoders/parameters.js';
import { Barrier, createBarrierMemory } from './barrier.js';
import { type GradientSums, SharedGradientSums, TensorGradientSums } from './gradientSums.js';
import { type Lengths, lambUpdate, lengthsSize } from './lamb.js';

export type SharedFloats = Float32Array<SharedArrayBuffer>;
type SharedDoubles = Float64Array<SharedArrayBuffer>;

/** What the members of any group share. */
export interface SharedGroup {
  readonly replicas: number;
  /** Each member's share of a step's loss, and of the squared norm of its gradient. */
  readonly losses: SharedDoubles;
  readonly squares: SharedDoubles;
  readonly lengths: Lengths;
  readonly barrier: Int32Array<SharedArrayBuffer>;
}

/** How a step changes the parameters. */
export interface Update extends Omit<AdamwSettings, 'gradientScale'> {
  readonly optimizer: 'adamw' | 'lamb';
  /** The longest gradient. */
  readonly clipNorm: number;
  /** How much of the moving average stays, where there is one. */
  readonly averageDecay?: number | undefined;
}

export interface StepTotals {
  readonly loss: number;
  readonly gradientNorm: number;
}

/** What every group is told; its own commands come beside. */
export type GroupCommand<Batch> =
  | { readonly kind: 'assign'; readonly parameters: SharedFloats }
  | { readonly kind: 'begin'; readonly memory: FlatMemory }
  | { readonly kind: 'step'; readonly batch: Batch; readonly update: Update | undefined };

export const sharedFloats = (length: number): SharedFloats => new Float32Array(new SharedArrayBuffer(4 * length));
export const sharedInts = (length: number): Int32Array<SharedArrayBuffer> => new Int32Array(new SharedArrayBuffer(4 * length));
const sharedDoubles = (length: number): SharedDoubles => new Float64Array(new SharedArrayBuffer(8 * length));

export function createSharedGroup(replicas: number, specs: readonly ParameterSpec[]): SharedGroup {
  return {
    replicas,
    losses: sharedDoubles(replicas),
    squares: sharedDoubles(replicas),
    lengths: sharedDoubles(lengthsSize(replicas, specs)),
    barrier: createBarrierMemory(),
  };
}

export abstract class Member<Batch, Command extends { readonly kind: string } = never> {
  protected readonly weights: Weights;
  protected readonly barrier: Barrier;
  private vectors: FlatVectors | undefined;

  protected constructor(
    private readonly group: SharedGroup,
    protected readonly number: number,
    readonly specs: readonly ParameterSpec[],
  ) {
    this.weights = createWeights(specs, new Float32Array(parameterCount(specs)));
    this.barrier = new Barrier(group.barrier, group.replicas);
  }

  /** This member's share of the loss of a batch; `sums` hears the gradient. */
  protected abstract accumulate(batch: Batch, sums: GradientSums): tf.Scalar;
  protected abstract runOwn(command: Command): Promise<void>;

  /** Takes over all parameters [P]. */
  take(parameters: Float32Array): void {
    this.fill((into, begin) => into.set(parameters.subarray(begin, begin + into.length)));
  }

  /** Takes the parameters from a tensor [P] on the device, of a group of one. */
  assign(parameters: tf.Tensor1D): void {
    assignWeights(this.specs, this.weights, parameters);
  }

  /** Trains with this memory from now on. */
  begin(memory: FlatMemory): void {
    this.vectors = new FlatVectors(memory, this.number);
  }

  /** The whole group's loss and gradient norm; the sum of the gradients is left in the memory's first gradient. Without `update` nothing is changed. */
  step(batch: Batch, update?: Update): StepTotals {
    if (!this.vectors) throw new Error('internal: a step before the group was given memory to train in');
    const { losses, squares } = this.group;
    const sums = new SharedGradientSums(this.specs, this.weights, this.vectors, `gradient ${this.number}`);
    const loss = span('loss and gradient', () => this.accumulate(batch, sums));
    sums.end();
    losses[this.number] = hostValues(loss)[0]!;
    loss.dispose();
    this.barrier.wait();
    const { vectors } = this;
    squares[this.number] = span('sum gradients', () => sums.total());
    this.barrier.wait();
    const totals = { loss: sumOf(losses), gradientNorm: Math.sqrt(sumOf(squares)) };
    if (update) span('optimizer', () => this.apply(update, totals.gradientNorm, vectors));
    return totals;
  }

  /** Loss and gradient [P] on the device, of a group of one; the caller disposes both. */
  gradient(batch: Batch): { loss: tf.Scalar; gradient: tf.Tensor1D } {
    const sums = new TensorGradientSums(this.specs, this.weights);
    const loss = this.accumulate(batch, sums);
    return { loss, gradient: sums.flat() };
  }

  /** A command that came from the first member. */
  async run(command: GroupCommand<Batch> | Command): Promise<void> {
    if (command.kind === 'assign') this.take((command as Extract<GroupCommand<Batch>, { kind: 'assign' }>).parameters);
    else if (command.kind === 'begin') this.begin((command as Extract<GroupCommand<Batch>, { kind: 'begin' }>).memory);
    else if (command.kind === 'step') {
      const { batch, update } = command as Extract<GroupCommand<Batch>, { kind: 'step' }>;
      this.step(batch, update);
    } else await this.runOwn(command as Command);
  }

  fail(): void {
    this.barrier.fail();
  }

  dispose(): void {
    disposeWeights(this.weights);
  }

  private apply({ optimizer, clipNorm, averageDecay, ...given }: Update, norm: number, vectors: FlatVectors): void {
    const settings = { ...given, gradientScale: norm > clipNorm ? clipNorm / norm : 1 };
    if (optimizer === 'adamw') vectors.update(settings);
    else {
      const wait = () => this.barrier.wait();
      lambUpdate(vectors, settings, this.specs, { lengths: this.group.lengths, member: this.number, wait });
    }
    if (averageDecay !== undefined) vectors.blendAverage(averageDecay);
    this.barrier.wait();
    this.fill((into, begin) => vectors.read('parameters', into, begin));
  }

  /** Has every weight filled with its part of all parameters. */
  private fill(write: (into: Float32Array, begin: number) => void): void {
    forEachSlice(this.specs, ({ name }, begin) => fillTensor(this.weights[name]!, (into) => write(into, begin)));
  }
}

const sumOf = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
