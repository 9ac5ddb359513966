/** Results of single jobs, kept so that an experiment of many goes on where it stopped: a file each, bound to the configuration and the data that it is of. */
import fs from 'node:fs';
import { configHash } from '../config/hash.js';
import type { RunConfig } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import { readJson } from '../core/files.js';
import { silentReporter } from '../core/reporter.js';
import type { Dataset } from '../data/types.js';
import { loadTrainable } from '../train/trainData.js';

/** What is stored, where it is of this configuration; otherwise undefined. */
export function readStoredCell<T extends { readonly configHash: string }>(file: string, config: RunConfig): T | undefined {
  if (!fs.existsSync(file)) return undefined;
  const found = readJson(file, 'Remove it: it is made again.') as T;
  return found.configHash === configHash(config) ? found : undefined;
}

/** Fingerprints of the data that jobs would meet today; what several meet is read once. */
export class DataToday {
  private readonly met = new Map<string, Dataset['fingerprint']>();

  /** Data that was read already. */
  add(config: RunConfig, { fingerprint }: Dataset): void {
    this.met.set(readAs(config), fingerprint);
  }

  async of(config: RunConfig): Promise<Dataset['fingerprint']> {
    if (!this.met.has(readAs(config))) this.add(config, await loadTrainable(config, silentReporter));
    return this.met.get(readAs(config))!;
  }
}

/** What of a configuration decides which data it meets. */
const readAs = ({ data, lab, seed }: RunConfig): string => JSON.stringify([data, lab, seed]);

/**
 * Throws a UserError where a stored job of today's configuration has met other data than it would meet today: the configuration says where data lie, and its hash not
 * even that. `to`: the folder of the experiment.
 */
export async function refuseOtherData(
  jobs: readonly { readonly file: string; readonly config: RunConfig }[],
  to: string,
  data = new DataToday(),
): Promise<void> {
  for (const { file, config } of jobs) {
    const stored = readStoredCell<{ configHash: string; fingerprint?: Dataset['fingerprint'] }>(file, config)?.fingerprint;
    if (!stored) continue;
    const today = await data.of(config);
    // RocketQA's augmentation adds training queries of its own.
    const augmented = 'augment' in config.recipe && config.recipe.augment !== 'none';
    const parts = (['corpus', 'train', 'dev', 'test'] as const).filter((part) => !(augmented && part === 'train'));
    const changed = parts.filter((part) => stored[part] !== today[part]);
    if (changed.length > 0)
      throw new UserError(
        `${file}: found a finished job on other data (other in ${changed.join(', ')}); expected none where those of today's data go; choose another folder with --to, or remove ${to}.`,
      );
  }
}

/** JSON whose lists, which are long, come last: each under its dotted key on a line of its own. */
export function cellText(figures: object, lists: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(lists).map(([key, list]) => `  ${JSON.stringify(key)}: ${JSON.stringify(list)}`);
  return `${JSON.stringify(figures, null, 2).replace(/\n}$/, '')},\n${lines.join(',\n')}\n}\n`;
}
