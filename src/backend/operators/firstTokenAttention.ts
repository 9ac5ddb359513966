/**
 * Attention in which each sequence's first token alone asks, as in the last layer of a [CLS] encoder. The products are
 * associated so that no key and no value of a token is ever formed: q·(Wₖx) = (Wₖᵀq)·x, and Σ p·(Wᵥx) = Wᵥ·(Σ p·x). The same
 * function as `attention` of projected tokens at 2·H·D instead of 2·D² multiplications a token (32 × fewer at D = 192, H = 6).
 * S sequences in parts of B with T tokens each, D width, H heads, d = D/H.
 */
import { tf } from '../tf.js';
import { type Attending, joinedRows, rowParts } from './attention.js';
import { dropoutMask } from './dropout.js';

/**
 * softmax(q·kᵀ/√d + mask)·v for every head, heads merged again, where k and v are the dense maps of x.
 * query [S, D], S = Σ B; x [R, D], R = Σ B·T, one part after the other; weight [2·D, D] and bias [2·D], those of k above those of v → [S, D]. Dropout is
 * that of the probabilities [B, H, 1, T].
 * The keys' bias adds the same number to all logits of a query, which softmax takes away again: it is not read.
 */
export function firstTokenAttention(
  query: tf.Tensor2D,
  x: tf.Tensor2D,
  weight: tf.Tensor2D,
  bias: tf.Tensor1D,
  parts: readonly Attending[],
  heads: number,
): tf.Tensor2D {
  const [S, D] = query.shape;
  const d = D / heads;
  const [keyWeight, valueWeight] = tf.split(weight, 2).map((half) => tf.reshape(half, [heads, d, D])); // [H, d, D] each
  const valueBias = tf.slice(bias, [D], [D]); // [D]

  const asking = tf.mul(swapped(tf.reshape(query, [S, heads, d])), 1 / Math.sqrt(d)); // [H, S, d]
  const asked = tf.reshape(swapped(tf.matMul(asking, keyWeight!)), [S, heads * D]) as tf.Tensor2D; // Wₖᵀq: [S, H·D]
  const askedParts = rowParts(
    asked,
    parts.map(({ mask }) => mask.shape[0]),
  ); // [B, H·D]
  const tokens = rowParts(
    x,
    parts.map(({ mask }) => mask.size),
  ); // [B·T, D]
  const attended = parts.map((part, i) => attend(askedParts[i]!, tokens[i]!, part, heads));
  const mixed = tf.reshape(joinedRows(attended.map(({ mixed }) => mixed)), [S, heads, D]); // [S, H, D]
  const context = swapped(tf.matMul(swapped(mixed), valueWeight!, false, true)); // [S, H, d]
  const offset = tf.reshape(valueBias, [1, heads, d]);
  const shares = attended.flatMap(({ share }) => share ?? []);
  const shifted = tf.add(context, shares.length > 0 ? tf.mul(tf.reshape(joinedRows(shares), [S, heads, 1]), offset) : offset); // [S, H, d]
  return tf.reshape(shifted, [S, D]);
}

/** [B, H, …] ↔ [H, B, …] */
const swapped = (tensor: tf.Tensor): tf.Tensor => tf.transpose(tensor, [1, 0, 2]);

/** Σ p·x [B, H·D] of asked [B, H·D] and tokens [B·T, D]; `share` [B, H] is Σ p, 1 unless dropout changed it. */
function attend(
  asked: tf.Tensor2D,
  x: tf.Tensor2D,
  { mask, dropout }: Attending,
  heads: number,
): { mixed: tf.Tensor2D; share?: tf.Tensor2D } {
  const [B, T] = mask.shape;
  const D = x.shape[1];
  const tokens = tf.reshape(x, [B, T, D]); // [B, T, D]
  const queries = tf.reshape(asked, [B, heads, D]);
  const logits = tf.add(tf.matMul(queries, tokens, false, true), tf.reshape(mask, [B, 1, T])); // [B, H, T]
  const probabilities = tf.softmax(logits, 2); // [B, H, T]
  const kept = dropout ? tf.mul(probabilities, tf.reshape(dropoutMask([B, heads, 1, T], dropout), [B, heads, T])) : probabilities; // [B, H, T]
  const mixed = tf.reshape(tf.matMul(kept, tokens), [B, heads * D]) as tf.Tensor2D;
  return { mixed, ...(dropout && { share: tf.sum(kept, 2) as tf.Tensor2D }) };
}
