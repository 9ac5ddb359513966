/** A job's data, ready to be trained on. */
import path from 'node:path';
import type { RunConfig } from '../config/schema.js';
import type { Reporter } from '../core/reporter.js';
import { loadDataset } from '../data/index.js';
import type { Dataset } from '../data/types.js';
import { createJudge } from '../eval/judge.js';
import { labelByAnswers, requireServing, trainable } from './labels.js';

/** What is made once for all jobs: token tables, large corpora. */
export const cacheFolderOf = ({ jobsFolder }: RunConfig): string => path.join(jobsFolder, '.cache');

/** Loads and announces it, labels what is to be labelled, and refuses a configuration that the data cannot serve. */
export async function loadTrainable(config: RunConfig, reporter: Reporter): Promise<Dataset> {
  const { data, seed } = config;
  const loaded = await loadDataset(data, { seed, cacheFolder: cacheFolderOf(config), reporter });
  announce(loaded, reporter);
  const labelled =
    data.format === 'dpr' && data.labels === 'answers' ? labelByAnswers(loaded, createJudge(loaded, config.eval), reporter) : loaded;
  const dataset = trainable(labelled, config, reporter);
  requireServing(config, dataset);
  return dataset;
}

function announce({ corpus, splits, name, notes }: Dataset, reporter: Reporter): void {
  const sizes = Object.entries(splits).map(([split, { rows }]) => `${rows.length.toLocaleString('en')} ${split}`);
  reporter.line(`data: ${name}, ${corpus.size.toLocaleString('en')} passages; queries: ${sizes.join(', ')}`);
  for (const note of notes) reporter.line(`  ${note}`);
}
