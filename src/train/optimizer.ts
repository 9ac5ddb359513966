/**
 * AdamW (Loshchilov & Hutter 2019) over one flat vector: decoupled decay, gradients clipped by their global norm, and on wish a
 * moving average of the weights (Polyak & Juditsky 1992).
 * TensorFlow.js' own Adam dispatches a dozen operators a variable and keys its moments by order; here it is one update.
 */
import { adamw, tf } from '../backend/index.js';

export interface OptimizerSettings {
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

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

export class Optimizer {
  /** Parameters and moments, each flat [P]. */
  parameters: tf.Tensor1D;
  firstMoment: tf.Tensor1D;
  secondMoment: tf.Tensor1D;
  /** The moving average of the parameters, where one is kept. */
  private average: tf.Tensor1D | undefined;
  private readonly decays: tf.Tensor1D;

  constructor(
    state: Pick<OptimizerState, 'parameters'> & Partial<OptimizerState>,
    decays: Float32Array,
    private readonly settings: OptimizerSettings,
  ) {
    const zeros = () => new Float32Array(state.parameters.length);
    this.parameters = tf.tensor1d(state.parameters);
    this.firstMoment = tf.tensor1d(state.firstMoment ?? zeros());
    this.secondMoment = tf.tensor1d(state.secondMoment ?? zeros());
    if (settings.averageDecay > 0) this.average = tf.tensor1d(state.average ?? state.parameters);
    this.decays = tf.tensor1d(decays);
  }

  /** The weights to evaluate and to keep: the average where there is one. */
  get model(): tf.Tensor1D {
    return this.average ?? this.parameters;
  }

  /** One update with the gradient [P], which stays the caller's; `step` counts from 0. Returns the gradient's global norm. */
  async apply(gradient: tf.Tensor1D, step: number, learningRate: number): Promise<number> {
    const { weightDecay, clipNorm } = this.settings;
    const norm = await globalNorm(gradient);
    const next = adamw({
      parameters: this.parameters,
      gradient,
      firstMoment: this.firstMoment,
      secondMoment: this.secondMoment,
      decays: this.decays,
      learningRate,
      weightDecay,
      beta1: BETA1,
      beta2: BETA2,
      epsilon: EPSILON,
      step: step + 1,
      gradientScale: norm > clipNorm ? clipNorm / norm : 1,
    });
    tf.dispose([this.parameters, this.firstMoment, this.secondMoment]);
    Object.assign(this, next);
    this.updateAverage(step);
    return norm;
  }

  /** Copies of everything on the host. */
  async read(): Promise<OptimizerState> {
    const copy = async (tensor: tf.Tensor1D) => Float32Array.from(await tensor.data());
    return {
      parameters: await copy(this.parameters),
      firstMoment: await copy(this.firstMoment),
      secondMoment: await copy(this.secondMoment),
      ...(this.average && { average: await copy(this.average) }),
    };
  }

  dispose(): void {
    tf.dispose([this.parameters, this.firstMoment, this.secondMoment, this.decays, this.average ?? []]);
  }

  /** Early on the decay is smaller, (1 + t)/(10 + t), so that the random start is soon forgotten. */
  private updateAverage(step: number): void {
    const { average, parameters } = this;
    if (!average) return;
    const decay = Math.min(this.settings.averageDecay, (1 + step) / (10 + step));
    this.average = tf.tidy(() => tf.add(tf.mul(average, decay), tf.mul(parameters, 1 - decay)) as tf.Tensor1D);
    average.dispose();
  }
}

/** The one number a step reads back: the update and the log need it. */
async function globalNorm(gradient: tf.Tensor1D): Promise<number> {
  const norm = tf.tidy(() => tf.sqrt(tf.sum(tf.square(gradient))));
  const value = (await norm.data())[0]!;
  norm.dispose();
  return value;
}
