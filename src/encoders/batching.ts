/**
 * Sequences of one length cost no padding: rows are sorted by length and cut into chunks of at most `maxTokens`
 * padded tokens (and `maxRows` rows), each padded to its own longest row.
 */
import type { TokenTable } from '../data/types.js';
import type { TokenBatch } from './transformer.js';

export interface Chunk {
  /** Positions in the `rows` that were asked for. */
  readonly places: Int32Array;
  readonly batch: TokenBatch;
}

/** Sequences as one table. */
export function tableOf(sequences: readonly ArrayLike<number>[]): TokenTable {
  const offsets = new Uint32Array(sequences.length + 1);
  sequences.forEach((sequence, i) => {
    offsets[i + 1] = offsets[i]! + sequence.length;
  });
  const ids = new Int32Array(offsets[sequences.length]!);
  sequences.forEach((sequence, i) => ids.set(sequence, offsets[i]!));
  return { ids, offsets };
}

export const rowsIn = (table: TokenTable): number => table.offsets.length - 1;

export const lengthOf = (table: TokenTable, row: number): number => table.offsets[row + 1]! - table.offsets[row]!;

/** Chunks that together hold every row once; the order depends on lengths and places alone. */
export function chunksByLength(
  table: TokenTable,
  rows: ArrayLike<number>,
  maxTokens: number,
  padId: number,
  maxRows = Number.POSITIVE_INFINITY,
): Chunk[] {
  const places = Int32Array.from({ length: rows.length }, (_, place) => place);
  places.sort((a, b) => lengthOf(table, rows[a]!) - lengthOf(table, rows[b]!) || a - b);
  const chunks: Chunk[] = [];
  let begin = 0;
  while (begin < places.length) {
    let end = begin + 1;
    while (end < places.length && end - begin < maxRows && lengthOf(table, rows[places[end]!]!) * (end + 1 - begin) <= maxTokens) end++;
    const chunk = places.slice(begin, end);
    chunks.push({ places: chunk, batch: padded(table, chunk, rows, padId) });
    begin = end;
  }
  return chunks;
}

function padded(table: TokenTable, places: Int32Array, rows: ArrayLike<number>, padId: number): TokenBatch {
  const lengths = places.map((place) => lengthOf(table, rows[place]!));
  const tokens = lengths.reduce((longest, length) => Math.max(longest, length), 1);
  const ids = new Int32Array(places.length * tokens).fill(padId);
  places.forEach((place, i) => {
    const begin = table.offsets[rows[place]!]!;
    ids.set(table.ids.subarray(begin, begin + lengths[i]!), i * tokens);
  });
  return { ids, lengths, tokens, rows: places.map((place) => rows[place]!) };
}
