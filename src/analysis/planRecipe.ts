/** What a job with a recipe will take: each of its stages, its ranker and itself, predicted before any is begun. */
import fs from 'node:fs';
import path from 'node:path';
import { selectBackend } from '../backend/index.js';
import type { DataConfig, RunConfig } from '../config/schema.js';
import { jobFolderOf, stageFolder } from '../config/stages.js';
import { withTemporaryFolder } from '../core/files.js';
import { type Reporter, silentReporter } from '../core/reporter.js';
import { allDone, planLines, recipeOf } from '../recipes/index.js';
import { localInputs, requireInputs } from '../recipes/inputs.js';
import { replicaCount } from '../train/folder/jobFolder.js';
import { prepareEncoder } from '../train/prepareEncoder.js';
import { Ranker, type RankerSettings } from '../train/ranker/ranker.js';
import { epochsAsSteps, refreshNumber } from '../train/refresh/refreshSchedule.js';
import { rankerBytes } from '../train/step/memory.js';
import { loadTrainable } from '../train/trainData.js';
import { timed } from './calibration.js';
import { type Plan, planJob } from './plan.js';

type RankerRecipe = Extract<RunConfig['recipe'], { kind: 'ar2' | 'rocketqa' }>;

export interface PlannedStage {
  /** What it does, in a few words. */
  readonly does: string;
  readonly folder: string;
  readonly done: boolean;
  readonly plan?: Plan;
  readonly ranker?: PlannedRanker;
}

export interface PlannedRanker {
  readonly steps: number;
  readonly secondsEach: number;
  /** Of scoring the passages of a retriever's step, where the retriever learns from it. */
  readonly scoring: { readonly times: number; readonly secondsEach: number };
  readonly bytes: number;
}

/** The stages in their order, the job itself last. */
export async function planRecipe(config: RunConfig, reporter: Reporter): Promise<PlannedStage[]> {
  const { stages, does } = recipeOf(config);
  const folder = jobFolderOf(config);
  if (!allDone(stages)) await requireInputs(config, reporter, stages);
  const ranker = 'ranker' in config.recipe ? await planRanker(config, config.recipe, reporter) : undefined;
  const planned: PlannedStage[] = [];
  for (const stage of stages)
    planned.push({
      does: stage.does,
      folder: stageFolder(config, stage.name),
      done: stage.done(),
      ...(stage.config ? { plan: await planJob(stage.config, reporter) } : ranker && { ranker }),
    });
  const own = ranker && config.recipe.kind === 'ar2' ? { ranker } : {};
  return [...planned, { does, folder, done: false, plan: await planJob(config, reporter), ...own }];
}

/** Says the plan; its figures too where data and weights are on this machine to calibrate on, else what is missing. Nothing is downloaded. */
export async function dryRun(config: RunConfig, reporter: Reporter): Promise<{ stages: PlannedStage[]; missing?: string }> {
  for (const line of planLines(config)) reporter.line(line);
  const { config: local, elsewhere } = localInputs(config);
  const missing = [...missingData(config.data), ...elsewhere.map((id) => `${id} is not in the cache of the hub’s models`)];
  return missing.length > 0 ? { stages: [], missing: missing.join('; ') } : { stages: await planRecipe(local, reporter) };
}

/** Data that are not there yet: a plan may be made before `simans data get`. */
function missingData(data: DataConfig): string[] {
  if (data.format === 'builtin') return [];
  const sets = data.format === 'mix' ? data.sets : [data];
  const places = sets.flatMap(({ path: place, corpus }) => (corpus === 'own' ? [place] : [place, corpus]));
  return places.filter((place) => !fs.existsSync(place)).map((place) => `${place}: found nothing there; expected the data; check the path`);
}

/** The ranker's steps, calibrated by two of them on pairs of training queries with random passages. */
const planRanker = (config: RunConfig, recipe: RankerRecipe, reporter: Reporter): Promise<PlannedRanker> =>
  withTemporaryFolder('plan', (folder) => measureRanker(config, recipe, folder, reporter));

async function measureRanker(config: RunConfig, recipe: RankerRecipe, folder: string, reporter: Reporter): Promise<PlannedRanker> {
  const { train, sampler } = config;
  const settings: RankerSettings = recipe.ranker;
  const inTurn = recipe.kind === 'ar2';
  const group = 1 + (recipe.kind === 'rocketqa' ? recipe.ranker.negatives : 'negatives' in sampler ? sampler.negatives : 0);
  const { name: backend } = await selectBackend(config.backend, config.train.precision);
  const dataset = await loadTrainable(config, reporter);
  const { tokenizer } = await prepareEncoder(folder, config, dataset, silentReporter);
  const tokenizerFolder = path.join(folder, 'tokenizer');
  const replicas = replicaCount(config, backend);
  const loss = inTurn ? 'listwise' : 'pointwise';
  const ranker = await Ranker.open({
    settings,
    loss,
    rateAt: () => recipe.ranker.learningRate,
    config,
    folder,
    tokenizer,
    tokenizerFolder,
    replicas,
    backend,
    reporter: silentReporter,
  });
  try {
    const { queries, corpus, splits } = dataset;
    const texts = Array.from({ length: (recipe.ranker.queriesPerStep ?? train.queriesPerStep) * group }, (_, i): [string, string] => [
      queries.text(splits.train.rows[Math.floor(i / group) % splits.train.rows.length]!),
      corpus.text((i * 7919) % corpus.size),
    ]);
    const seconds: number[] = [];
    for (let step = 1; step <= 2; step++)
      seconds.push(await secondsOf(() => ranker.trainTo(step, () => ({ texts, group }), new AbortController().signal)));
    const scoring = inTurn ? await secondsOf(() => ranker.score(texts)) : 0;
    const refreshes = refreshNumber(epochsAsSteps(config, dataset), train.steps);
    return {
      steps: recipe.kind === 'ar2' ? recipe.ranker.warmupSteps + refreshes * recipe.ranker.stepsPerRefresh : recipe.ranker.steps,
      secondsEach: seconds[1]!,
      scoring: { times: inTurn ? train.steps : 0, secondsEach: scoring },
      bytes: rankerBytes(ranker.architecture, settings, replicas),
    };
  } finally {
    await ranker.dispose();
  }
}

const secondsOf = async (work: () => Promise<unknown>): Promise<number> => (await timed(work))[1];
