/** The pools of many queries: the Top-K of a refresh less each query's positives, with scores. */
import type { Pool } from './types.js';

export interface Pools {
  /** Candidates kept a query. */
  readonly k: number;
  /** Query rows that have a pool, ascending. */
  readonly rows: Int32Array;
  /** Passage rows [rows·k], best first, −1 behind the last. */
  readonly passages: Int32Array;
  /** Logits [rows·k]. */
  readonly scores: Float32Array;
  /** Logits of the positives, query after query in the order of its judged rows. */
  readonly positiveScores: Float32Array;
  /** Where query i's positive scores begin: [rows + 1]. */
  readonly positiveOffsets: Uint32Array;
}

/** Cuts retrieved hits (`depth` a query, best first) to the k best that are no positives. `positives[i]` belongs to query i. */
export function cutPool(
  hits: Int32Array,
  scores: Float32Array,
  positives: ArrayLike<number>,
  k: number,
): { passages: Int32Array; scores: Float32Array } {
  const judged = new Set(Array.from(positives));
  const passages = new Int32Array(k).fill(-1);
  const kept = new Float32Array(k);
  let held = 0;
  for (let i = 0; i < hits.length && held < k && hits[i]! >= 0; i++) {
    if (judged.has(hits[i]!)) continue;
    passages[held] = hits[i]!;
    kept[held++] = scores[i]!;
  }
  return { passages, scores: kept };
}

/** The place of a query row in `pools.rows`, or −1. */
export function placeOf(pools: Pools, row: number): number {
  let low = 0;
  let high = pools.rows.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = pools.rows[middle]!;
    if (found === row) return middle;
    if (found < row) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** The pool of the query at `place`, seen from its positive number `positive`. */
export function poolAt(pools: Pools, place: number, positive: number, known: Pick<Pool, 'query' | 'positives' | 'corpusSize'>): Pool {
  const begin = place * pools.k;
  let size = 0;
  while (size < pools.k && pools.passages[begin + size]! >= 0) size++;
  return {
    ...known,
    passages: pools.passages.subarray(begin, begin + size),
    scores: pools.scores.subarray(begin, begin + size),
    positiveScore: pools.positiveScores[pools.positiveOffsets[place]! + positive]!,
  };
}
