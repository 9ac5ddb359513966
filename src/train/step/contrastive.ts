/**
 * Queries against the passages that the mask leaves to each: logits (dot product, or cosine over a temperature), the loss of them, and its gradients with
 * respect to both sets of vectors.
 */
import { tf } from '../../backend/index.js';
import { BLOCKED, type LossConfig, lossOfLogits } from './losses.js';

/** Q queries against P passages: `target[i]` is the column of query i's positive. */
export interface Contrast {
  readonly target: Int32Array;
  /** Additive, [Q·P]: 0 where the passage competes, −1e9 where it does not. */
  readonly mask: Float32Array;
  /** The logits of a ranker, [Q·P], where the loss learns from one; read where a passage competes. */
  readonly ranker?: Float32Array;
}

export interface LossGradient {
  readonly loss: tf.Scalar;
  readonly queryGradient: tf.Tensor2D;
  readonly passageGradient: tf.Tensor2D;
}

/** `logitScale`: what a dot product is multiplied by. */
export interface LossSettings {
  readonly loss: LossConfig;
  readonly logitScale: number;
}

export function contrastiveLoss(
  queries: tf.Tensor2D,
  passages: tf.Tensor2D,
  contrast: Contrast,
  { loss: config, logitScale }: LossSettings,
): LossGradient {
  return tf.tidy(() => {
    const Q = queries.shape[0];
    const P = passages.shape[0];
    const products = tf.matMul(queries, passages, false, true); // [Q, P]
    const mask = tf.tensor2d(contrast.mask, [Q, P]);
    const positive = tf.tensor2d(oneHot(contrast.target, P), [Q, P]);
    const { loss, slopes } = lossOfLogits(config, {
      logits: tf.add(tf.mul(products, logitScale), mask) as tf.Tensor2D, // [Q, P]
      positive,
      negatives: tf.sub(tf.cast(tf.greater(mask, BLOCKED / 2), 'float32'), positive) as tf.Tensor2D,
      ranker: contrast.ranker && tf.tensor2d(contrast.ranker, [Q, P]),
    });
    const scaled = tf.mul(slopes, logitScale / Q) as tf.Tensor2D; // [Q, P]
    return {
      loss,
      queryGradient: tf.matMul(scaled, passages) as tf.Tensor2D, // [Q, D]
      passageGradient: tf.matMul(scaled, queries, true, false) as tf.Tensor2D, // [P, D]
    };
  });
}

function oneHot(target: Int32Array, width: number): Float32Array {
  const values = new Float32Array(target.length * width);
  target.forEach((column, row) => {
    values[row * width + column] = 1;
  });
  return values;
}
