/** The k best of a stream of scores: score descending, ties to the lower row, whatever the order of the offers. */
import { UserError } from '../core/errors.js';

export interface RankedRows {
  /** Passage rows, best first; shorter than k where fewer were offered. */
  readonly rows: Int32Array;
  /** Their scores. */
  readonly scores: Float32Array;
}

/** The k best (row, score) pairs offered so far, and some more: when as many again are held, they are parted and the worse dropped. */
export class TopKBuffer {
  /** What a score must reach to be looked at: a lower bound of the k-th best one, −∞ until k are held. */
  threshold = -Infinity;
  private size = 0;
  private readonly rows: Int32Array;
  private readonly scores: Float64Array;

  constructor(readonly k: number) {
    if (!Number.isInteger(k) || k < 1) throw new UserError(`the number of passages to keep is ${k}, expected a whole number of at least 1`);
    this.rows = new Int32Array(2 * k);
    this.scores = new Float64Array(2 * k);
  }

  /** Takes the pair in if it may belong to the k best. Each row is offered once. Throws a UserError for NaN or +∞. */
  offer(row: number, score: number): void {
    if (score < this.threshold) return;
    if (!(score < Infinity))
      throw new UserError(`passage row ${row} has the score ${score}, expected a finite number: have the encoder's weights diverged?`);
    this.rows[this.size] = row;
    this.scores[this.size++] = score;
    // Parted at the k-th at once, so that there is a threshold; then whenever it is full.
    if (this.size === this.rows.length || this.size === this.k) this.part();
  }

  /** The rows of the k best, in no order. */
  best(): Int32Array {
    if (this.size > this.k) this.part();
    return this.rows.slice(0, this.size);
  }

  /** The k best pairs, in no order. */
  pairs(): { readonly rows: Int32Array; readonly scores: Float64Array } {
    const rows = this.best();
    return { rows, scores: this.scores.slice(0, rows.length) };
  }

  /** The k best pairs, best first. */
  sorted(): RankedRows {
    const { rows: best, scores } = this.pairs();
    const order = Array.from(best.keys()).sort((i, j) => scores[j]! - scores[i]! || best[i]! - best[j]!);
    return { rows: Int32Array.from(order, (i) => best[i]!), scores: Float32Array.from(order, (i) => scores[i]!) };
  }

  /** The k best to the front, the others dropped: Hoare's selection. */
  private part(): void {
    const { k, scores } = this;
    let [low, high] = [0, this.size - 1];
    while (low < high) {
      const [i, j] = this.partition(low, high);
      if (k - 1 <= j) high = j;
      else if (k - 1 >= i) low = i;
      else break;
    }
    this.size = k;
    this.threshold = scores[k - 1]!;
  }

  /** Places low … j to be no worse than a pivot, i … high no better. */
  private partition(low: number, high: number): [i: number, j: number] {
    const { rows, scores } = this;
    const middle = (low + high) >> 1;
    const [pivotScore, pivotRow] = [scores[middle]!, rows[middle]!];
    const better = (at: number) => scores[at]! > pivotScore || (scores[at]! === pivotScore && rows[at]! < pivotRow);
    const worse = (at: number) => scores[at]! < pivotScore || (scores[at]! === pivotScore && rows[at]! > pivotRow);
    let [i, j] = [low, high];
    while (i <= j) {
      while (better(i)) i++;
      while (worse(j)) j--;
      if (i > j) break;
      [rows[i], rows[j]] = [rows[j]!, rows[i]!];
      [scores[i], scores[j]] = [scores[j]!, scores[i]!];
      i++;
      j--;
    }
    return [i, j];
  }
}
