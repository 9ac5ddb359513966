/** Vectors of many texts: rows sorted by length, cut into shards that any number of threads take in turn. */
import type { TokenTable } from '../data/types.js';
import { chunksByLength, lengthOf, rowsIn } from '../encoders/batching.js';
import type { Inference } from '../encoders/inference.js';

export const SHARD_ROWS = 512;
export const shardsOf = (rows: number): Int32Array => Int32Array.from({ length: Math.ceil(rows / SHARD_ROWS) }, (_, shard) => shard);
export const rowsOfShard = (rows: Int32Array, shard: number): Int32Array => rows.subarray(shard * SHARD_ROWS, (shard + 1) * SHARD_ROWS);

/** The rows to encode, shortest first, so that shards hold rows of like length. */
export function rowsByLength(table: TokenTable, rows: Int32Array): Int32Array {
  return rows.slice().sort((a, b) => lengthOf(table, a) - lengthOf(table, b) || a - b);
}

/** Encodes `rows` without dropout and writes row r's vector to vectors[r·W … (r+1)·W). */
export async function encodeRows(
  inference: Inference,
  table: TokenTable,
  rows: Int32Array,
  padId: number,
  { values, width }: { readonly values: Float32Array; readonly width: number },
): Promise<void> {
  for (const { places, batch } of chunksByLength(table, rows, { tokens: inference.passTokens }, padId)) {
    const encoded = await inference(batch); // [B, W]
    places.forEach((place, i) => {
      values.set(encoded.subarray(i * width, (i + 1) * width), rows[place]! * width);
    });
  }
}

/** Vectors [rows, W] of a whole table, in its order. */
export async function encodeTable(inference: Inference, table: TokenTable, padId: number, width: number): Promise<Float32Array> {
  const values = new Float32Array(rowsIn(table) * width);
  await encodeRows(
    inference,
    table,
    Int32Array.from({ length: rowsIn(table) }, (_, row) => row),
    padId,
    { values, width },
  );
  return values;
}
