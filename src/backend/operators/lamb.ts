/** LAMB (You et al. 2020) on a device: one update of all parameters laid end to end. On a CPU flatUpdate.ts does it. */
import { tf } from '../tf.js';
import type { AdamwResult, AdamwUpdate } from './adamw.js';

export interface LambUpdate extends AdamwUpdate {
  /** Of each parameter in turn; together P. */
  readonly sizes: readonly number[];
  /** Largest length of a parameter that counts. */
  readonly longest: number;
}

/**
 * With m and v those of AdamW and r = (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε) + weightDecay·decays·p, of each parameter p ← p − lr·(min(‖p‖, longest)/‖r‖)·r, the
 * quotient being 1 where either length is 0. Parameters and moments that are given are used up.
 */
export function lamb(update: LambUpdate): AdamwResult {
  const { parameters, gradient, decays, learningRate, weightDecay, beta1, beta2, epsilon, step, gradientScale, sizes, longest } = update;
  const next = tf.tidy(() => {
    const slope = tf.mul(gradient, gradientScale);
    const firstMoment = tf.add(tf.mul(update.firstMoment, beta1), tf.mul(slope, 1 - beta1)) as tf.Tensor1D;
    const secondMoment = tf.add(tf.mul(update.secondMoment, beta2), tf.mul(tf.square(slope), 1 - beta2)) as tf.Tensor1D;
    const deviation = tf.add(tf.mul(tf.sqrt(secondMoment), 1 / Math.sqrt(1 - beta2 ** step)), epsilon);
    const moved = tf.mul(tf.div(firstMoment, deviation), 1 / (1 - beta1 ** step));
    const direction = tf.add(moved, tf.mul(tf.mul(decays, parameters), weightDecay)) as tf.Tensor1D; // [P]
    const parts: tf.Tensor1D[] = [];
    let begin = 0;
    for (const size of sizes) {
      const [p, r] = [parameters, direction].map((all) => tf.slice1d(all, begin, size));
      const [weights, length] = [p!, r!].map((part) => tf.sqrt(tf.sum(tf.square(part)))); // []
      const ratio = tf.where(
        tf.greater(tf.mul(weights!, length!), 0),
        tf.div(tf.minimum(weights!, longest), tf.maximum(length!, 1e-30)),
        tf.onesLike(weights!),
      );
      parts.push(tf.sub(p!, tf.mul(r!, tf.mul(ratio, learningRate))) as tf.Tensor1D);
      begin += size;
    }
    return { parameters: tf.concat1d(parts), firstMoment, secondMoment };
  });
  tf.dispose([parameters, update.firstMoment, update.secondMoment]);
  return next;
}
