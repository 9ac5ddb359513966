import { UserError } from '../core/errors.js';
import { requireDrawable, uniformSubset } from './draw.js';
import type { Pool, Sampler } from './types.js';

/** Uniform negatives of ranks `from` … `to` of the pool, both included and counted from 1: m drawn without replacement. Skipping the first ranks skips many false negatives. */
export function rankWindowSampler(from: number, to: number): Sampler {
  if (!(Number.isInteger(from) && from >= 1 && Number.isInteger(to) && to >= from))
    throw new UserError(`sampler.from is ${from} and sampler.to ${to}, expected whole numbers with 1 ≤ from ≤ to`);
  const size = (pool: Pool) => Math.max(0, Math.min(to, pool.passages.length) - from + 1);
  return {
    kind: 'rankWindow',
    capacity: size,
    probabilities: (pool) => Float64Array.from({ length: from - 1 + size(pool) }, (_, i) => (i + 1 < from ? 0 : 1 / size(pool))),
    draw(pool, m, uniforms) {
      requireDrawable(pool.query, m, size(pool));
      return uniformSubset(size(pool), m, uniforms).map((i) => pool.passages[from - 1 + i]!);
    },
  };
}
