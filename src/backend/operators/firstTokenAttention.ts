/**
 * Attention in which each sequence's first token alone asks, as in the last layer of a [CLS] encoder. The products are
 * associated so that no key and no value of a token is ever formed: q·(Wₖx) = (Wₖᵀq)·x, and Σ p·(Wᵥx) = Wᵥ·(Σ p·x). The same
 * function as `attention` of projected tokens at 2·H·D instead of 2·D² multiplications a token (32 × fewer at D = 192, H = 6).
 * B sequences, T tokens, D width, H heads, d = D/H.
 */
import { tf } from '../tf.js';
import { type Dropout, dropoutMask } from './dropout.js';

/**
 * softmax(q·kᵀ/√d + mask)·v for every head, heads merged again, where k and v are the dense maps of x.
 * query [B, D]; x [B·T, D]; weight [2·D, D] and bias [2·D], those of k above those of v; mask [B, T], added to the logits
 * (0 for tokens, −1e9 for padding); `dropout` is that of the probabilities [B, H, 1, T] → [B, D].
 * The keys' bias adds the same number to all logits of a query, which softmax takes away again: it is not read.
 */
export function firstTokenAttention(
  query: tf.Tensor2D,
  x: tf.Tensor2D,
  weight: tf.Tensor2D,
  bias: tf.Tensor1D,
  mask: tf.Tensor2D,
  heads: number,
  dropout?: Dropout,
): tf.Tensor2D {
  const [B, T] = mask.shape;
  const D = query.shape[1];
  const d = D / heads;
  const [keyWeight, valueWeight] = tf.split(weight, 2).map((half) => tf.reshape(half, [heads, d, D])); // [H, d, D] each
  const valueBias = tf.slice(bias, [D], [D]); // [D]
  const tokens = tf.reshape(x, [B, T, D]); // [B, T, D]
  const swapped = (tensor: tf.Tensor) => tf.transpose(tensor, [1, 0, 2]); // [B, H, …] ↔ [H, B, …]

  const asking = tf.mul(swapped(tf.reshape(query, [B, heads, d])), 1 / Math.sqrt(d)); // [H, B, d]
  const asked = swapped(tf.matMul(asking, keyWeight!)); // Wₖᵀq: [B, H, D]
  const logits = tf.add(tf.matMul(asked, tokens, false, true), tf.reshape(mask, [B, 1, T])); // [B, H, T]
  const probabilities = tf.softmax(logits, 2); // [B, H, T]
  const kept = dropout ? tf.mul(probabilities, tf.reshape(dropoutMask([B, heads, 1, T], dropout), [B, heads, T])) : probabilities; // [B, H, T]
  const mixed = swapped(tf.matMul(kept, tokens)); // Σ p·x: [H, B, D]
  const context = swapped(tf.matMul(mixed, valueWeight!, false, true)); // [B, H, d]
  const offset = tf.reshape(valueBias, [1, heads, d]); // counts Σ p times: once, unless dropout changed the sum
  const shifted = tf.add(context, dropout ? tf.mul(tf.sum(kept, 2, true), offset) : offset); // [B, H, d]
  return tf.reshape(shifted, [B, D]);
}
