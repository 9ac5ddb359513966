/** A job's data, ready to be trained on. */
import fs from 'node:fs';
import path from 'node:path';
import type { RunConfig } from '../config/schema.js';
import type { Reporter } from '../core/reporter.js';
import { loadDataset } from '../data/index.js';
import { type PseudoLabel, withPseudoLabels } from '../data/pseudoLabels.js';
import type { Dataset } from '../data/types.js';
import { createJudge, type Judge } from '../eval/judge.js';
import { requireSameData } from './folder/jobFolder.js';
import { labelByAnswers, requireServing, trainable } from './labels.js';
import { epochsAsSteps } from './refresh/refreshSchedule.js';

/** What is made once for all jobs: token tables, large corpora. */
export const cacheFolderOf = ({ jobsFolder }: RunConfig): string => path.join(jobsFolder, '.cache');

/** Where a recipe's earlier stage leaves the labels of queries that nobody judged. */
export const pseudoLabelFile = (job: string): string => path.join(job, 'stages', 'augment', 'labels.jsonl');

export interface TrainableOptions {
  /** The folder of the job whose labels are added. */
  readonly job?: string;
  /** A later job on the same data: what it asks of them is looked at first too. */
  readonly later?: RunConfig | undefined;
  /** Where the file has the keys of a job that is a stage: recipe.first or recipe.warmup. */
  readonly keys?: string | undefined;
  /** Folders of stages that are done: they must have met the same data. */
  readonly earlier?: readonly string[] | undefined;
}

/** Loads and announces it, labels what is to be labelled, and refuses a configuration that the data cannot serve. */
export async function loadTrainable(config: RunConfig, reporter: Reporter, options: TrainableOptions = {}): Promise<Dataset> {
  const { job, later, earlier = [], keys } = options;
  const { data, seed } = config;
  const loaded = await loadDataset(data, { seed, cacheFolder: cacheFolderOf(config), reporter });
  announce(loaded, reporter);
  const labelled =
    data.format === 'dpr' && data.labels === 'answers' ? labelByAnswers(loaded, createJudge(loaded, config.eval), reporter) : loaded;
  const dataset = trainable(labelled, config, reporter);
  requireServing(config, dataset, keys);
  if (later) requireServing(later, dataset);
  for (const folder of earlier) requireSameData(folder, dataset);
  return job === undefined ? dataset : labelledDataset(dataset, job, reporter);
}

/** What loadTrainable gives, what judges its runs, and the configuration with epochs as steps of this data. */
export async function openData(
  config: RunConfig,
  reporter: Reporter,
  options: TrainableOptions,
): Promise<{ config: RunConfig; dataset: Dataset; judge: Judge }> {
  const dataset = await loadTrainable(config, reporter, options);
  return { config: epochsAsSteps(config, dataset), dataset, judge: createJudge(dataset, config.eval) };
}

/** With the labels that a stage left in the job's folder, where one did. */
export function labelledDataset(dataset: Dataset, job: string, reporter: Reporter): Dataset {
  const file = pseudoLabelFile(job);
  if (!fs.existsSync(file)) return dataset;
  const labels = fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as PseudoLabel);
  reporter.line(`data: ${labels.length.toLocaleString('en')} training queries more, labelled by retriever and ranker (${file})`);
  return withPseudoLabels(dataset, labels, file);
}

function announce({ corpus, splits, name, notes }: Dataset, reporter: Reporter): void {
  const sizes = Object.entries(splits).map(([split, { rows }]) => `${rows.length.toLocaleString('en')} ${split}`);
  reporter.line(`data: ${name}, ${corpus.size.toLocaleString('en')} passages; queries: ${sizes.join(', ')}`);
  for (const note of notes) reporter.line(`  ${note}`);
}
