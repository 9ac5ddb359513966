/** Cross-entropy of a softmax and its slope, in closed form: nothing is differentiated. */
import { tf } from '../tf.js';
import { crossEntropyOnWebgpu } from '../webgpu/crossEntropy.js';
import { webgpuIsActive } from '../webgpu/kernel.js';

/** Of each row −Σ target·log softmax(logits), [Q], where the targets of a row sum to 1, and its slope, softmax(logits) − target: both given [Q, P]. */
export function crossEntropy(logits: tf.Tensor2D, target: tf.Tensor2D): { losses: tf.Tensor1D; slopes: tf.Tensor2D } {
  if (webgpuIsActive()) return crossEntropyOnWebgpu(logits, target);
  const logP = tf.logSoftmax(logits, 1); // [Q, P]
  return {
    losses: tf.neg(tf.sum(tf.mul(logP, target), 1)) as tf.Tensor1D,
    slopes: tf.sub(tf.exp(logP), target) as tf.Tensor2D,
  };
}
