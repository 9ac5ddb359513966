import { requireDrawable } from './draw.js';
import { requireDensity, type SimansDensity, simansLogWeights } from './simans.js';
import { requirePoolSize } from './topkUniform.js';
import type { Pool, Sampler } from './types.js';

/**
 * The m candidates whose score is nearest to s⁺ + b (the paper's Table 6): SimANS with a → ∞. Ties go to the better-scored. Draws nothing: the same for
 * every visit of a query until the next refresh.
 */
export function nearestKSampler(K: number, b: number): Sampler {
  requirePoolSize(K);
  const density: SimansDensity = { a: 1, b, kernel: 'absolute' };
  requireDensity(density);
  const capacity = (pool: Pool) => Math.min(K, pool.passages.length);
  return {
    kind: 'nearestK',
    capacity,
    draw(pool, m) {
      requireDrawable(pool.query, m, capacity(pool));
      const closeness = simansLogWeights(pool.scores.subarray(0, K), pool.positiveScore, density, pool.query);
      const order = Int32Array.from(closeness.keys()).sort((i, j) => closeness[j]! - closeness[i]! || i - j);
      return order.slice(0, m).map((i) => pool.passages[i]!);
    },
  };
}
