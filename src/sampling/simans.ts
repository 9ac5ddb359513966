/**
 * SimANS (Zhou et al., EMNLP 2022 Industry, Eq. 4): negatives whose score is near the positive's.
 *
 *   log p_i = −a · g(s_i − s⁺ − b) − log Z,   i among the best K of the pool
 *
 * with g(x) = x² ('squared', the paper) or |x| ('absolute', the published MS MARCO script). Scores are logits of the loss;
 * a ≥ 0 is in units of 1/score² (1/score for 'absolute'), b in units of the score, and the density peaks at s⁺ + b,
 * the paper's sign; the published NQ script has the other one.
 */
import { UserError } from '../core/errors.js';
import { gumbelTopK, requireDrawable } from './draw.js';
import { requirePoolSize } from './topkUniform.js';
import type { Pool, Sampler } from './types.js';

/** The density: how narrow it is, where its peak lies, how it falls. */
export interface SimansDensity {
  readonly a: number;
  readonly b: number;
  readonly kernel: 'squared' | 'absolute';
}

/** The sampler: m of the best K, without replacement, in proportion to p. Throws a UserError for a density or a K that is none. */
export function simansSampler(K: number, density: SimansDensity): Sampler {
  requirePoolSize(K);
  requireDensity(density);
  const capacity = (pool: Pool) => Math.min(K, pool.passages.length);
  return {
    kind: 'simans',
    capacity,
    draw(pool, m, uniforms) {
      requireDrawable(pool.query, m, capacity(pool));
      const logWeights = simansLogWeights(pool.scores.subarray(0, K), pool.positiveScore, density, pool.query);
      return gumbelTopK(logWeights, m, uniforms).map((i) => pool.passages[i]);
    },
  };
}

/** −a · g(s_i − s⁺ − b) for each score: log p up to a constant. Throws a UserError naming the query where a number is not finite. */
export function simansLogWeights(scores: ArrayLike<number>, positiveScore: number, density: SimansDensity, query: string): Float64Array {
  if (scores.length === 0) throw new UserError(`query ${query}: the pool is empty, expected at least one candidate; enlarge sampler.pool`);
  if (!Number.isFinite(positiveScore)) {
    throw new UserError(
      `query ${query}: the score of its positive is ${positiveScore}, expected a finite number: have the weights diverged?`,
    );
  }
  return Float64Array.from(scores, (score, i) => {
    if (!Number.isFinite(score)) {
      throw new UserError(`query ${query}: candidate ${i} has the score ${score}, expected a finite number: have the weights diverged?`);
    }
    const logWeight = -density.a * kernelOf(density.kernel, score - positiveScore - density.b);
    if (!Number.isFinite(logWeight)) {
      throw new UserError(
        `query ${query}: candidate ${i} has the score ${score}, its positive ${positiveScore}: the log weight overflows to ${logWeight}; lower sampler.a`,
      );
    }
    return logWeight;
  });
}

/** p_i = w_i / Σ w: the law of the first draw, in the order of `scores`. Sums to 1 however small the weights (log-sum-exp: the largest weight is scaled to 1). */
export function simansProbabilities(scores: ArrayLike<number>, positiveScore: number, density: SimansDensity, query: string): Float64Array {
  requireDensity(density);
  const logWeights = simansLogWeights(scores, positiveScore, density, query);
  let largest = -Infinity;
  for (const logWeight of logWeights) largest = Math.max(largest, logWeight);
  const weights = logWeights.map((logWeight) => Math.exp(logWeight - largest));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

function kernelOf(kernel: SimansDensity['kernel'], x: number): number {
  return kernel === 'squared' ? x * x : Math.abs(x);
}

function requireDensity({ a, b, kernel }: SimansDensity): void {
  if (!(a >= 0 && a < Infinity))
    throw new UserError(`sampler.a is ${a}, expected a finite number of at least 0; for the best-scored candidates use kind topk`);
  if (!Number.isFinite(b)) throw new UserError(`sampler.b is ${b}, expected a finite number`);
  if (kernel !== 'squared' && kernel !== 'absolute')
    throw new UserError(`sampler.kernel is ${String(kernel)}, expected squared or absolute`);
}
