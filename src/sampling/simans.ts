/**
 * SimANS (Zhou et al., EMNLP 2022 Industry, Eq. 4): negatives whose score is near the positive's.
 *
 *   log p_i = −a · g((s_i − s⁺ − b) / u) − log Z,   i among the best K of the pool
 *
 * with g a kernel (kernels.ts; squared in the paper) and u = 1, or, with unit 'spread', the standard deviation of the pool's scores. Scores are logits
 * of the loss, so a ≥ 0 is in units of 1/score² (1/score for 'absolute') and means nothing across models; in units of the spread it does. b is
 * in units of the score, and the density peaks at s⁺ + b: the paper's sign; the published NQ script has the other one (config/samplerPresets.ts).
 */
import { UserError } from '../core/errors.js';
import { drawWithReplacement, requireDrawable } from './draw.js';
import { gumbelTopK } from './gumbelTopK.js';
import { KERNEL_NAMES, KERNELS, type KernelName } from './kernels.js';
import { requirePoolSize } from './topkUniform.js';
import type { Pool, Sampler } from './types.js';

/** The density: how narrow it is, where its peak lies, how it falls. */
export interface SimansDensity {
  readonly a: number;
  readonly b: number;
  readonly kernel: KernelName;
  /** What a is relative to; 'score' where not given. */
  readonly unit?: 'score' | 'spread';
}

/** The sampler: m of the best K in proportion to p, without replacement unless asked. Throws a UserError for a density or a K that is none. */
export function simansSampler(K: number, density: SimansDensity, replacement = false): Sampler {
  requirePoolSize(K);
  requireDensity(density);
  return densitySampler('simans', K, replacement, ({ scores, positiveScore, query }, into) =>
    simansLogWeights(scores.length > K ? scores.subarray(0, K) : scores, positiveScore, density, query, into),
  );
}

/** m of the best K in proportion to the weights whose logarithms `write` writes, one for each of the K. */
export function densitySampler(
  kind: string,
  K: number,
  replacement: boolean,
  write: (pool: Pool, into: Float64Array) => Float64Array,
): Sampler {
  const size = (pool: Pool) => Math.min(K, pool.passages.length);
  let written = new Float64Array(0); // one for all draws: most pools are of one size
  const logWeightsOf = (pool: Pool) => {
    if (written.length !== size(pool)) written = new Float64Array(size(pool));
    return write(pool, written);
  };
  return {
    kind,
    capacity: (pool) => (replacement && size(pool) > 0 ? Number.MAX_SAFE_INTEGER : size(pool)),
    probabilities: (pool) => softmax(logWeightsOf(pool)),
    draw(pool, m, uniforms) {
      requireDrawable(pool.query, m, replacement && size(pool) > 0 ? m : size(pool));
      const logWeights = logWeightsOf(pool);
      const drawn = replacement ? drawWithReplacement(softmax(logWeights), m, uniforms) : gumbelTopK(logWeights, m, uniforms);
      for (let j = 0; j < m; j++) drawn[j] = pool.passages[drawn[j]!]!;
      return drawn;
    },
  };
}

/** −a · g((s_i − s⁺ − b) / u) for each score: log p up to a constant. Throws a UserError naming the query where a number is not finite. */
export function simansLogWeights(
  scores: ArrayLike<number>,
  positiveScore: number,
  density: SimansDensity,
  query: string,
  into: Float64Array = new Float64Array(scores.length),
): Float64Array {
  if (scores.length === 0) throw new UserError(`query ${query}: the pool is empty, expected at least one candidate; enlarge sampler.pool`);
  if (!Number.isFinite(positiveScore)) {
    throw new UserError(
      `query ${query}: the score of its positive is ${positiveScore}, expected a finite number: have the weights diverged?`,
    );
  }
  const unit = density.unit === 'spread' ? spreadOf(scores) : 1;
  const kernel = KERNELS[density.kernel];
  const { a, b } = density;
  let nothing = 0; // NaN as soon as a log weight is not finite
  for (let i = 0; i < scores.length; i++) {
    const logWeight = -a * kernel((scores[i]! - positiveScore - b) / unit);
    nothing += logWeight * 0;
    into[i] = logWeight;
  }
  if (nothing !== 0) throw unusable(scores, positiveScore, into, query);
  return into;
}

function unusable(scores: ArrayLike<number>, positiveScore: number, logWeights: Float64Array, query: string): UserError {
  const wrong = Array.from(scores).findIndex((score) => !Number.isFinite(score));
  if (wrong >= 0)
    return new UserError(
      `query ${query}: candidate ${wrong} has the score ${scores[wrong]}, expected a finite number: have the weights diverged?`,
    );
  const i = logWeights.findIndex((logWeight) => !Number.isFinite(logWeight));
  return new UserError(
    `query ${query}: candidate ${i} has the score ${scores[i]}, its positive ${positiveScore}: the log weight overflows to ${logWeights[i]}; lower sampler.a`,
  );
}

/** The standard deviation of the scores; 1 where all are equal, for then every candidate weighs the same. */
function spreadOf(scores: ArrayLike<number>): number {
  let [sum, squares] = [0, 0];
  for (let i = 0; i < scores.length; i++) sum += scores[i]!;
  const mean = sum / scores.length;
  for (let i = 0; i < scores.length; i++) squares += (scores[i]! - mean) ** 2;
  return squares > 0 ? Math.sqrt(squares / scores.length) : 1;
}

/** p_i = w_i / Σ w: the law of the first draw, in the order of `scores`. */
export function simansProbabilities(scores: ArrayLike<number>, positiveScore: number, density: SimansDensity, query: string): Float64Array {
  requireDensity(density);
  return softmax(simansLogWeights(scores, positiveScore, density, query));
}

/** Sums to 1 however small the weights are (log-sum-exp: the largest weight is scaled to 1). */
export function softmax(logWeights: ArrayLike<number>): Float64Array {
  let largest = -Infinity;
  for (let i = 0; i < logWeights.length; i++) largest = Math.max(largest, logWeights[i]!);
  const weights = Float64Array.from(logWeights, (logWeight) => Math.exp(logWeight - largest));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

export function requireDensity({ a, b, kernel }: SimansDensity): void {
  if (!(a >= 0 && a < Infinity))
    throw new UserError(`sampler.a is ${a}, expected a finite number of at least 0; for the best-scored candidates use kind topk`);
  if (!Number.isFinite(b)) throw new UserError(`sampler.b is ${b}, expected a finite number`);
  if (!KERNEL_NAMES.includes(kernel))
    throw new UserError(`sampler.kernel is ${String(kernel)}, expected one of ${KERNEL_NAMES.join(', ')}`);
}
