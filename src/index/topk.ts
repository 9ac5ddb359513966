/** The k best of a stream of scores: score descending, ties to the lower row, whatever the order of the offers. */
import { UserError } from '../core/errors.js';

export interface RankedRows {
  /** Passage rows, best first; shorter than k where fewer were offered. */
  readonly rows: Int32Array;
  /** Their scores. */
  readonly scores: Float32Array;
}

/** The k best (row, score) pairs offered so far: a binary heap with the worst at its root. */
export class TopKBuffer {
  /** What a score must reach to be looked at: the worst one held, −∞ until k are held. */
  threshold = -Infinity;
  private size = 0;
  private readonly rows: Int32Array;
  private readonly scores: Float64Array;

  constructor(readonly k: number) {
    if (!Number.isInteger(k) || k < 1) throw new UserError(`the number of passages to keep is ${k}, expected a whole number of at least 1`);
    this.rows = new Int32Array(k);
    this.scores = new Float64Array(k);
  }

  /** Takes the pair in if it belongs to the k best. Each row is offered once. Throws a UserError for NaN or +∞. */
  offer(row: number, score: number): void {
    if (score < this.threshold) return;
    if (!(score < Infinity))
      throw new UserError(`passage row ${row} has the score ${score}, expected a finite number: have the encoder's weights diverged?`);
    if (this.size < this.k) {
      this.siftUp(this.size++, row, score);
    } else {
      if (score === this.threshold && row > this.rows[0]) return;
      this.siftDown(row, score);
    }
    if (this.size === this.k) this.threshold = this.scores[0];
  }

  /** The pairs held, best first. */
  sorted(): RankedRows {
    const { rows, scores, size } = this;
    const order = Array.from({ length: size }, (_, i) => i).sort((i, j) => scores[j] - scores[i] || rows[i] - rows[j]);
    return { rows: Int32Array.from(order, (i) => rows[i]), scores: Float32Array.from(order, (i) => scores[i]) };
  }

  /** Forgets everything, for the next query. */
  clear(): void {
    this.size = 0;
    this.threshold = -Infinity;
  }

  private siftUp(place: number, row: number, score: number): void {
    const { rows, scores } = this;
    let at = place;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (score > scores[parent] || (score === scores[parent] && row < rows[parent])) break;
      rows[at] = rows[parent];
      scores[at] = scores[parent];
      at = parent;
    }
    rows[at] = row;
    scores[at] = score;
  }

  private siftDown(row: number, score: number): void {
    const { rows, scores, size } = this;
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      const right = child + 1;
      if (right < size && (scores[right] < scores[child] || (scores[right] === scores[child] && rows[right] > rows[child]))) child = right;
      if (score < scores[child] || (score === scores[child] && row > rows[child])) break;
      rows[at] = rows[child];
      scores[at] = scores[child];
      at = child;
    }
    rows[at] = row;
    scores[at] = score;
  }
}

/**
 * Offers a block of scores to the queries' buffers: scores[i·n + j] is that of query i and passage row firstRow + j.
 * Nearly all fail: eight are compared before any is looked at again. NaN fails no comparison, so that `offer` refuses it.
 */
export function blockTopK(scores: Float32Array, q: number, n: number, firstRow: number, buffers: readonly TopKBuffer[]): void {
  for (let i = 0; i < q; i++) {
    const buffer = buffers[i]!;
    const end = (i + 1) * n;
    const base = firstRow - i * n;
    let j = i * n;
    for (let t = buffer.threshold; j + 8 <= end; j += 8) {
      const below =
        scores[j]! < t &&
        scores[j + 1]! < t &&
        scores[j + 2]! < t &&
        scores[j + 3]! < t &&
        scores[j + 4]! < t &&
        scores[j + 5]! < t &&
        scores[j + 6]! < t &&
        scores[j + 7]! < t;
      if (below) continue;
      offerAll(buffer, scores, j, j + 8, base);
      t = buffer.threshold;
    }
    offerAll(buffer, scores, j, end, base);
  }
}

function offerAll(buffer: TopKBuffer, scores: Float32Array, begin: number, end: number, base: number): void {
  for (let j = begin; j < end; j++) if (!(scores[j]! < buffer.threshold)) buffer.offer(base + j, scores[j]!);
}
