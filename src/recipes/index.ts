/** A job with its recipe: the stages before it, then itself. */
import fs from 'node:fs';
import path from 'node:path';
import type { RunConfig } from '../config/schema.js';
import { jobFolderOf } from '../config/stages.js';
import { UserError } from '../core/errors.js';
import { findCrossEncoder } from '../encoders/crossEncoder.js';
import { type JobOptions, trainJob } from '../train/job.js';
import type { Summary } from '../train/summary.js';
import { ance } from './ance.js';
import { ar2 } from './ar2.js';
import { contrastive } from './contrastive.js';
import { dpr } from './dpr.js';
import type { Recipe } from './recipe.js';
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
  const { stages, parts } = recipeOf(config);
  const folder = jobFolderOf(config);
  if (!options.resume && fs.existsSync(path.join(folder, 'stages')))
    throw new UserError(
      `${folder} already holds a job’s stages. Go on with --resume, choose another name with --set name=…, or remove the folder.`,
    );
  if (stages.length > 0) for (const line of planLines(config)) reporter.line(line);
  if (stages.some((stage) => !stage.done())) await requireInputs(config, options);
  for (const [i, stage] of stages.entries()) {
    if (stage.done()) continue;
    reporter.line(`\nstage ${i + 1} of ${stages.length + 1}: ${stage.does}`);
    if (!(await stage.run({ ...options, later: config })) || signal.aborted) {
      reporter.line(`stopped in stage ${stage.name}: go on with the same command and --resume`);
      return undefined;
    }
  }
  if (stages.length > 0) reporter.line(`\nstage ${stages.length + 1} of ${stages.length + 1}: ${recipeOf(config).does}`);
  return trainJob(config, options, parts);
}

/** What later stages read is looked for before the first one runs. */
async function requireInputs({ recipe }: RunConfig, { reporter }: JobOptions): Promise<void> {
  if ('ranker' in recipe && typeof recipe.ranker.init === 'string')
    await findCrossEncoder(recipe.ranker.init, { namedBy: 'recipe.ranker.init', reporter }, true);
  if (recipe.kind !== 'rocketqa' || recipe.augment === 'none') return;
  const { queries } = recipe.augment;
  if (!fs.existsSync(queries))
    throw new UserError(`recipe.augment.queries: found no file ${queries}; expected queries that nobody judged; check the path.`);
}

/** What is done in which order, and what of it is done already. */
export function planLines(config: RunConfig): string[] {
  const { stages, does } = recipeOf(config);
  const folder = jobFolderOf(config);
  const line = (number: number, what: string, steps: number, where: string, done: boolean) =>
    `  ${number}. ${what}: ${steps.toLocaleString('en')} steps, in ${where}${done ? ' (done)' : ''}`;
  return [
    `plan of recipe ${config.recipe.kind}:`,
    ...stages.map((stage, i) => line(i + 1, stage.does, stage.steps, path.join(folder, 'stages', stage.name), stage.done())),
    line(stages.length + 1, does, config.train.steps, folder, false),
  ];
}
