import { requireDrawable } from './draw.js';
import type { Sampler } from './types.js';

/** Top-k negatives: the m candidates of highest score, d_1 … d_m. Draws nothing: the same for every visit of a query until the next refresh. */
export function topkSampler(): Sampler {
  return {
    kind: 'topk',
    capacity: (pool) => pool.passages.length,
    draw(pool, m) {
      requireDrawable(pool.query, m, pool.passages.length);
      return pool.passages.slice(0, m);
    },
  };
}
