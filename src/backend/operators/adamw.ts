/** AdamW (Loshchilov & Hutter 2019), one update of all parameters laid end to end. */
import { onnxIsActive, owned, viewed } from '../onnx/operator.js';
import { takeArray } from '../onnx/pool.js';
import { tf } from '../tf.js';

export interface AdamwUpdate {
  /** All [P]; `decays` is 1 where the weight decay applies and 0 elsewhere. */
  readonly parameters: tf.Tensor1D;
  readonly gradient: tf.Tensor1D;
  readonly firstMoment: tf.Tensor1D;
  readonly secondMoment: tf.Tensor1D;
  readonly decays: tf.Tensor1D;
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

export interface AdamwResult {
  readonly parameters: tf.Tensor1D;
  readonly firstMoment: tf.Tensor1D;
  readonly secondMoment: tf.Tensor1D;
}

/**
 * With g the scaled gradient: m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g²,
 * p ← p − lr·(weightDecay·decays·p + (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε)). New tensors; the given ones stay.
 */
export function adamw(update: AdamwUpdate): AdamwResult {
  return onnxIsActive() ? loopedAdamw(update) : composedAdamw(update);
}

function loopedAdamw(update: AdamwUpdate): AdamwResult {
  const { learningRate, weightDecay, beta1, beta2, epsilon, step, gradientScale } = update;
  const values = (tensor: tf.Tensor) => viewed(tensor).values;
  const [p, g, decays] = [values(update.parameters), values(update.gradient), values(update.decays)];
  const [m, v] = [values(update.firstMoment), values(update.secondMoment)];
  const [pNext, mNext, vNext] = [takeArray(p.length), takeArray(p.length), takeArray(p.length)];
  const stepSize = learningRate / (1 - beta1 ** step);
  const correction = 1 / Math.sqrt(1 - beta2 ** step);
  const decay = learningRate * weightDecay;
  for (let i = 0; i < p.length; i++) {
    const slope = g[i] * gradientScale;
    const first = beta1 * m[i] + (1 - beta1) * slope;
    const second = beta2 * v[i] + (1 - beta2) * slope * slope;
    mNext[i] = first;
    vNext[i] = second;
    pNext[i] = p[i] - decay * decays[i] * p[i] - (stepSize * first) / (Math.sqrt(second) * correction + epsilon);
  }
  return { parameters: owned(pNext, [p.length]), firstMoment: owned(mNext, [m.length]), secondMoment: owned(vNext, [v.length]) };
}

function composedAdamw(update: AdamwUpdate): AdamwResult {
  const { parameters, decays, learningRate, weightDecay, beta1, beta2, epsilon, step, gradientScale } = update;
  return tf.tidy(() => {
    const slope = tf.mul(update.gradient, gradientScale);
    const firstMoment = tf.add(tf.mul(update.firstMoment, beta1), tf.mul(slope, 1 - beta1)) as tf.Tensor1D;
    const secondMoment = tf.add(tf.mul(update.secondMoment, beta2), tf.mul(tf.square(slope), 1 - beta2)) as tf.Tensor1D;
    const deviation = tf.add(tf.mul(tf.sqrt(secondMoment), 1 / Math.sqrt(1 - beta2 ** step)), epsilon);
    const decayed = tf.sub(parameters, tf.mul(tf.mul(decays, parameters), learningRate * weightDecay));
    const next = tf.sub(decayed, tf.mul(tf.div(firstMoment, deviation), learningRate / (1 - beta1 ** step))) as tf.Tensor1D;
    return { parameters: next, firstMoment, secondMoment };
  });
}
