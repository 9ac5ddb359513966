/** Drawing without replacement: the two laws that every sampler is made of. */
import { UserError } from '../core/errors.js';
import type { Pool, Uniforms } from './types.js';

/** Refuses an m that is no positive whole number or exceeds what there is to draw from. Throws a UserError naming the query. */
export function requireDrawable(query: string, m: number, available: number): void {
  if (!Number.isInteger(m) || m < 1) throw new UserError(`query ${query}: ${m} negatives asked for, expected a whole number of at least 1`);
  if (m > available) {
    throw new UserError(
      `query ${query}: ${m} negatives asked for, but only ${available} candidates to draw from; ask for fewer or enlarge the pool`,
    );
  }
}

/** log w − log(−log u): a log weight with Gumbel noise. */
export function gumbelKey(logWeight: number, u: number): number {
  return logWeight - Math.log(-Math.log(u));
}

/**
 * m distinct indices, drawn one after the other in proportion to the weights left: the m largest Gumbel keys have that law
 * (Vieira 2014; Kool et al., ICML 2019), and no weight is ever exponentiated. Ties go to the lower index.
 * `logWeights` must be finite, 1 ≤ m ≤ their number.
 */
export function gumbelTopK(logWeights: Float64Array, m: number, uniforms: Uniforms): Int32Array {
  const first = uniforms.first?.(logWeights.length) ?? Float64Array.from(logWeights, (_, i) => uniforms(i));
  const best = new Int32Array(m);
  const found = largestKeys(logWeights, first, best, likelyFloor(logWeights, m));
  if (found < m) largestKeys(logWeights, first, best, -Infinity);
  return best;
}

/**
 * What only a few more than m keys exceed in the mean: P(key_i > τ) ≤ w_i e^(−τ), so that Σ w_i e^(−τ) = m + 2√m + 1 tells τ. Where w is no more than bounded
 * the floor is a little high; where few weights have it all, fewer than m keys exceed it.
 */
function likelyFloor(logWeights: Float64Array, m: number): number {
  let largest = -Infinity;
  for (let i = 0; i < logWeights.length; i++) if (logWeights[i]! > largest) largest = logWeights[i]!;
  let sum = 0;
  for (let i = 0; i < logWeights.length; i++) sum += 1 / belowExp(largest - logWeights[i]!);
  return largest + Math.log(sum / (m + 2 * Math.sqrt(m) + 1));
}

/** At most e^t, and close to it while t is small, for t ≥ 0: (1 + t/8 + (t/8)²/2)⁸. */
function belowExp(t: number): number {
  const x = t * 0.125;
  const root = 1 + x + 0.5 * x * x;
  const square = root * root;
  return square * square * (square * square);
}

/** Writes the indices of the largest keys above `floor` to `best`, the largest first; returns how many of them it found. */
function largestKeys(logWeights: Float64Array, uniforms: Float64Array, best: Int32Array, floor: number): number {
  const m = best.length;
  const keys = new Float64Array(m);
  let found = 0;
  let least = floor; // what a key must exceed
  for (let i = 0; i < logWeights.length; i++) {
    const u = uniforms[i]!;
    // Most candidates cannot: key > least needs u > exp(−e^(−t)) ≥ 1 − e^(−t), t = least − log w ≥ 0. No logarithm is taken for them.
    const t = least - logWeights[i]!;
    if (t > 0 && (1 - u) * belowExp(t) >= 1) continue;
    const key = gumbelKey(logWeights[i]!, u);
    if (key < least || (found === m && key === least)) continue; // an equal key has a lower index already
    let at = found < m ? found++ : m - 1;
    for (; at > 0 && keys[at - 1]! < key; at--) {
      keys[at] = keys[at - 1]!;
      best[at] = best[at - 1]!;
    }
    keys[at] = key;
    best[at] = i;
    if (found === m) least = keys[m - 1]!;
  }
  return found;
}

/** m indices, each drawn afresh in proportion to p: the first whose cumulative probability exceeds u_j (inverse CDF). Uses elements 0 … m−1. */
export function drawWithReplacement(probabilities: Float64Array, m: number, uniforms: Uniforms): Int32Array {
  const cumulative = new Float64Array(probabilities.length);
  let sum = 0;
  probabilities.forEach((p, i) => {
    sum += p;
    cumulative[i] = sum;
  });
  return Int32Array.from({ length: m }, (_, j) => {
    const u = uniforms(j) * sum;
    let low = 0;
    let high = cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cumulative[middle]! > u) high = middle;
      else low = middle + 1;
    }
    return low;
  });
}

/** m of 0 … n−1, every set of m equally likely (Floyd; Bentley, CACM 30(9), 1987). Uses elements 0 … m−1. Needs m ≤ n. */
export function uniformSubset(n: number, m: number, uniforms: Uniforms): Int32Array {
  const drawn = new Set<number>();
  for (let last = n - m; last < n; last++) {
    const candidate = Math.floor(uniforms(drawn.size) * (last + 1));
    drawn.add(drawn.has(candidate) ? last : candidate);
  }
  return Int32Array.from(drawn);
}

/** m distinct passages, uniform over the corpus less `excluded` (rows, ascending, distinct). Uses elements 0 … m−1. */
export function uniformPassages(pool: Pool, excluded: Int32Array, m: number, uniforms: Uniforms): Int32Array {
  requireDrawable(pool.query, m, pool.corpusSize - excluded.length);
  return uniformSubset(pool.corpusSize - excluded.length, m, uniforms).map((place) => {
    let row = place;
    for (let i = 0; i < excluded.length && excluded[i] <= row; i++) row++;
    return row;
  });
}
