/** Sequences of one length cost no padding: rows are sorted by length and cut into chunks, each padded to its own longest row. */
import { concatenated } from '../core/arrays.js';
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

/** What a chunk may have at most, a single row apart. */
export interface ChunkLimits {
  /** Tokens, the padded ones among them. */
  readonly tokens: number;
  readonly rows?: number | undefined;
  /** Padded tokens. */
  readonly padding?: number | undefined;
}

/** The sequences of one table, then those of another. */
export function joined(first: TokenTable, second: TokenTable): TokenTable {
  const offsets = new Uint32Array(first.offsets.length + second.offsets.length - 1);
  offsets.set(first.offsets);
  offsets.set(
    second.offsets.map((offset) => offset + first.ids.length),
    first.offsets.length - 1,
  );
  return { ids: concatenated(Int32Array, [first.ids, second.ids]), offsets };
}

/** Chunks that together hold every row once; the order depends on lengths and places alone. */
export function chunksByLength(table: TokenTable, rows: ArrayLike<number>, limits: ChunkLimits, padId: number): Chunk[] {
  const { rows: mostRows = Number.POSITIVE_INFINITY, padding = Number.POSITIVE_INFINITY } = limits;
  const places = Int32Array.from({ length: rows.length }, (_, place) => place);
  places.sort((a, b) => lengthOf(table, rows[a]!) - lengthOf(table, rows[b]!) || a - b);
  const chunks: Chunk[] = [];
  let begin = 0;
  while (begin < places.length) {
    let end = begin;
    let held = 0; // tokens of the rows themselves
    while (end < places.length) {
      const length = lengthOf(table, rows[places[end]!]!);
      const padded = length * (end + 1 - begin);
      if (end > begin && (end - begin >= mostRows || padded > limits.tokens || padded - held - length > padding)) break;
      held += length;
      end++;
    }
    const chunk = places.slice(begin, end);
    chunks.push({ places: chunk, batch: padded(table, chunk, rows, padId) });
    begin = end;
  }
  return chunks;
}

/** The chunks' batches, one after the other, in passes of no more than the limits: of a pass each batch is a part (transformer.ts), so that none pays for another's length. */
export function passesOf(chunks: readonly Chunk[], { tokens, rows = Number.POSITIVE_INFINITY }: ChunkLimits): TokenBatch[][] {
  const passes: TokenBatch[][] = [];
  let [tokensLeft, rowsLeft] = [0, 0];
  for (const { batch } of chunks) {
    const { ids, lengths } = batch;
    if (ids.length > tokensLeft || lengths.length > rowsLeft) {
      passes.push([]);
      [tokensLeft, rowsLeft] = [tokens, rows];
    }
    passes.at(-1)!.push(batch);
    tokensLeft -= ids.length;
    rowsLeft -= lengths.length;
  }
  return passes;
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
