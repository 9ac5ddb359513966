/**
 * Recipes trained with several seeds: seeds and queries are both resampled with replacement, for both add to what another evaluation would give.
 * A system is the per-query values of each seed's encoder; all systems are about the same queries.
 */
import { type Key, threefry2x32 } from '../core/random.js';
import { mean } from './metrics.js';
import { type BootstrapInterval, pairedDifferences, percentile } from './significance.js';

export type Seeds = readonly Float64Array[];

export interface SeedsDifference extends BootstrapInterval {
  /** Two-sided: twice the share of resamples on the far side of 0, the observed one counted. */
  readonly p: number;
}

/**
 * The mean of each system in each resample: [systems][samples]. One draw of queries serves all systems, so that they stay paired; each
 * draws its own seeds.
 */
export function resampledMeans(systems: readonly Seeds[], key: Key, samples = 10_000): Float64Array[] {
  const columns = systems.flat();
  for (const column of columns) pairedDifferences(columns[0]!, column); // refuses other numbers of queries
  const [n, width] = [columns[0]!.length, columns.length];
  const values = new Float64Array(n * width); // [queries, systems' seeds]
  columns.forEach((column, j) => {
    for (let i = 0; i < n; i++) values[i * width + j] = column[i]!;
  });
  const means = systems.map(() => new Float64Array(samples));
  const words = new Uint32Array(2);
  const [ofQueries, ofSeeds] = [0, 1];
  for (let sample = 0; sample < samples; sample++) {
    const sums = new Float64Array(width);
    for (let i = 0; i < n; i++) {
      if (i % 2 === 0) threefry2x32(key, i, sample * 2 + ofQueries, words); // two draws at once
      const row = Math.floor((words[i % 2]! / 2 ** 32) * n) * width;
      for (let j = 0; j < width; j++) sums[j]! += values[row + j]!;
    }
    let first = 0;
    systems.forEach((seeds, system) => {
      let sum = 0;
      for (let i = 0; i < seeds.length; i++) {
        threefry2x32(key, first + i, sample * 2 + ofSeeds, words);
        sum += sums[first + Math.floor((words[0]! / 2 ** 32) * seeds.length)]!;
      }
      means[system]![sample] = sum / (n * seeds.length);
      first += seeds.length;
    });
  }
  return means;
}

/** Mean over seeds and queries. */
export const meanOfSeeds = (seeds: Seeds): number => seeds.reduce((sum, values) => sum + mean(values), 0) / seeds.length;

/** The 95 % percentile interval of resampled means. */
export function intervalOf(means: Float64Array): { readonly low: number; readonly high: number } {
  const ascending = means.toSorted();
  return { low: percentile(ascending, 0.025), high: percentile(ascending, 0.975) };
}

/** a − b, from their resampled means of one call. */
export function seedsDifference(a: Seeds, b: Seeds, meansA: Float64Array, meansB: Float64Array): SeedsDifference {
  const differences = meansA.map((value, sample) => value - meansB[sample]!);
  const [below, above] = [differences.filter((value) => value <= 0).length, differences.filter((value) => value >= 0).length];
  const p = Math.min(1, (2 * (Math.min(below, above) + 1)) / (differences.length + 1));
  return { difference: meanOfSeeds(a) - meanOfSeeds(b), ...intervalOf(differences), p };
}
