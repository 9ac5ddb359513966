import { uniformPassages } from './draw.js';
import type { Sampler } from './types.js';

/** Random negatives: p(d) = 1 / |D ∖ D⁺|, m distinct passages of the whole corpus less the positives. The pool is not looked at. */
export function randomSampler(): Sampler {
  return {
    kind: 'random',
    capacity: (pool) => pool.corpusSize - pool.positives.length,
    draw: (pool, m, uniforms) => uniformPassages(pool, pool.positives, m, uniforms),
  };
}
