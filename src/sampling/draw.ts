/** What a draw may ask for, and the draws with replacement and from all the corpus; by weights without replacement: gumbelTopK.ts. */
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
