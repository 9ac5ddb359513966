/** Paired comparisons of two systems by their per-query values, such as Evaluation.perQuery of two runs on one split. */
import { UserError } from '../core/errors.js';
import { type Key, threefry2x32 } from '../core/random.js';
import { mean } from './metrics.js';

export interface BootstrapInterval {
  /** Mean of a − b. */
  readonly difference: number;
  /** The 2.5 % and 97.5 % percentiles of the resampled mean. */
  readonly low: number;
  readonly high: number;
}

/**
 * The difference of two systems with its 95 % percentile bootstrap interval (Efron 1979; Sakai, SIGIR 2006): queries resampled
 * with replacement `samples` times. `a` and `b` are values of the same queries in the same order, at least one.
 */
export function pairedBootstrap(a: Float64Array, b: Float64Array, key: Key, samples = 10_000): BootstrapInterval {
  const differences = pairedDifferences(a, b);
  const n = differences.length;
  const means = new Float64Array(samples);
  const words = new Uint32Array(2);
  const scale = n / 2 ** 32;
  for (let sample = 0; sample < samples; sample++) {
    let sum = 0;
    for (let i = 0; i < n; i += 2) {
      threefry2x32(key, i, sample, words); // two draws at once
      sum += differences[Math.floor(words[0] * scale)];
      if (i + 1 < n) sum += differences[Math.floor(words[1] * scale)];
    }
    means[sample] = sum / n;
  }
  means.sort();
  return { difference: mean(differences), low: percentile(means, 0.025), high: percentile(means, 0.975) };
}

/**
 * The two-sided p-value of Fisher's paired randomization test (Smucker et al., CIKM 2007): the share of random exchanges of a
 * and b, query by query, whose mean difference is at least as large as the observed one; the observed one counts among them.
 */
export function pairedRandomization(a: Float64Array, b: Float64Array, key: Key, samples = 10_000): number {
  const differences = pairedDifferences(a, b).filter((difference) => difference !== 0); // exchanging equals changes nothing
  const observed = Math.abs(differences.reduce((sum, difference) => sum + difference, 0));
  // Sums of the same numbers in another sign pattern differ by rounding: what is equal up to it counts as equal.
  const rounding = 1e-12 * differences.reduce((sum, difference) => sum + Math.abs(difference), 0);
  const words = new Uint32Array(2);
  let extreme = 0;
  for (let sample = 0; sample < samples; sample++) {
    let sum = 0;
    for (let i = 0; i < differences.length; i++) {
      if ((i & 63) === 0) threefry2x32(key, i >>> 6, sample, words); // one bit a query
      const bit = (words[(i >>> 5) & 1] >>> (i & 31)) & 1;
      sum += bit === 1 ? differences[i] : -differences[i];
    }
    if (Math.abs(sum) >= observed - rounding) extreme++;
  }
  return (extreme + 1) / (samples + 1);
}

function pairedDifferences(a: Float64Array, b: Float64Array): Float64Array {
  if (a.length !== b.length || a.length === 0) {
    throw new UserError(
      `cannot compare ${a.length} with ${b.length} per-query values, expected as many of both and at least one: evaluate both runs on one split`,
    );
  }
  return a.map((value, i) => value - b[i]);
}

/** The share-quantile of ascending values, linear between neighbours. */
function percentile(ascending: Float64Array, share: number): number {
  const place = share * (ascending.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, ascending.length - 1);
  return ascending[below] + (place - below) * (ascending[above] - ascending[below]);
}
