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
  const { parameters, gradient, decays, learningRate, weightDecay, beta1, beta2, epsilon, step, gradientScale } = update;
  if (webgpuIsActive()) {
    adamwInPlace(update);
    return { parameters, firstMoment: update.firstMoment, secondMoment: update.secondMoment };
  }
  const next = tf.tidy(() => {
    const slope = tf.mul(gradient, gradientScale);
    const firstMoment = tf.add(tf.mul(update.firstMoment, beta1), tf.mul(slope, 1 - beta1)) as tf.Tensor1D;
    const secondMoment = tf.add(tf.mul(update.secondMoment, beta2), tf.mul(tf.square(slope), 1 - beta2)) as tf.Tensor1D;
    const deviation = tf.add(tf.mul(tf.sqrt(secondMoment), 1 / Math.sqrt(1 - beta2 ** step)), epsilon);
    const decayed = tf.sub(parameters, tf.mul(tf.mul(decays, parameters), learningRate * weightDecay));
    const moved = tf.sub(decayed, tf.mul(tf.div(firstMoment, deviation), learningRate / (1 - beta1 ** step))) as tf.Tensor1D;
    return { parameters: moved, firstMoment, secondMoment };
  });
  tf.dispose([parameters, update.firstMoment, update.secondMoment]);
  return next;
}
