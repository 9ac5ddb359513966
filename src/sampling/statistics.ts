/** What is logged about the negatives of a refresh: how hard they are and how many may be false. */
import type { Pool } from './types.js';

export interface GapFigures {
  /** Drawn negatives that stand in their query's pool; only these have a score. */
  readonly scored: number;
  /** Mean of s⁻ − s⁺ over the scored negatives; absent where none is scored. */
  readonly scoreGap?: number;
  /** Their variance. */
  readonly gapVariance?: number;
  /**
   * Share of the scored negatives with s⁻ > s⁺; absent where none is scored. A proxy for false negatives, not a count of them:
   * a negative above the positive may be an unjudged answer or the model's mistake.
   */
  readonly aboveThePositive?: number;
}

/** Of draws as they come: sums, for between two refreshes there may be millions. */
export class DrawStatistics {
  private scored = 0;
  private gaps = 0;
  private squares = 0;
  private above = 0;

  /** Negatives (passage rows) drawn from a pool. */
  add(pool: Pool, drawn: Int32Array): void {
    for (const passage of drawn) {
      const score = pool.scores[pool.passages.indexOf(passage)]; // few are drawn: looking through the pool is cheaper than a map of it
      if (score === undefined) continue;
      const gap = score - pool.positiveScore;
      this.scored++;
      this.gaps += gap;
      this.squares += gap ** 2;
      if (gap > 0) this.above++;
    }
  }

  figures(): GapFigures {
    const { scored, gaps, squares, above } = this;
    if (scored === 0) return { scored };
    const scoreGap = gaps / scored;
    return { scored, scoreGap, gapVariance: Math.max(0, squares / scored - scoreGap ** 2), aboveThePositive: above / scored };
  }
}

/** Draws that are right passages which nobody judged. */
export interface HiddenFigures {
  /** Of the drawn negatives. */
  readonly share: number;
  /**
   * Mean ∂ℓ/∂s⁻ = p⁻ at the score, of ℓ = −log softmax over the positive and the query's drawn negatives: of hidden positives, and of the others.
   * Absent where there are none with a score.
   */
  readonly gradient?: number;
  readonly otherGradient?: number;
}

export class HiddenStatistics {
  private drawn = 0;
  private found = 0;
  private readonly gradients = { hidden: { sum: 0, count: 0 }, other: { sum: 0, count: 0 } };

  add(pool: Pool, passages: Int32Array, hidden: Int32Array): void {
    const scores = Array.from(passages, (passage) => pool.scores[pool.passages.indexOf(passage)]);
    const scored = scores.filter((score) => score !== undefined);
    const largest = Math.max(pool.positiveScore, ...scored);
    const weights = scores.map((score) => (score === undefined ? 0 : Math.exp(score - largest)));
    const total = weights.reduce((sum, weight) => sum + weight, Math.exp(pool.positiveScore - largest));
    passages.forEach((passage, i) => {
      const isHidden = hidden.includes(passage);
      this.drawn++;
      if (isHidden) this.found++;
      if (scores[i] === undefined) return;
      const gradient = this.gradients[isHidden ? 'hidden' : 'other'];
      gradient.sum += weights[i]! / total;
      gradient.count++;
    });
  }

  figures(): HiddenFigures {
    const { hidden, other } = this.gradients;
    return {
      share: this.found / Math.max(1, this.drawn),
      ...(hidden.count > 0 && { gradient: hidden.sum / hidden.count }),
      ...(other.count > 0 && { otherGradient: other.sum / other.count }),
    };
  }
}

/** 1 / Σ p²: how many equally likely candidates would be drawn as narrowly. Between 1 and the number of candidates. */
export function effectivePoolSize(probabilities: Float64Array): number {
  let squares = 0;
  for (const p of probabilities) squares += p * p;
  return 1 / squares;
}

/** −Σ p ln p. */
export function entropyOf(probabilities: Float64Array): number {
  let entropy = 0;
  for (const p of probabilities) if (p > 0) entropy -= p * Math.log(p);
  return entropy;
}

/** The arithmetic mean; 0 of none. */
export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
