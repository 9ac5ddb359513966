/** Vectors of many texts: rows sorted by length, cut into shards that any number of threads take in turn. */
import { hostValues } from '../backend/index.js';
import type { TokenTable } from '../data/types.js';
import { chunksByLength, lengthOf } from '../encoders/batching.js';
import type { DualEncoder, Side } from '../encoders/dualEncoder.js';
import type { Weights } from '../encoders/parameters.js';

export const SHARD_ROWS = 512;
export const shardsOf = (rows: number): Int32Array => Int32Array.from({ length: Math.ceil(rows / SHARD_ROWS) }, (_, shard) => shard);
export const rowsOfShard = (rows: Int32Array, shard: number): Int32Array => rows.subarray(shard * SHARD_ROWS, (shard + 1) * SHARD_ROWS);
/** Padded tokens of one forward pass: its activations stay in a core's cache and memory is bounded. */
const CHUNK_TOKENS = 2048;

/** The rows to encode, shortest first, so that shards hold rows of like length. */
export function rowsByLength(table: TokenTable, rows: Int32Array): Int32Array {
  return rows.slice().sort((a, b) => lengthOf(table, a) - lengthOf(table, b) || a - b);
}

/** Encodes `rows` without dropout and writes row r's vector to vectors[r·D … (r+1)·D). */
export function encodeRows(
  encoder: DualEncoder,
  weights: Weights,
  side: Side,
  table: TokenTable,
  rows: Int32Array,
  padId: number,
  vectors: Float32Array,
): void {
  for (const { places, batch } of chunksByLength(table, rows, { tokens: CHUNK_TOKENS }, padId)) {
    const encoded = encoder.encode(weights, side, batch); // [B, D]
    const values = hostValues(encoded); // bulk encoding ends in host memory: this is its output, not a stop on the way
    places.forEach((place, i) => {
      vectors.set(values.subarray(i * encoder.width, (i + 1) * encoder.width), rows[place]! * encoder.width);
    });
    encoded.dispose();
  }
}
