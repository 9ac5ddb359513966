/** Results of single jobs, kept so that an experiment of many goes on where it stopped: a file each, bound to the configuration that it is of. */
import fs from 'node:fs';
import { configHash } from '../config/hash.js';
import type { RunConfig } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import { readJson } from '../core/files.js';
import { silentReporter } from '../core/reporter.js';
import { loadDataset } from '../data/index.js';
import type { Dataset } from '../data/types.js';
import { trainable } from '../train/labels.js';
import { cacheFolderOf } from '../train/trainData.js';

/** What is stored, where it is of this configuration; otherwise undefined. */
export function readStoredCell<T extends { readonly configHash: string }>(file: string, config: RunConfig): T | undefined {
  if (!fs.existsSync(file)) return undefined;
  const found = readJson(file, 'Remove it: it is made again.') as T;
  return found.configHash === configHash(config) ? found : undefined;
}

/** What data a job of this configuration meets. */
export async function boundDataOf(config: RunConfig): Promise<Pick<Dataset, 'name' | 'fingerprint'>> {
  const { data, seed } = config;
  const loaded = await loadDataset(data, { seed, cacheFolder: cacheFolderOf(config), reporter: silentReporter });
  const { name, fingerprint } = trainable(loaded, config, silentReporter);
  return { name, fingerprint };
}

export type DataPart = keyof Dataset['fingerprint'];

/** Refuses a stored result of other data: where data lies, and what it holds, is no part of the configuration's hash. */
export function requireCellOf(
  { name, fingerprint }: Pick<Dataset, 'name' | 'fingerprint'>,
  cell: Readonly<Record<string, unknown>>,
  file: string,
  parts: readonly DataPart[],
): void {
  const stored = (cell.fingerprint ?? fingerprint) as Readonly<Record<string, string>>;
  const changed = parts.filter((part) => stored[part] !== fingerprint[part]);
  if (changed.length > 0)
    throw new UserError(
      `${file}: found a finished training on other data (another ${changed.join(', ')}); expected one on ${name} as it is now; choose another folder with --to, or restore the data.`,
    );
}

/** JSON whose lists, which are long, come last: each under its dotted key on a line of its own. */
export function cellText(figures: object, lists: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(lists).map(([key, list]) => `  ${JSON.stringify(key)}: ${JSON.stringify(list)}`);
  return `${JSON.stringify(figures, null, 2).replace(/\n}$/, '')},\n${lines.join(',\n')}\n}\n`;
}
