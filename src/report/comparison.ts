/** What `simans compare` prints: beforehand what it will do and what it can show, then what was found. */
import type { Difference } from '../eval/compare.js';
import { ASSUMED, type Deviations } from '../eval/detectable.js';
import { differencesTable } from './evaluation.js';
import { figure, measureLabel } from './figures.js';
import { table } from './table.js';

export interface ShownPlan {
  readonly data: string;
  readonly measure: string;
  readonly seeds: readonly number[];
  readonly queries: number;
  readonly arms: readonly {
    readonly arm: string;
    readonly recipe: string;
    readonly sampler: string;
    readonly loss: string;
    readonly steps: number;
  }[];
  readonly notes: readonly string[];
  readonly pairs: readonly unknown[];
  readonly jobs: readonly { readonly done: boolean }[];
  readonly beforehand: { readonly difference: number };
}

export interface ShownMeasure {
  readonly measure: string;
  readonly means: readonly {
    readonly system: string;
    readonly seeds: number;
    readonly mean: number;
    readonly low: number;
    readonly high: number;
  }[];
  readonly differences: readonly Difference[];
  readonly deviations: Partial<Deviations>;
  readonly smallestDifference?: number;
}

export function comparisonPlanText({ data, measure, seeds, queries, arms, notes, pairs, jobs, beforehand }: ShownPlan): string {
  const done = jobs.filter((job) => job.done).length;
  return [
    table(
      ['arm', 'recipe', 'sampler', 'loss', 'steps'],
      arms.map(({ arm, recipe, sampler, loss, steps }) => [arm, recipe, sampler, loss, steps.toLocaleString('en')]),
    ),
    ...notes.map((note) => `note: ${note}`),
    `jobs: ${jobs.length} (seeds ${seeds.join(', ')}), ${done} of them finished`,
    `smallest difference: ${figure(beforehand.difference)} ${measureLabel(measure)} on ${data}, ${queries.toLocaleString('en')} test queries, ` +
      `${seeds.length} seed${seeds.length > 1 ? 's' : ''}, ${pairs.length} comparison${pairs.length > 1 ? 's' : ''} ` +
      `(power 80 %, level 5 % after Holm, deviations assumed: ${deviationsText(ASSUMED)})`,
  ].join('\n');
}

const deviationsText = ({ query, seed }: Deviations): string =>
  `${query.toPrecision(2)} over queries between two jobs, ${seed.toPrecision(2)} over seeds`;

export function comparisonText(measures: readonly ShownMeasure[]): string {
  const blocks = [meansTable(measures), ...measures.map(({ measure, differences }) => differencesTable(measure, differences))];
  const [{ measure, deviations, smallestDifference }] = measures as [ShownMeasure];
  const { query, seed } = deviations;
  if (query !== undefined && smallestDifference !== undefined) {
    const of = seed === undefined ? ' (that over seeds assumed)' : '';
    const found = deviationsText({ query, seed: seed ?? ASSUMED.seed });
    blocks.push(
      `with the deviations found, ${found}${of}, the smallest ${measureLabel(measure)} difference is ${figure(smallestDifference)}`,
    );
  }
  return blocks.join('\n\n');
}

/** Systems down, measures across, each with its interval. */
function meansTable(measures: readonly ShownMeasure[]): string {
  const rows = measures[0]!.means.map(({ system, seeds }, i) => [
    system,
    String(seeds),
    ...measures.map(({ means }) => `${figure(means[i]!.mean)} (${figure(means[i]!.low)} to ${figure(means[i]!.high)})`),
  ]);
  return table(['means, 95 % intervals', 'seeds', ...measures.map(({ measure }) => measureLabel(measure))], rows);
}
