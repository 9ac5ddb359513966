/**
 * AdamW (Loshchilov & Hutter 2019) over one flat vector: decoupled decay, gradients clipped by their global norm.
 * TensorFlow.js' own Adam dispatches a dozen operators a variable and keys its moments by order; here it is one update.
 */
import { adamw, tf } from '../backend/index.js';

export interface OptimizerSettings {
  readonly weightDecay: number;
  readonly clipNorm: number;
}

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

export class Optimizer {
  /** Parameters and moments, each flat [P]. */
  parameters: tf.Tensor1D;
  firstMoment: tf.Tensor1D;
  secondMoment: tf.Tensor1D;
  private readonly decays: tf.Tensor1D;

  constructor(
    state: { parameters: Float32Array; firstMoment?: Float32Array; secondMoment?: Float32Array },
    decays: Float32Array,
    private readonly settings: OptimizerSettings,
  ) {
    const zeros = () => new Float32Array(state.parameters.length);
    this.parameters = tf.tensor1d(state.parameters);
    this.firstMoment = tf.tensor1d(state.firstMoment ?? zeros());
    this.secondMoment = tf.tensor1d(state.secondMoment ?? zeros());
    this.decays = tf.tensor1d(decays);
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
    return norm;
  }

  /** Copies of parameters and moments on the host. */
  async read(): Promise<{ parameters: Float32Array; firstMoment: Float32Array; secondMoment: Float32Array }> {
    const copy = async (tensor: tf.Tensor1D) => Float32Array.from(await tensor.data());
    return {
      parameters: await copy(this.parameters),
      firstMoment: await copy(this.firstMoment),
      secondMoment: await copy(this.secondMoment),
    };
  }

  dispose(): void {
    tf.dispose([this.parameters, this.firstMoment, this.secondMoment, this.decays]);
  }
}

/** The one number a step reads back: the update and the log need it. */
async function globalNorm(gradient: tf.Tensor1D): Promise<number> {
  const norm = tf.tidy(() => tf.sqrt(tf.sum(tf.square(gradient))));
  const value = (await norm.data())[0]!;
  norm.dispose();
  return value;
}
