/** A job with its recipe: the stages before it, then itself. */
import fs from 'node:fs';
import path from 'node:path';
import type { RunConfig } from '../config/schema.js';
import { jobFolderOf, stageFolder } from '../config/stages.js';
import { UserError } from '../core/errors.js';
import { requireSameJob } from '../train/folder/jobFolder.js';
import { isComplete, type Summary } from '../train/folder/summary.js';
import { isTrained } from '../train/folder/untrained.js';
import { type JobOptions, trainJob } from '../train/job.js';
import { ance } from './ance.js';
import { ar2 } from './ar2.js';
import { contrastive } from './contrastive.js';
import { dpr } from './dpr.js';
import { requireInputs } from './inputs.js';
import type { Recipe, Stage } from './recipe.js';
import { rocketqa } from './rocketqa.js';

export function recipeOf(config: RunConfig): Recipe {
  const { recipe } = config;
  switch (recipe.kind) {
    case 'contrastive':
      return contrastive();
    case 'dpr':
      return dpr(config, recipe);
    case 'ance':
      return ance(config, recipe);
    case 'rocketqa':
      return rocketqa(config, recipe);
    case 'ar2':
      return ar2(config, recipe);
    default:
      throw new Error(`internal: recipe ${recipe satisfies never}`);
  }
}

/** Runs what is not done of the stages, then the job; its summary, or undefined where the signal stopped it (everything is saved). */
export async function runRecipe(config: RunConfig, options: JobOptions): Promise<Summary | undefined> {
  const { reporter, signal } = options;
  const recipe = recipeOf(config);
  const { stages, parts } = recipe;
  requireSameStages(config, stages, options);
  if (stages.length > 0) for (const line of planLines(config)) reporter.line(line);
  const isFinished = isComplete(jobFolderOf(config));
  if (!isFinished && !allDone(stages)) await requireInputs(config, reporter, stages);
  const earlier: string[] = [];
  for (const [i, stage] of stages.entries()) {
    if (!isFinished && !stage.done()) {
      reporter.line(`\nstage ${i + 1} of ${stages.length + 1}: ${stage.does}`);
      if (!(await stage.run({ ...options, later: config, earlier: [...earlier] })) || signal.aborted) {
        reporter.line(`stopped in stage ${stage.name}: go on with the same command and --resume`);
        return undefined;
      }
    }
    earlier.push(stageFolder(config, stage.name));
  }
  if (stages.length > 0) reporter.line(`\nstage ${stages.length + 1} of ${stages.length + 1}: ${recipe.does}`);
  return trainJob(config, { ...options, earlier }, parts);
}

/** Whether nothing but the job itself is left of a recipe that has stages. */
export const allDone = (stages: readonly Stage[]): boolean => stages.length > 0 && stages.every((stage) => stage.done());

/** Refuses to go on with a job or with stages that were begun otherwise, and to begin again what was trained. */
function requireSameStages(config: RunConfig, stages: readonly Stage[], options: JobOptions): void {
  const folder = jobFolderOf(config);
  const all = path.join(folder, 'stages');
  const trained = fs.existsSync(all) ? fs.readdirSync(all).filter((name) => isTrained(path.join(all, name))) : [];
  if (!options.resume && trained.length > 0)
    throw new UserError(
      `${folder} already holds a job’s stages. Go on with --resume, choose another name with --set name=…, or remove the folder.`,
    );
  const stray = trained.find((name) => !stages.some((stage) => stage.name === name));
  if (stray !== undefined)
    throw new UserError(
      `cannot resume ${folder}: found stages/${stray}; expected none of that name in recipe ${config.recipe.kind} as it is configured. Resume with the same configuration, or start another job with --set name=….`,
    );
  for (const stage of stages) stage.requireSame(options.reporter);
  requireSameJob(config, options); // last: it may begin the job's folder anew
}

/** What is done in which order, and what of it is done already. */
export function planLines(config: RunConfig): string[] {
  const { stages, does } = recipeOf(config);
  const folder = jobFolderOf(config);
  const line = (number: number, what: string, steps: number, where: string, done: boolean) =>
    `  ${number}. ${what}: ${steps.toLocaleString('en')} steps, in ${where}${done ? ' (done)' : ''}`;
  return [
    `plan of recipe ${config.recipe.kind}:`,
    ...stages.map((stage, i) => line(i + 1, stage.does, stage.steps, stageFolder(config, stage.name), stage.done())),
    line(stages.length + 1, does, config.train.steps, folder, false),
  ];
}
