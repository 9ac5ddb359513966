import { uniformPassages } from './draw.js';
import type { Pool, Sampler, Uniforms } from './types.js';

export interface Negatives {
  /** m distinct passage rows, none of them a positive. */
  readonly passages: Int32Array;
  /** How many of them, the last ones, are random passages because the pool held too few. */
  readonly padded: number;
}

/**
 * The m negatives of one visit of a query: what the sampler draws and, where its pool holds fewer than m, uniform random
 * passages of the corpus for the rest. Throws a UserError naming the query where the corpus less the positives is smaller than m.
 */
export function drawNegatives(sampler: Sampler, pool: Pool, m: number, uniforms: Uniforms): Negatives {
  const capacity = sampler.capacity(pool);
  if (m <= capacity) return { passages: sampler.draw(pool, m, uniforms), padded: 0 };
  const drawn = capacity > 0 ? sampler.draw(pool, capacity, uniforms) : new Int32Array(0);
  const excluded = Int32Array.from(new Set([...pool.positives, ...drawn])).sort();
  // The sampler reads at most one uniform a candidate or a draw: the padding's begin behind them.
  const firstUnread = pool.passages.length + m;
  const padding = uniformPassages(pool, excluded, m - capacity, (element) => uniforms(firstUnread + element));
  const passages = new Int32Array(m);
  passages.set(drawn);
  passages.set(padding, capacity);
  return { passages, padded: m - capacity };
}
