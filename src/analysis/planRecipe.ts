/** What a job with a recipe will take: each of its stages, its ranker and itself, predicted before any is begun. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { selectBackend } from '../backend/index.js';
import type { RunConfig } from '../config/schema.js';
import { jobFolderOf } from '../config/stages.js';
import { UserError } from '../core/errors.js';
import { type Reporter, silentReporter } from '../core/reporter.js';
import { planLines, recipeOf } from '../recipes/index.js';
import { replicaCount } from '../train/jobFolder.js';
import { rankerBytes } from '../train/memory.js';
import { prepareEncoder } from '../train/prepareEncoder.js';
import { Ranker, type RankerSettings } from '../train/ranker.js';
import { epochsAsSteps, refreshNumber } from '../train/refreshSchedule.js';
import { loadTrainable } from '../train/trainData.js';
import { type Plan, planJob } from './plan.js';

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
  const ranker = 'ranker' in config.recipe ? await planRanker(config, reporter) : undefined;
  const planned: PlannedStage[] = [];
  for (const stage of stages)
    planned.push({
      does: stage.does,
      folder: path.join(folder, 'stages', stage.name),
      done: stage.done(),
      ...(stage.config ? { plan: await planJob(stage.config, reporter) } : ranker && { ranker }),
    });
  const own = ranker && config.recipe.kind === 'ar2' ? { ranker } : {};
  return [...planned, { does, folder, done: false, plan: await planJob(config, reporter), ...own }];
}

/** Says the plan; its figures too where data and weights are there to calibrate on, else what is missing. */
export async function dryRun(config: RunConfig, reporter: Reporter): Promise<{ stages: PlannedStage[]; missing?: string }> {
  for (const line of planLines(config)) reporter.line(line);
  try {
    return { stages: await planRecipe(config, reporter) };
  } catch (error) {
    if (error instanceof UserError) return { stages: [], missing: error.message };
    throw error;
  }
}

/** The ranker's steps, calibrated by two of them on pairs of training queries with random passages. */
async function planRanker(config: RunConfig, reporter: Reporter): Promise<PlannedRanker | undefined> {
  const { recipe, train, sampler } = config;
  if (recipe.kind !== 'ar2' && recipe.kind !== 'rocketqa') return undefined;
  const settings: RankerSettings = recipe.ranker;
  const inTurn = recipe.kind === 'ar2';
  const group = 1 + (recipe.kind === 'rocketqa' ? recipe.ranker.negatives : 'negatives' in sampler ? sampler.negatives : 0);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-plan-'));
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
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
}
