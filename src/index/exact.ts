/** Exact search by inner product, in blocks: every query against every passage, the K best kept. */
import { hostValues, tf } from '../backend/index.js';
import { blockTopK, TopKBuffer } from './topk.js';

const PASSAGE_BLOCK = 4096;
export const QUERY_BLOCK = 256;

/** Vectors [rows, D] in one array; row r at [r·D, (r+1)·D). */
export interface Vectors {
  readonly values: Float32Array;
  readonly width: number;
}

/** The K best passages of each query: rows best first, ties to the lower row; scores are logits. −1 where the corpus is smaller than K. */
export interface Hits {
  readonly passages: Int32Array;
  readonly scores: Float32Array;
}

/** Passages laid out for the backend once, for any number of searches. */
export class ExactIndex {
  private readonly blocks: { readonly first: number; readonly vectors: tf.Tensor2D }[] = [];

  /** Copies the passages: as they are now they are searched. Owns memory until it is disposed of. */
  constructor({ values, width: D }: Vectors) {
    const size = values.length / D;
    for (let first = 0; first < size; first += PASSAGE_BLOCK) {
      const n = Math.min(PASSAGE_BLOCK, size - first);
      this.blocks.push({ first, vectors: tf.tensor2d(values.slice(first * D, (first + n) * D), [n, D]) });
    }
  }

  /** The k best passages of the query rows (at most QUERY_BLOCK a call keeps memory small); scores are dot products times `scale`. */
  search(queries: Vectors, queryRows: Int32Array, k: number, scale: number): Hits {
    const D = queries.width;
    const Q = queryRows.length;
    const buffers = Array.from({ length: Q }, () => new TopKBuffer(k));
    const left = tf.tidy(() => tf.mul(tf.tensor2d(gathered(queries, queryRows), [Q, D]), scale)); // [Q, D]
    for (const { first, vectors } of this.blocks) {
      const products = tf.matMul(left, vectors, false, true) as tf.Tensor2D; // [Q, n]
      blockTopK(hostValues(products), Q, vectors.shape[0], first, buffers); // the selection runs on the host
      products.dispose();
    }
    left.dispose();
    return collect(buffers, k);
  }

  dispose(): void {
    for (const { vectors } of this.blocks) vectors.dispose();
  }
}

function collect(buffers: TopKBuffer[], k: number): Hits {
  const passages = new Int32Array(buffers.length * k).fill(-1);
  const scores = new Float32Array(buffers.length * k);
  buffers.forEach((buffer, i) => {
    const best = buffer.sorted();
    passages.set(best.rows, i * k);
    scores.set(best.scores, i * k);
  });
  return { passages, scores };
}

/** The dot product times `scale` of one query and one passage. */
export function scoreOf(queries: Vectors, queryRow: number, passages: Vectors, passageRow: number, scale: number): number {
  const D = passages.width;
  let sum = 0;
  for (let d = 0; d < D; d++) sum += queries.values[queryRow * D + d]! * passages.values[passageRow * D + d]!;
  return sum * scale;
}

/** The vectors of the rows, one after the other: [rows, D]. */
export function gathered({ values, width: D }: Vectors, rows: Int32Array): Float32Array {
  const vectors = new Float32Array(rows.length * D);
  rows.forEach((row, i) => vectors.set(values.subarray(row * D, (row + 1) * D), i * D));
  return vectors;
}

/** Positions among the rows as rows; −1 stays. */
export const rowsAmong = (positions: Int32Array, rows: Int32Array): Int32Array =>
  positions.map((position) => (position < 0 ? position : rows[position]!));

/** Of each query row's candidates the k best: what an approximate index found, scored as the exact one scores. */
export function rescored(
  candidates: readonly Iterable<number>[],
  queries: Vectors,
  queryRows: Int32Array,
  passages: Vectors,
  k: number,
  scale: number,
): Hits {
  const buffers = candidates.map((found, i) => {
    const buffer = new TopKBuffer(k);
    for (const passage of found) buffer.offer(passage, Math.fround(scoreOf(queries, queryRows[i]!, passages, passage, scale)));
    return buffer;
  });
  return collect(buffers, k);
}
