import { requireDrawable, uniformSubset } from './draw.js';
import type { Sampler } from './types.js';

/** Uniform negatives of those that come with the data (DPR's hard negatives, triplets), which are the pool: m drawn without replacement. */
export function givenSampler(): Sampler {
  return {
    kind: 'given',
    capacity: (pool) => pool.passages.length,
    probabilities: ({ passages }) => new Float64Array(passages.length).fill(1 / passages.length),
    draw(pool, m, uniforms) {
      requireDrawable(pool.query, m, pool.passages.length);
      return uniformSubset(pool.passages.length, m, uniforms).map((i) => pool.passages[i]!);
    },
  };
}
