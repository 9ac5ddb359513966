/** A job seen from outside: its configuration, its data and the pools of its refreshes. */
import fs from 'node:fs';
import path from 'node:path';
import { loadConfig } from '../config/load.js';
import type { RunConfig } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import type { Reporter } from '../core/reporter.js';
import { loadDataset } from '../data/index.js';
import type { Dataset } from '../data/types.js';
import { loadSampler } from '../sampling/index.js';
import type { Pools } from '../sampling/pools.js';
import type { Sampler } from '../sampling/types.js';
import { trainable } from '../train/labels.js';
import type { Refresh } from '../train/refresh/refresh.js';
import { readRefresh } from '../train/refresh/refreshFolder.js';
import { epochsAsSteps, type ServedSteps, servedSteps } from '../train/refresh/refreshSchedule.js';
import { cacheFolderOf, labelledDataset } from '../train/trainData.js';

export interface JobView {
  readonly folder: string;
  readonly config: RunConfig;
  readonly dataset: Dataset;
  readonly sampler: Sampler | undefined;
}

/** `sets` change its configuration for this look. Throws a UserError for a folder that is no job, and for one whose data has changed. */
export async function openJobView(folder: string, reporter: Reporter, sets: readonly string[] = []): Promise<JobView> {
  const file = path.join(folder, 'config.yaml');
  if (!fs.existsSync(file)) throw new UserError(`${folder}: found no config.yaml; expected the folder of a job, such as jobs/quickstart.`);
  const config = loadConfig(file, sets);
  const loaded = await loadDataset(config.data, { seed: config.seed, cacheFolder: cacheFolderOf(config), reporter });
  const { data, sampler } = config;
  if (data.format === 'dpr' && data.labels === 'answers')
    throw new UserError(
      `${folder}: its positives were made from answers (data.labels); expected judged ones, for they are not kept; train with labels: given.`,
    );
  const dataset = labelledDataset(trainable(loaded, config, reporter), folder, reporter);
  return {
    folder,
    config: epochsAsSteps(config, dataset),
    dataset,
    sampler: sampler.kind === 'none' ? undefined : await loadSampler(sampler),
  };
}

/** The refreshes that have pools, by number. */
export function refreshesWithPools(view: JobView): Refresh[] {
  return refreshNumbers(view).flatMap((number) => withPools(view, number) ?? []);
}

function refreshNumbers({ folder }: JobView): number[] {
  return fs
    .readdirSync(folder)
    .flatMap((name) => /^refresh-(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** The steps that drew, or will draw, from the refresh: up to the next one that there is. */
export function stepsServed(view: JobView, { number, step }: Refresh): ServedSteps {
  const { from, to } = servedSteps(view.config, step);
  const next = refreshNumbers(view).find((one) => one > number);
  const after = next === undefined ? undefined : readRefresh(view.folder, next);
  return { from, to: after ? servedSteps(view.config, after.step).from : to };
}

function withPools({ folder }: JobView, number: number): Refresh | undefined {
  const found = readRefresh(folder, number);
  return found?.pools || found?.sourcePools ? found : undefined;
}

/** The pools of a refresh: the given one, or the last that has any. Pools may be large: no others are read. */
export function poolsOf(view: JobView, number?: number): { refresh: Refresh; pools: Pools } {
  let refresh: Refresh | undefined;
  for (const one of number === undefined ? refreshNumbers(view).reverse() : [number]) {
    refresh = withPools(view, one);
    if (refresh) break;
  }
  if (!refresh) {
    const all = refreshesWithPools(view);
    throw new UserError(
      `${view.folder}: found no pools ${number === undefined ? 'in it' : `at refresh ${number}`}; expected ${all.length > 0 ? `one of ${all.map((one) => one.number).join(', ')}` : 'a job whose sampler has a pool'}.`,
    );
  }
  return { refresh, pools: (refresh.pools ?? refresh.sourcePools)! };
}
