/** The pools of many queries: the Top-K of a refresh less what filters keep out, with scores. */
import { FILTER_NAMES, type Filter, type FilterName, removedBy } from './filters.js';
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
  /** Of docSim alone: logits of the best-scored positive with each candidate [rows·k]. */
  readonly similarities?: Float32Array;
  /** Logits of the positives, query after query in the order of its judged rows. */
  readonly positiveScores: Float32Array;
  /** Where query i's positive scores begin: [rows + 1]. */
  readonly positiveOffsets: Uint32Array;
  /** What filters removed, query after query: passage rows, their logits, the filter's place in FILTER_NAMES; and where query i's begin: [rows + 1]. */
  readonly removedPassages: Int32Array;
  readonly removedScores: Float32Array;
  readonly removedBy: Int32Array;
  readonly removedOffsets: Uint32Array;
}

export interface Removed {
  readonly passage: number;
  readonly score: number;
  readonly by: FilterName;
}

export interface CutPool {
  /** [k], −1 behind the last. */
  readonly passages: Int32Array;
  readonly scores: Float32Array;
  /** What was removed before the k were together, and by which filter. */
  readonly removed: readonly Removed[];
}

/** Cuts the retrieved hits of a query (best first) to the k best that no filter removes. */
export function cutPool(hits: Int32Array, scores: Float32Array, k: number, filters: readonly Filter[], positiveScore: number): CutPool {
  const passages = new Int32Array(k).fill(-1);
  const kept = new Float32Array(k);
  const removed: Removed[] = [];
  let held = 0;
  for (let i = 0; i < hits.length && held < k && hits[i]! >= 0; i++) {
    const reason = removedBy(filters, { passage: hits[i]!, score: scores[i]!, positiveScore });
    if (reason !== undefined) {
      removed.push({ passage: hits[i]!, score: scores[i]!, by: reason });
      continue;
    }
    passages[held] = hits[i]!;
    kept[held++] = scores[i]!;
  }
  return { passages, scores: kept, removed };
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

/** The logits of the positives of the query at `place`. */
export function positiveScoresAt({ positiveScores, positiveOffsets }: Pools, place: number): Float32Array {
  return positiveScores.subarray(positiveOffsets[place], positiveOffsets[place + 1]);
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
    ...(pools.similarities && { similarities: pools.similarities.subarray(begin, begin + size) }),
    positiveScore: positiveScoresAt(pools, place)[positive]!,
  };
}

/** At most `most` places, evenly over the queries. */
export function spreadPlaces({ rows }: Pick<Pools, 'rows'>, most: number): number[] {
  const count = Math.min(most, rows.length);
  return Array.from({ length: count }, (_, i) => Math.floor((i * rows.length) / count));
}

/** What was removed of the query at `place`. */
export function removedAt({ removedPassages, removedScores, removedBy: by, removedOffsets }: Pools, place: number): Removed[] {
  const [begin, end] = [removedOffsets[place]!, removedOffsets[place + 1]!];
  return Array.from({ length: end - begin }, (_, i) => ({
    passage: removedPassages[begin + i]!,
    score: removedScores[begin + i]!,
    by: FILTER_NAMES[by[begin + i]!]!,
  }));
}

/** The arrays that keep what was removed of each query. */
export function removedArrays(
  lists: readonly (readonly Removed[])[],
): Pick<Pools, 'removedPassages' | 'removedScores' | 'removedBy' | 'removedOffsets'> {
  const all = lists.flat();
  const removedOffsets = new Uint32Array(lists.length + 1);
  lists.forEach((list, i) => {
    removedOffsets[i + 1] = removedOffsets[i]! + list.length;
  });
  return {
    removedPassages: Int32Array.from(all, ({ passage }) => passage),
    removedScores: Float32Array.from(all, ({ score }) => score),
    removedBy: Int32Array.from(all, ({ by }) => FILTER_NAMES.indexOf(by)),
    removedOffsets,
  };
}
