/** Files beside the data that decide a job's course, in its folder as inputs.json: by the key that names each, a hash of what it held when the job was begun. */
import fs from 'node:fs';
import path from 'node:path';
import type { RunConfig } from '../../config/schema.js';
import { UserError } from '../../core/errors.js';
import { readJson, sha256OfFile, writeJson } from '../../core/files.js';
import type { PoolMaking } from '../refresh/pools.js';
import { isTrained } from './untrained.js';

type Hashes = Readonly<Record<string, string>>;

/** Remembers them; a job that has been trained must meet the same. */
export async function bindInputs(folder: string, config: RunConfig, making: PoolMaking): Promise<void> {
  const now = await hashesOf(config, making);
  const file = path.join(folder, 'inputs.json');
  const known = isTrained(folder) && fs.existsSync(file);
  if (!known && Object.keys(now).length > 0) writeJson(file, now);
  const begun = known ? (readJson(file, 'Start the job anew.') as Hashes) : now;
  const changed = Object.keys(now).filter((key) => begun[key] !== now[key]);
  if (changed.length > 0)
    throw new UserError(
      `cannot resume ${folder}: what is named by ${changed.join(' and ')} has changed since the job was begun. Restore it, or start another job with --set name=….`,
    );
}

async function hashesOf({ sampler }: RunConfig, { source, filters }: PoolMaking): Promise<Hashes> {
  return {
    ...(source && { 'sampler.source': source.fingerprint }),
    ...(filters.reranker !== undefined && { 'sampler.filters.reranker.model': filters.reranker }),
    ...(sampler.kind === 'module' && { 'sampler.path': await sha256OfFile(sampler.path) }),
  };
}
