/** Systems against the first of them, or each against each: differences, intervals, p-values corrected for their number. */
import { deriveKey } from '../core/random.js';
import { resampledMeans, seedsDifference } from './seedsBootstrap.js';
import { holm, pairedBootstrap, pairedRandomization, pairedT, randomisedTukey } from './significance.js';

const TESTS = ['t', 'randomisation', 'tukey'] as const;
export type TestName = (typeof TESTS)[number];

/** A system's per-query values, once for each seed it was trained with. */
export interface System {
  readonly name: string;
  readonly seeds: readonly Float64Array[];
}

export interface Difference {
  readonly system: string;
  readonly baseline: string;
  readonly difference: number;
  /** The 95 % interval of the difference. */
  readonly low: number;
  readonly high: number;
  /** Two-sided, corrected: by Holm's method, or by the Tukey test itself. */
  readonly p: number;
  readonly method: string;
}

/** `tukey` compares each with each, the others each with the first. Of several seeds the mean over them is tested, by resampling seeds and queries. */
export function compare(systems: readonly System[], test: TestName, seed: number): Difference[] {
  const key = deriveKey(seed, 'comparison');
  const means = systems.map(({ seeds }) => meanOf(seeds));
  const pairs =
    test === 'tukey'
      ? systems.flatMap((_, i) => Array.from({ length: i }, (_, j) => [i, j] as const))
      : systems.slice(1).map((_, i) => [i + 1, 0] as const);
  if (systems.some(({ seeds }) => seeds.length > 1))
    return compareSeeds(
      systems,
      pairs,
      resampledMeans(
        systems.map(({ seeds }) => seeds),
        key,
      ),
    );
  const tukey = test === 'tukey' ? randomisedTukey(means, key) : undefined;
  const raw = pairs.map(([i, j]) => {
    if (tukey) return tukey[i]![j]!;
    return test === 't' ? pairedT(means[i]!, means[j]!).p : pairedRandomization(means[i]!, means[j]!, key);
  });
  const corrected = tukey ? raw : holm(raw);
  const method = { t: 'paired t, Holm', randomisation: 'paired randomisation, Holm', tukey: 'randomised Tukey HSD' }[test];
  return pairs.map(([i, j], at) => {
    const { difference, low, high } = test === 't' ? pairedT(means[i]!, means[j]!) : pairedBootstrap(means[i]!, means[j]!, key);
    return { ...named(systems, i, j), difference, low, high, p: corrected[at]!, method };
  });
}

/** The differences of these pairs, from the systems' resampled means; p corrected by Holm's method for their number. */
export function compareSeeds(
  systems: readonly System[],
  pairs: readonly (readonly [number, number])[],
  means: readonly Float64Array[],
): Difference[] {
  const found = pairs.map(([i, j]) => seedsDifference(systems[i]!.seeds, systems[j]!.seeds, means[i]!, means[j]!));
  const corrected = holm(found.map(({ p }) => p));
  const method = 'bootstrap over seeds and queries, Holm';
  return pairs.map(([i, j], at) => ({ ...named(systems, i, j), ...found[at]!, p: corrected[at]!, method }));
}

const named = (systems: readonly System[], i: number, j: number) => ({ system: systems[i]!.name, baseline: systems[j]!.name });

function meanOf(seeds: readonly Float64Array[]): Float64Array {
  return seeds[0]!.map((_, query) => seeds.reduce((sum, values) => sum + values[query]!, 0) / seeds.length);
}

/** The queries that gained and lost most, by place; none that stayed equal. */
export function extremes(a: ArrayLike<number>, b: ArrayLike<number>, count: number): { gained: number[]; lost: number[] } {
  const order = Array.from({ length: a.length }, (_, i) => i).sort((i, j) => a[j]! - b[j]! - (a[i]! - b[i]!) || i - j);
  return {
    gained: order.filter((i) => a[i]! > b[i]!).slice(0, count),
    lost: order
      .reverse()
      .filter((i) => a[i]! < b[i]!)
      .slice(0, count),
  };
}
