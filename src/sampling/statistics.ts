/** What is logged about the negatives of a refresh: how hard they are and how many may be false. */
import type { Pool } from './types.js';

export interface DrawStatistics {
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

/** Statistics of draws: `drawn[i]` are negatives (passage rows) of `pools[i]`. */
export function drawStatistics(pools: readonly Pool[], drawn: readonly Int32Array[]): DrawStatistics {
  let scored = 0;
  let gaps = 0;
  let squares = 0;
  let above = 0;
  pools.forEach((pool, i) => {
    for (const passage of drawn[i]!) {
      const place = pool.passages.indexOf(passage); // few are drawn: looking through the pool is cheaper than a map of it
      if (place < 0) continue;
      const score = pool.scores[place]!;
      scored++;
      gaps += score - pool.positiveScore;
      squares += (score - pool.positiveScore) ** 2;
      if (score > pool.positiveScore) above++;
    }
  });
  if (scored === 0) return { scored };
  const scoreGap = gaps / scored;
  return { scored, scoreGap, gapVariance: Math.max(0, squares / scored - scoreGap ** 2), aboveThePositive: above / scored };
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

export function hiddenStatistics(
  draws: readonly { readonly pool: Pool; readonly passages: Int32Array; readonly hidden: Int32Array }[],
): HiddenFigures {
  let [drawn, found] = [0, 0];
  const gradients: Record<'hidden' | 'other', number[]> = { hidden: [], other: [] };
  for (const { pool, passages, hidden } of draws) {
    const scores = Array.from(passages, (passage) => pool.scores[pool.passages.indexOf(passage)]);
    const scored = scores.filter((score) => score !== undefined);
    const largest = Math.max(pool.positiveScore, ...scored);
    const weights = scores.map((score) => (score === undefined ? 0 : Math.exp(score - largest)));
    const total = weights.reduce((sum, weight) => sum + weight, Math.exp(pool.positiveScore - largest));
    passages.forEach((passage, i) => {
      const isHidden = hidden.includes(passage);
      drawn++;
      if (isHidden) found++;
      if (scores[i] !== undefined) gradients[isHidden ? 'hidden' : 'other'].push(weights[i]! / total);
    });
  }
  return {
    share: found / Math.max(1, drawn),
    ...(gradients.hidden.length > 0 && { gradient: meanOf(gradients.hidden) }),
    ...(gradients.other.length > 0 && { otherGradient: meanOf(gradients.other) }),
  };
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
