/** What a comparison will do and what it can show, said before the first job: its arms, in what they differ, the smallest difference. */
import path from 'node:path';
import { type ArmJob, cellName, loadArms } from '../config/comparisonArms.js';
import type { RunConfig } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import type { Reporter } from '../core/reporter.js';
import type { Dataset } from '../data/types.js';
import { ASSUMED, type Deviations, smallestDifference } from '../eval/detectable.js';
import { recipeOf } from '../recipes/index.js';
import { loadTrainable } from '../train/trainData.js';
import { BM25, readArmCell } from './compare.js';
import { DataToday, refuseOtherData } from './storedCell.js';

export interface ComparisonArguments {
  readonly configs: readonly string[];
  readonly set: readonly string[];
  readonly seeds: readonly number[];
  /** eval.selection where not given. */
  readonly measure?: string | undefined;
  /** The first arm where not given. */
  readonly baseline?: string | undefined;
  readonly to: string;
}

/** An arm in short. */
export interface ArmSettings {
  readonly arm: string;
  readonly recipe: string;
  readonly sampler: string;
  readonly loss: string;
  /** Of the retriever, all stages together. */
  readonly steps: number;
  readonly [key: string]: unknown;
}

export interface ComparisonPlan {
  readonly data: string;
  readonly measure: string;
  readonly measures: readonly string[];
  readonly baseline: string;
  readonly seeds: readonly number[];
  /** Test queries. */
  readonly queries: number;
  readonly arms: readonly ArmSettings[];
  /** Where the arms differ in more than recipe, sampler and loss: the difference is then not theirs alone. */
  readonly notes: readonly string[];
  readonly pairs: readonly (readonly [string, string])[];
  readonly jobs: readonly { readonly arm: string; readonly seed: number; readonly done: boolean }[];
  /** What the comparison can show, should the deviations be as assumed. */
  readonly beforehand: { readonly difference: number; readonly assumed: Deviations };
}

export async function planComparison(
  { configs, set, seeds, measure, baseline, to }: ComparisonArguments,
  jobsFolder: string,
  reporter: Reporter,
): Promise<{ plan: ComparisonPlan; jobs: ArmJob[] }> {
  const jobs = loadArms(configs, set, seeds, jobsFolder);
  const arms = jobs.slice(0, configs.length);
  const { measures, selection } = arms[0]!.config.eval;
  if (measure !== undefined && !measures.includes(measure))
    throw new UserError(`--measure is ${measure}; expected one of eval.measures: ${measures.join(', ')}`);
  const names = arms.map(({ arm }) => arm);
  if (baseline !== undefined && !names.includes(baseline))
    throw new UserError(`--baseline is ${baseline}; expected one of the arms: ${names.join(', ')}`);
  const main = measure ?? selection;
  const base = baseline ?? names[0]!;
  const others = [...names.filter((name) => name !== base), ...(arms.some(({ config }) => config.eval.bm25) ? [BM25] : [])];
  const dataset = await loadTrainable(arms[0]!.config, reporter);
  const queries = dataset.splits.test.rows.length;
  if (queries === 0) throw new UserError(`${dataset.name}: found no query in its test split; expected some to compare the arms on.`);
  const data = new DataToday();
  data.add(arms[0]!.config, dataset);
  await requireOneTest(jobs, dataset, data);
  await refuseOtherData(
    jobs.map((job) => ({ file: path.join(to, cellName(job)), config: job.config })),
    to,
    data,
  );
  const settings = arms.map(settingsOf);
  const plan: ComparisonPlan = {
    data: dataset.name,
    measure: main,
    measures: [main, ...measures.filter((one) => one !== main)],
    baseline: base,
    seeds,
    queries,
    arms: settings,
    notes: notesOf(settings),
    pairs: others.map((name) => [name, base] as const),
    jobs: jobs.map((job) => ({ arm: job.arm, seed: job.seed, done: readArmCell(to, job) !== undefined })),
    beforehand: { difference: smallestDifference(queries, seeds.length, others.length, ASSUMED), assumed: ASSUMED },
  };
  return { plan, jobs };
}

/** What every seed must meet alike for their figures to stand beside each other. */
const OF_ALL_SEEDS = ['corpus', 'test'] as const;

/** Refuses, before the first job, data whose test split or corpus the seed draws: no two seeds could be compared. */
async function requireOneTest(jobs: readonly ArmJob[], { name, fingerprint }: Dataset, data: DataToday): Promise<void> {
  const [first] = jobs as [ArmJob, ...ArmJob[]];
  const other = jobs.find(({ seed }) => seed !== first.seed);
  if (!other) return;
  const found = await data.of(other.config);
  const differing = OF_ALL_SEEDS.filter((part) => found[part] !== fingerprint[part]).map((part) => (part === 'test' ? 'test split' : part));
  if (differing.length > 0)
    throw new UserError(
      `${name}: found another ${differing.join(' and ')} with seed ${other.seed} than with seed ${first.seed}; expected the same for all seeds, or they cannot be compared; ` +
        `${first.config.lab?.paraphrases ? 'leave lab.paraphrases out' : 'write the data with its splits (simans data convert)'}, or take one seed with --seeds 1.`,
    );
}

function settingsOf({ arm, config }: ArmJob): ArmSettings {
  const { recipe, sampler, train, refresh, encoder } = config;
  return {
    arm,
    recipe: recipe.kind,
    sampler: sampler.kind,
    loss: train.loss.kind,
    steps: stepsOf(config),
    'train.queriesPerStep': train.queriesPerStep,
    'train.learningRate': train.learningRate,
    'refresh.everySteps': refresh.everySteps,
    ...('pool' in sampler && { 'sampler.pool': sampler.pool }),
    ...('negatives' in sampler && { 'sampler.negatives': sampler.negatives }),
    encoder,
  };
}

const stepsOf = (config: RunConfig): number =>
  recipeOf(config).stages.reduce((sum, stage) => sum + (stage.config?.train.steps ?? 0), config.train.steps);

/** What a comparison of recipes and samplers may differ in. */
const COMPARED = new Set(['arm', 'recipe', 'sampler', 'loss']);

function notesOf(arms: readonly ArmSettings[]): string[] {
  const keys = [...new Set(arms.flatMap((arm) => Object.keys(arm)))].filter((key) => !COMPARED.has(key));
  return keys.flatMap((key) => {
    const values = new Map<string, string[]>();
    for (const arm of arms) {
      if (!(key in arm)) continue;
      const value = JSON.stringify(arm[key]);
      values.set(value, [...(values.get(value) ?? []), arm.arm]);
    }
    if (values.size < 2) return [];
    const shown = [...values].map(([value, names]) =>
      key === 'encoder' ? `that of ${names.join(', ')}` : `${value} (${names.join(', ')})`,
    );
    return [`arms differ in ${key === 'steps' ? 'steps of the retriever' : key}: ${shown.join('; ')}`];
  });
}
