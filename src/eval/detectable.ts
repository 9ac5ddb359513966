/** The smallest difference that a comparison can show: what it is worth to know before it is run. */
import { mean } from './metrics.js';
import type { Seeds } from './seedsBootstrap.js';
import { criticalT } from './tDistribution.js';

export interface Deviations {
  /** Standard deviation over queries of the difference between two jobs. */
  readonly query: number;
  /** Standard deviation of a job's mean over seeds. */
  readonly seed: number;
}

/** A little more than stored jobs show of MRR@10: .11 to .30, and .004 to .010 (claims/deviations.mjs). */
export const ASSUMED: Deviations = { query: 0.35, seed: 0.009 };

const LEVEL = 0.05;
const POWER = 0.8;
/** Of the normal distribution, as good as. */
const MANY = 1e6;

/**
 * The true difference that is found in four of five comparisons, at the two-sided level of 5 %: (z_level + z_power) × the standard error of the
 * difference of two means over seeds, √(query² / (seeds · queries) + 2 · seed² / seeds). Of several comparisons the one that Holm holds to the
 * strictest level, 5 % over their number.
 */
export function smallestDifference(queries: number, seeds: number, comparisons: number, { query, seed }: Deviations): number {
  const error = Math.sqrt(query ** 2 / (seeds * queries) + (2 * seed ** 2) / seeds);
  return (criticalT(LEVEL / comparisons, MANY) + criticalT(2 * (1 - POWER), MANY)) * error;
}

/** The deviations found: over pairs of systems at each seed that both have, by place; and over the seeds of each. Undefined where there are too few. */
export function deviationsOf(systems: readonly Seeds[]): Partial<Deviations> {
  const pairs = systems
    .flatMap((a, i) =>
      systems
        .slice(i + 1)
        .flatMap((b) => a.slice(0, b.length).map((values, seed) => values.map((value, query) => value - b[seed]![query]!))),
    )
    .filter(({ length }) => length > 1);
  const several = systems.filter((seeds) => seeds.length > 1);
  return {
    ...(pairs.length > 0 && { query: rootMean(pairs.map(variance)) }),
    ...(several.length > 0 && { seed: rootMean(several.map((seeds) => variance(seeds.map(mean)))) }),
  };
}

const rootMean = (variances: readonly number[]): number => Math.sqrt(mean(Float64Array.from(variances)));

function variance(values: ArrayLike<number>): number {
  const list = Float64Array.from(values);
  const centre = mean(list);
  return list.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (list.length - 1);
}
