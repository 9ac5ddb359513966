/** AdamW (Loshchilov & Hutter 2019) on a device: one update of all parameters laid end to end. On a CPU flatUpdate.ts does it. */
import { tf } from '../tf.js';
import { adamwInPlace } from '../webgpu/adamw.js';
import { webgpuIsActive } from '../webgpu/kernel.js';

export interface AdamwSettings {
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Counts from 1. */
  readonly step: number;
  /** Multiplies the gradient first: the factor of gradient clipping. */
  readonly gradientScale: number;
}

export interface AdamwUpdate extends Omit<AdamwSettings, 'gradientScale'> {
  /** All [P]; `decays` is 1 where the weight decay applies and 0 elsewhere. */
  readonly parameters: tf.Tensor1D;
  readonly gradient: tf.Tensor1D;
  readonly firstMoment: tf.Tensor1D;
  readonly secondMoment: tf.Tensor1D;
  readonly decays: tf.Tensor1D;
  readonly gradientScale: tf.Scalar;
}

export interface AdamwResult {
  readonly parameters: tf.Tensor1D;
  readonly firstMoment: tf.Tensor1D;
  readonly secondMoment: tf.Tensor1D;
}

/**
 * With g the scaled gradient: m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g²,
 * p ← p − lr·(weightDecay·decays·p + (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε)). Parameters and moments that are given are used up.
 */
export function adamw(update: AdamwUpdate): AdamwResult {
  const { parameters, decays, learningRate, weightDecay } = update;
  if (webgpuIsActive()) {
    adamwInPlace(update);
    return { parameters, firstMoment: update.firstMoment, secondMoment: update.secondMoment };
  }
  return usingUp(update, () => {
    const { firstMoment, secondMoment, quotient } = nextMoments(update);
    const decayed = tf.sub(parameters, tf.mul(tf.mul(decays, parameters), learningRate * weightDecay));
    const moved = tf.sub(decayed, tf.mul(quotient, learningRate)) as tf.Tensor1D;
    return { parameters: moved, firstMoment, secondMoment };
  });
}

/** The moments m and v of adamw after this step, and `quotient` = (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε); all [P], of tensors that stay. */
export function nextMoments(update: AdamwUpdate): { firstMoment: tf.Tensor1D; secondMoment: tf.Tensor1D; quotient: tf.Tensor1D } {
  const { beta1, beta2, epsilon, step } = update;
  const slope = tf.mul(update.gradient, update.gradientScale);
  const firstMoment = tf.add(tf.mul(update.firstMoment, beta1), tf.mul(slope, 1 - beta1)) as tf.Tensor1D;
  const secondMoment = tf.add(tf.mul(update.secondMoment, beta2), tf.mul(tf.square(slope), 1 - beta2)) as tf.Tensor1D;
  const deviation = tf.add(tf.mul(tf.sqrt(secondMoment), 1 / Math.sqrt(1 - beta2 ** step)), epsilon);
  const quotient = tf.mul(tf.div(firstMoment, deviation), 1 / (1 - beta1 ** step)) as tf.Tensor1D;
  return { firstMoment, secondMoment, quotient };
}

/** What `compute` makes; the parameters and moments that it is made of are disposed. */
export function usingUp({ parameters, firstMoment, secondMoment }: AdamwUpdate, compute: () => AdamwResult): AdamwResult {
  const next = tf.tidy(() => ({ ...compute() }));
  tf.dispose([parameters, firstMoment, secondMoment]);
  return next;
}
