/** Results of single jobs, kept so that an experiment of many goes on where it stopped: a file each, bound to the configuration that it is of. */
import fs from 'node:fs';
import { configHash } from '../config/hash.js';
import type { RunConfig } from '../config/schema.js';
import { readJson } from '../core/files.js';

/** What is stored, where it is of this configuration; otherwise undefined. */
export function readStoredCell<T extends { readonly configHash: string }>(file: string, config: RunConfig): T | undefined {
  if (!fs.existsSync(file)) return undefined;
  const found = readJson(file, 'Remove it: it is made again.') as T;
  return found.configHash === configHash(config) ? found : undefined;
}

/** JSON whose lists, which are long, come last: each under its dotted key on a line of its own. */
export function cellText(figures: object, lists: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(lists).map(([key, list]) => `  ${JSON.stringify(key)}: ${JSON.stringify(list)}`);
  return `${JSON.stringify(figures, null, 2).replace(/\n}$/, '')},\n${lines.join(',\n')}\n}\n`;
}
