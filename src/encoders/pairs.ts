/** Pairs of texts, each one sequence, as a table and as batches of like length. */
import type { TokenTable } from '../data/types.js';
import { type Chunk, type ChunkLimits, chunksByLength, tableOf } from './batching.js';
import type { Tokenizer } from './tokenizer/tokenizer.js';

export interface PairTable extends TokenTable {
  /** Where the second text of each pair begins. */
  readonly seconds: Int32Array;
}

/** [first, second] texts, at most `maxTokens` ids each: the longer text loses its end first. */
export function pairTable(
  tokenizer: Pick<Tokenizer, 'encodePair'>,
  texts: readonly (readonly [string, string])[],
  maxTokens: number,
): PairTable {
  const pairs = texts.map(([first, second]) => tokenizer.encodePair(first, second, maxTokens));
  return { ...tableOf(pairs.map(({ ids }) => ids)), seconds: Int32Array.from(pairs, ({ second }) => second) };
}

/** chunksByLength of pairs. */
export function pairChunks(table: PairTable, rows: ArrayLike<number>, limits: ChunkLimits, padId: number): Chunk[] {
  return chunksByLength(table, rows, limits, padId).map(({ places, batch }) => ({
    places,
    batch: { ...batch, seconds: batch.rows.map((row) => table.seconds[row]!) },
  }));
}
