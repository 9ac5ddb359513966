/**
 * Doc-Sim (the paper's Table 6), whose formula is not published. Ours: SimANS' density with the similarity t_i of a candidate to the positive in place of
 * its score for the query,
 *
 *   log p_i = −a · g((t_i − s⁺ − b) / u) − log Z,   t_i = ⟨E_d(d⁺), E_d(d_i)⟩ as a logit.
 */
import { densitySampler, requireDensity, type SimansDensity, simansLogWeights } from './simans.js';
import { requirePoolSize } from './topkUniform.js';
import type { Sampler } from './types.js';

export function docSimSampler(K: number, density: SimansDensity, replacement = false): Sampler {
  requirePoolSize(K);
  requireDensity(density);
  return densitySampler('docSim', K, replacement, ({ similarities, passages, positiveScore, query }, into) => {
    if (!similarities || similarities.length < passages.length) throw new Error(`internal: query ${query} has a pool without similarities`);
    return simansLogWeights(similarities.subarray(0, Math.min(K, passages.length)), positiveScore, density, query, into);
  });
}
