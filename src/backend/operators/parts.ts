/** Parts of a pass: a part is B sequences of one length of T tokens, and what is of all rows takes part after part. */
import { tf } from '../tf.js';
import type { Dropout } from './dropout.js';

/** What a part's sequences attend to. */
export interface Attending {
  /** [B, T], added to the logits: 0 for tokens, −1e9 for padding. */
  readonly mask: tf.Tensor2D;
  /** Of the probabilities. */
  readonly dropout?: Dropout | undefined;
}

/** Rows in parts of so many each. */
export const rowParts = (x: tf.Tensor2D, sizes: readonly number[]): tf.Tensor2D[] =>
  sizes.length === 1 ? [x] : (tf.split(x, [...sizes]) as tf.Tensor2D[]);

export const joinedRows = (parts: readonly tf.Tensor2D[]): tf.Tensor2D => (parts.length === 1 ? parts[0]! : tf.concat2d([...parts], 0));

/** Each part with its B and T, and how many sequences and rows stand before it. */
export function inOrder<P>(parts: readonly P[], shapeOf: (part: P) => readonly [number, number]) {
  let [sequences, rows] = [0, 0];
  return parts.map((part) => {
    const [B, T] = shapeOf(part);
    const placed = { part, B, T, sequences, rows };
    sequences += B;
    rows += B * T;
    return placed;
  });
}
