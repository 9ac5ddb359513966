/** What of a passage a model, or vectors of one, read: other texts must be read so for it too. */
import fs from 'node:fs';
import path from 'node:path';
import { loadConfig } from '../config/load.js';
import type { Reporter } from '../core/reporter.js';
import { policyFrom, type TextPolicy, textPolicy } from '../data/corpus.js';
import { modelIn, readSettings, resolveModel, settingsFile } from '../encoders/modelFolder.js';
import { isVectorFolder, StoredVectors } from '../index/storedVectors.js';
import { manifestFile } from '../index/vectorShards.js';

export interface Reading {
  readonly policy: TextPolicy;
  /** The file that says so. */
  readonly from: string;
}

/** Of a model's folder, or of a job's: what simans.json says or, of a model that was written before it did, the job around it. Undefined where neither does. */
export function readingOf(folder: string): Reading | undefined {
  const home = modelIn(folder);
  const settings = readSettings(home);
  if (!settings) return undefined;
  if (settings.reads !== undefined) return { policy: policyFrom(settings.reads), from: settingsFile(home) };
  const config = path.join(home, '..', 'config.yaml');
  if (path.basename(path.resolve(home)) !== 'model' || !fs.existsSync(config)) return undefined;
  const { data } = loadConfig(config);
  if (data.format === 'builtin') return undefined;
  const keys = data.format === 'mix' ? data.sets[0]! : data;
  return { policy: textPolicy(keys, keys.format), from: config };
}

/** Of what `simans eval` ranks by: undefined also for BM25 and run files, which read what the others do. */
export async function readingOfSystem(what: string, reporter: Reporter): Promise<Reading | undefined> {
  if (what === 'bm25' || (fs.existsSync(what) && fs.statSync(what).isFile())) return undefined;
  const passages = path.join(what, 'passages');
  if (!isVectorFolder(passages)) return readingOf(await resolveModel(what, reporter));
  const { reads } = new StoredVectors(passages, 'passage').manifest;
  return reads === undefined ? undefined : { policy: policyFrom(reads), from: manifestFile(passages) };
}
