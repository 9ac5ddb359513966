/**
 * Softmax contrastive loss: the mean over queries of −log( e^{s(q,d⁺)} / Σ_d e^{s(q,d)} ), d over the passages that the
 * mask leaves to the query. s is the logit: dot product or cosine / temperature.
 */
import { tf } from '../backend/index.js';

/** What the mask adds to the logit of a passage that does not compete. */
export const BLOCKED = -1e9;

/** Q queries against P passages: `target[i]` is the column of query i's positive. */
export interface Contrast {
  readonly target: Int32Array;
  /** Additive, [Q·P]: 0 where the passage competes, −1e9 where it does not. */
  readonly mask: Float32Array;
}

export interface LossGradient {
  readonly loss: tf.Scalar;
  readonly queryGradient: tf.Tensor2D;
  readonly passageGradient: tf.Tensor2D;
}

/** Loss and its gradients with respect to both sets of vectors, in closed form: ∂loss/∂logits = (softmax − onehot) / Q. */
export function contrastiveLoss(queries: tf.Tensor2D, passages: tf.Tensor2D, contrast: Contrast, logitScale: number): LossGradient {
  return tf.tidy(() => {
    const Q = queries.shape[0];
    const P = passages.shape[0];
    const products = tf.matMul(queries, passages, false, true); // [Q, P]
    const logits = tf.add(tf.mul(products, logitScale), tf.tensor2d(contrast.mask, [Q, P])); // [Q, P]
    const logProbabilities = tf.logSoftmax(logits, 1); // [Q, P]
    const target = tf.tensor2d(oneHot(contrast.target, P), [Q, P]); // [Q, P]
    const loss = tf.div(tf.neg(tf.sum(tf.mul(logProbabilities, target))), Q) as tf.Scalar;
    const slope = tf.mul(tf.sub(tf.exp(logProbabilities), target), logitScale / Q) as tf.Tensor2D; // [Q, P]
    return {
      loss,
      queryGradient: tf.matMul(slope, passages) as tf.Tensor2D, // [Q, D]
      passageGradient: tf.matMul(slope, queries, true, false) as tf.Tensor2D, // [P, D]
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
