/** Paired comparisons of two systems by their per-query values, such as Evaluation.perQuery of two runs on one split. */
import { UserError } from '../core/errors.js';
import { type Key, threefry2x32 } from '../core/random.js';
import { mean } from './metrics.js';
import { criticalT, twoSidedP } from './tDistribution.js';

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

export interface TTest extends BootstrapInterval {
  readonly t: number;
  /** Two-sided. */
  readonly p: number;
}

/**
 * Student's paired t-test of a − b over queries, with the 95 % interval of the difference. Without any spread p is 1 for equal means, else 0. Throws a
 * UserError for one query, which has no spread to tell.
 */
export function pairedT(a: Float64Array, b: Float64Array): TTest {
  const differences = pairedDifferences(a, b);
  const n = differences.length;
  if (n === 1) throw new UserError('a t-test of one query is asked for; expected two or more; take --test randomisation.');
  const difference = mean(differences);
  const variance = differences.reduce((sum, value) => sum + (value - difference) ** 2, 0) / (n - 1);
  const error = Math.sqrt(variance / n);
  if (error === 0)
    return {
      difference,
      low: difference,
      high: difference,
      t: difference === 0 ? 0 : Math.sign(difference) * Infinity,
      p: difference === 0 ? 1 : 0,
    };
  const t = difference / error;
  const margin = criticalT(0.05, n - 1) * error;
  return { difference, low: difference - margin, high: difference + margin, t, p: twoSidedP(t, n - 1) };
}

export interface Equivalence extends BootstrapInterval {
  /** Of two one-sided tests: below 0.05 the means differ by less than the margin, and the 90 % interval [low, high] lies within it. */
  readonly p: number;
}

/** Whether the means of a and b differ by less than `margin`: two one-sided paired t-tests over queries (Schuirmann 1987). */
export function equivalence(a: Float64Array, b: Float64Array, margin: number): Equivalence {
  const differences = pairedDifferences(a, b);
  const n = differences.length;
  const difference = mean(differences);
  const variance = differences.reduce((sum, value) => sum + (value - difference) ** 2, 0) / Math.max(1, n - 1);
  const error = Math.sqrt(variance / n);
  const room = margin - Math.abs(difference);
  if (error === 0) return { difference, low: difference, high: difference, p: room > 0 ? 0 : 1 };
  const half = criticalT(0.1, n - 1) * error;
  const tail = twoSidedP(room / error, n - 1) / 2;
  return { difference, low: difference - half, high: difference + half, p: room > 0 ? tail : 1 - tail };
}

/** Holm's step-down correction (1979): the p-values of several tests such that each may be compared with one level for all. */
export function holm(pValues: readonly number[]): number[] {
  const order = [...pValues.keys()].sort((i, j) => pValues[i]! - pValues[j]!);
  const corrected = new Array<number>(pValues.length);
  let highest = 0;
  order.forEach((i, rank) => {
    highest = Math.max(highest, Math.min(1, (pValues.length - rank) * pValues[i]!));
    corrected[i] = highest;
  });
  return corrected;
}

/**
 * Randomised Tukey HSD (Carterette, TOIS 2012): of systems' per-query values, the p-value of each pair, corrected for all pairs at once: the share
 * of exchanges of the systems' values within queries whose largest difference of means reaches the pair's. p[i][j], symmetric, 1 on the diagonal.
 */
export function randomisedTukey(systems: readonly Float64Array[], key: Key, samples = 10_000): number[][] {
  for (const system of systems) pairedDifferences(systems[0]!, system);
  const [m, n] = [systems.length, systems[0]!.length];
  const means = systems.map(mean);
  const rounding = 1e-12 * n;
  const reached = means.map(() => new Array<number>(m).fill(0));
  const words = new Uint32Array(2);
  const shuffled = new Float64Array(m);
  for (let sample = 0; sample < samples; sample++) {
    const sums = new Float64Array(m);
    for (let query = 0; query < n; query++) {
      for (let i = 0; i < m; i++) shuffled[i] = systems[i]![query]!;
      for (let i = m - 1; i > 0; i--) {
        threefry2x32(key, query * m + i, sample, words);
        const j = Math.floor((words[0]! / 2 ** 32) * (i + 1));
        [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
      }
      for (let i = 0; i < m; i++) sums[i]! += shuffled[i]!;
    }
    const range = Math.max(...sums) - Math.min(...sums);
    for (let i = 0; i < m; i++) for (let j = 0; j < i; j++) if (range >= n * Math.abs(means[i]! - means[j]!) - rounding) reached[i]![j]!++;
  }
  return means.map((_, i) => means.map((_, j) => (i === j ? 1 : (reached[Math.max(i, j)]![Math.min(i, j)]! + 1) / (samples + 1))));
}

/** a − b by query. */
export function pairedDifferences(a: Float64Array, b: Float64Array): Float64Array {
  if (a.length !== b.length || a.length === 0) {
    throw new UserError(
      `cannot compare ${a.length} with ${b.length} per-query values, expected as many of both and at least one: evaluate both runs on one split`,
    );
  }
  return a.map((value, i) => value - b[i]);
}

/** The share-quantile of ascending values, linear between neighbours. */
export function percentile(ascending: Float64Array, share: number): number {
  const place = share * (ascending.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, ascending.length - 1);
  return ascending[below] + (place - below) * (ascending[above] - ascending[below]);
}
