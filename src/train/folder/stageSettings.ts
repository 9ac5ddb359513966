/** What a stage that is no job of its own is bound to, in its folder as settings.json: sections of the job file that decide what it makes. */
import fs from 'node:fs';
import path from 'node:path';
import type { BackendName } from '../../backend/index.js';
import type { RunConfig } from '../../config/schema.js';
import { readJson, writeJson } from '../../core/files.js';
import type { Reporter } from '../../core/reporter.js';
import { changesOf, FREE_OF_STAGES, refuseChanges } from './changes.js';
import { beginAnew, isTrained } from './untrained.js';

export type StageBound = Pick<RunConfig, 'seed' | 'data' | 'lab'> & {
  readonly backend: RunConfig['backend'] | BackendName;
  readonly train: Pick<RunConfig['train'], 'precision'> & Partial<RunConfig['train']>;
  readonly recipe: object;
  readonly eval: object;
};

export const SETTINGS_FILE = 'settings.json';

const fileOf = (folder: string): string => path.join(folder, SETTINGS_FILE);

/** The settings that the stage was begun with, undefined where it is to be begun; as requireSameJob for stages that are jobs. */
export function requireSameSettings(folder: string, wanted: StageBound, reporter: Reporter): StageBound | undefined {
  const file = fileOf(folder);
  if (!fs.existsSync(file)) return undefined;
  const saved = readJson(file, `Remove ${folder}: the stage is made again.`) as StageBound;
  const changes = changesOf(saved, wanted, FREE_OF_STAGES);
  if (isTrained(folder)) refuseChanges(changes, file);
  if (changes.length === 0) return saved;
  beginAnew(folder, 'settings', reporter);
  return undefined;
}

/** Remembers them, backend and replicas resolved. */
export function bindSettings(folder: string, settings: StageBound): void {
  if (!fs.existsSync(fileOf(folder))) writeJson(fileOf(folder), settings);
}
