/** The jobs that a recipe runs before the one that a file describes: its settings, less what the stage has of its own. */
import path from 'node:path';
import { checkConfig, type Problem } from './problems.js';
import { withSamplerPreset } from './samplerPresets.js';
import type { RecipeConfig, RunConfig } from './schema.js';

export type StageSettings = Extract<RecipeConfig, { kind: 'dpr' }>['first'];

type Place = Pick<RunConfig, 'jobsFolder' | 'name'>;

export const jobFolderOf = ({ jobsFolder, name }: Place): string => path.join(jobsFolder, name);

/** The folder of a recipe's stage in that of its job. */
export const stageFolder = (config: Place, stage: string): string => path.join(jobFolderOf(config), 'stages', stage);

/**
 * A stage as a job of its own. It trains by contrast with the negatives of the batch unless it says otherwise, is never tested, and has its folder in
 * the job's. Its own settings may be wrong: then the problems, by the stage's keys.
 */
export function stageConfig(
  config: RunConfig,
  stage: string,
  settings: StageSettings | undefined,
): { config: RunConfig } | { problems: Problem[] } {
  const { train, refresh, sampler = config.sampler } = settings ?? {};
  const checked = checkConfig({
    ...config,
    name: stage,
    jobsFolder: path.dirname(stageFolder(config, stage)),
    recipe: { kind: 'contrastive' },
    encoder: { ...config.encoder, ...settings?.encoder },
    train: { ...config.train, loss: { kind: 'softmax' }, teacher: 'none', inBatch: true, ...train },
    refresh: { ...config.refresh, ...refresh },
    sampler,
    eval: { ...config.eval, bm25: false, test: 'never' },
  });
  return 'config' in checked ? { config: withSamplerPreset(checked.config) } : checked;
}

/** What is wrong with the settings of a recipe's stage, which are checked as the job that they make. */
export function stageProblems(config: RunConfig): Problem[] {
  const { recipe } = config;
  const found = Object.entries(recipe).find(([key]) => key === 'first' || key === 'warmup');
  if (!found || found[1] === 'none') return [];
  const [key, settings] = found;
  const checked = stageConfig(config, key, settings as StageSettings);
  const texts = 'config' in checked ? lengthProblems(config, key, checked.config) : checked.problems.map(({ text }) => text);
  return texts.map((text) => ({ path: ['recipe', key], related: [], text: `recipe.${key}: ${text}` }));
}

/** A job that goes on from an encoder of random weights has no more positions than that was given. */
function lengthProblems({ encoder }: RunConfig, key: string, stage: RunConfig): string[] {
  const longest = (of: RunConfig['encoder']) => Math.max(of.queryTokens, of.passageTokens);
  const [before, after] = [longest(stage.encoder), longest(encoder)];
  if (key !== 'warmup' || !('layers' in encoder.init) || after <= before) return [];
  return [
    `its longest text has ${before} tokens; expected at least ${after}, this job’s longest, whose positions an encoder of random weights learns there`,
  ];
}
