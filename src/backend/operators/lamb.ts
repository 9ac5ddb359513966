/** LAMB (You et al. 2020) on a device: one update of all parameters laid end to end. On a CPU flatUpdate.ts does it. */
import { tf } from '../tf.js';
import { type AdamwResult, type AdamwUpdate, nextMoments, usingUp } from './adamw.js';
import { norm } from './norm.js';

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
  const { parameters, decays, learningRate, weightDecay, sizes, longest } = update;
  return usingUp(update, () => {
    const { firstMoment, secondMoment, quotient } = nextMoments(update);
    const direction = tf.add(quotient, tf.mul(tf.mul(decays, parameters), weightDecay)) as tf.Tensor1D; // [P]
    const parts: tf.Tensor1D[] = [];
    let begin = 0;
    for (const size of sizes) {
      const [p, r] = [parameters, direction].map((all) => tf.slice1d(all, begin, size));
      const [weights, length] = [p!, r!].map(norm); // []
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
}
