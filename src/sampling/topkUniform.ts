import { UserError } from '../core/errors.js';
import { requireDrawable } from './draw.js';
import { gumbelTopK } from './gumbelTopK.js';
import type { Pool, Sampler } from './types.js';

/**
 * Uniform negatives of the best K (ANCE, AR2): p_i = 1/K for i ≤ K, m drawn without replacement. Drawn as `simans` draws, with equal weights, so that
 * under one key a = 0 gives the same negatives, and two jobs that differ in a alone meet the same randomness.
 */
export function topkUniformSampler(K: number): Sampler {
  requirePoolSize(K);
  const capacity = (pool: Pool) => Math.min(K, pool.passages.length);
  return {
    kind: 'topkUniform',
    capacity,
    probabilities: (pool) => new Float64Array(capacity(pool)).fill(1 / capacity(pool)),
    draw(pool, m, uniforms) {
      requireDrawable(pool.query, m, capacity(pool));
      return gumbelTopK(new Float64Array(capacity(pool)), m, uniforms).map((i) => pool.passages[i]);
    },
  };
}

/** Refuses a K that is no positive whole number with a UserError. */
export function requirePoolSize(K: number): void {
  if (!Number.isInteger(K) || K < 1)
    throw new UserError(`sampler.pool is ${K}, expected a whole number of at least 1: the candidates kept a query`);
}
