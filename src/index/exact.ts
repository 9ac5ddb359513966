/** Exact search by inner product, in blocks: every query against every passage, the K best kept. */
import { productRows, productsInto, type Values } from '../backend/index.js';
import { span } from '../core/spans.js';
import { ScoreBlock } from './scan.js';
import { TopKBuffer } from './topk.js';

/** Queries of a product. */
const QUERIES = 512;
/**
 * Passages looked at beyond the k best: sums of 32 bits depend on where in a block a passage lies, so that the last ranks, and passages of one text, are
 * told apart by sums of 64.
 */
const RESERVE = 16;
/** Queries of a call that shows progress and lets others take their share. */
export const QUERY_BLOCK = 256;

/** Vectors [rows, D] in one array; row r at [r·D, (r+1)·D). */
export interface Vectors {
  readonly values: Float32Array;
  readonly width: number;
}

/** The K best passages of each query: rows best first, ties to the lower row; scores are logits, summed in 64 bits. −1 where the corpus is smaller than K. */
export interface Hits {
  readonly passages: Int32Array;
  readonly scores: Float32Array;
}

/** Used by one search after the other. */
let idleScores: ScoreBlock | undefined;

/** A search under way: of each query the best of the passages met so far. */
export class RunningSearch {
  private readonly buffers: readonly TopKBuffer[];
  private readonly queries: readonly Values[];
  /** A block of passages, copied: no backend takes shared memory, and the copy is in the cache. */
  private readonly block: Float32Array;
  private readonly blockRows = productRows();
  private held = 0;
  private met = 0;

  constructor(queries: Vectors, queryRows: Int32Array, k: number) {
    const D = queries.width;
    this.buffers = Array.from(queryRows, () => new TopKBuffer(k + RESERVE));
    const all = gathered(queries, queryRows);
    this.queries = Array.from({ length: Math.ceil(queryRows.length / QUERIES) }, (_, i) => {
      const values = all.subarray(i * QUERIES * D, (i + 1) * QUERIES * D);
      return { values, shape: [values.length / D, D] };
    });
    this.block = new Float32Array(this.blockRows * D);
  }

  /** Goes on with the passages behind those met so far; those that fill no block wait for more. */
  async meet({ values, width: D }: Vectors): Promise<void> {
    for (let at = 0; at < values.length; ) {
      const part = values.subarray(at, at + (this.blockRows - this.held) * D);
      this.block.set(part, this.held * D);
      this.held += part.length / D;
      at += part.length;
      if (this.held === this.blockRows) await this.score();
    }
  }

  /** Of each query the k best passages by products of 32 bits, and RESERVE more, in no order. */
  async candidates(): Promise<Int32Array[]> {
    if (this.held > 0) await this.score();
    return this.buffers.map((buffer) => buffer.best());
  }

  private async score(): Promise<void> {
    const { block, blockRows, buffers, held } = this;
    const D = block.length / blockRows;
    const scores = idleScores?.passages === blockRows ? idleScores : new ScoreBlock(QUERIES, blockRows);
    idleScores = undefined; // another search may begin while this one waits
    const passages = { values: block.subarray(0, held * D), shape: [held, D] };
    for (const [i, queries] of this.queries.entries()) {
      await productsInto(scores.scores, queries, passages);
      span('scan scores', () => scores.offerTo(buffers.slice(i * QUERIES, (i + 1) * QUERIES), queries.shape[0]!, held, this.met));
    }
    idleScores = scores;
    this.met += held;
    this.held = 0;
  }
}

/** Passages in memory, every one looked at. */
export class ExactIndex {
  /** Holds on to the passages, which must not change. */
  constructor(private readonly passages: Vectors) {}

  /** The k best passages of the query rows; scores are dot products times `scale`. */
  async search(queries: Vectors, queryRows: Int32Array, k: number, scale: number): Promise<Hits> {
    const search = new RunningSearch(queries, queryRows, k);
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

/** The vectors of the rows, one after the other: [rows, D]. */
export function gathered({ values, width: D }: Vectors, rows: Int32Array): Float32Array {
  const vectors = new Float32Array(rows.length * D);
  rows.forEach((row, i) => vectors.set(values.subarray(row * D, (row + 1) * D), i * D));
  return vectors;
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
