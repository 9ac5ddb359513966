/** Exact search by inner product: every query against every passage, the K best kept, and told apart by sums of 64 bits. */
import { isOnDevice } from '../backend/index.js';
import { span } from '../core/spans.js';
import { startSearch } from './runningSearch.js';
import { TopKBuffer } from './topk.js';
import type { Vectors } from './vectors.js';

/** Queries of a call that shows progress and lets others take their share. */
export const QUERY_BLOCK = 256;
/** Queries × hits of a call on a device: some 30 bytes each, there or, of native TensorFlow, here. */
const HELD_ON_DEVICE = 2 ** 22;

/** As QUERY_BLOCK on the active backend, for k hits each: in each call a device is given all passages anew. */
export const queryBlock = (k: number): number => (isOnDevice() ? Math.max(QUERY_BLOCK, Math.floor(HELD_ON_DEVICE / k)) : QUERY_BLOCK);

/** The K best passages of each query: rows best first, ties to the lower row; scores are logits, summed in 64 bits. −1 where the corpus is smaller than K. */
export interface Hits {
  readonly passages: Int32Array;
  readonly scores: Float32Array;
}

/** Passages in memory, every one looked at. */
export class ExactIndex {
  /** Holds on to the passages, which must not change. */
  constructor(private readonly passages: Vectors) {}

  /** The k best passages of the query rows; scores are dot products times `scale`. */
  async search(queries: Vectors, queryRows: Int32Array, k: number, scale: number): Promise<Hits> {
    const search = startSearch(queries, queryRows, k);
    await search.meet(this.passages);
    const candidates = await search.candidates();
    return span('score anew in 64 bits', () => rescored(candidates, queries, queryRows, this.passages, k, scale));
  }
}

/** The pairs held by the queries' buffers. */
export function collect(buffers: readonly TopKBuffer[], k: number): Hits {
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

/** scoreOf of four passages of anywhere: their memory is waited for once, not one after the other. */
function scoresOfFour(queries: Vectors, queryRow: number, { values: p, width: D }: Vectors, rows: Int32Array, at: number, scale: number) {
  const q = queries.values;
  const [i, j, k, l] = [rows[at]! * D, rows[at + 1]! * D, rows[at + 2]! * D, rows[at + 3]! * D];
  let [a, b, c, e] = [0, 0, 0, 0];
  for (let d = 0, x = queryRow * D; d < D; d++, x++) {
    const value = q[x]!;
    a += value * p[i + d]!;
    b += value * p[j + d]!;
    c += value * p[k + d]!;
    e += value * p[l + d]!;
  }
  return [a * scale, b * scale, c * scale, e * scale] as const;
}

/** Positions among the rows as rows; −1 stays. */
export const rowsAmong = (positions: Int32Array, rows: Int32Array): Int32Array =>
  positions.map((position) => (position < 0 ? position : rows[position]!));

/** Of each query row's candidates the k best by sums of 64 bits, as 32-bit numbers: every index's scores, whatever found the candidates. */
export function rescored(
  candidates: readonly Int32Array[],
  queries: Vectors,
  queryRows: Int32Array,
  passages: Vectors,
  k: number,
  scale: number,
): Hits {
  const buffers = candidates.map((found, i) => {
    const buffer = new TopKBuffer(k);
    const four = found.length - (found.length % 4);
    for (let at = 0; at < four; at += 4)
      scoresOfFour(queries, queryRows[i]!, passages, found, at, scale).forEach((score, j) => buffer.offer(found[at + j]!, score));
    for (const passage of found.subarray(four)) buffer.offer(passage, scoreOf(queries, queryRows[i]!, passages, passage, scale));
    return buffer;
  });
  return collect(buffers, k);
}
