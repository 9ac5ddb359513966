/** The job's folder and what of the configuration depends on this machine: the backend and the number of replicas. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type BackendReport, selectBackend } from '../backend/index.js';
import { loadConfig, resolvedYaml } from '../config/load.js';
import type { RunConfig } from '../config/schema.js';
import { jobFolderOf } from '../config/stages.js';
import { UserError } from '../core/errors.js';
import { readJson, removeLeftovers, writeFileAtomic, writeJson } from '../core/files.js';
import type { Reporter } from '../core/reporter.js';
import type { Dataset } from '../data/types.js';

export interface ResolvedJob {
  readonly config: RunConfig;
  readonly folder: string;
  readonly backend: BackendReport;
  readonly replicas: number;
  readonly resumed: boolean;
}

/** Backends whose tensors lie in host memory, so that replicas in threads pay. */
const HOST_BACKENDS = new Set(['onnx', 'wasm', 'cpu']);
/** Keys that may change between sessions of a job: they do not alter its course. */
const FREE_KEYS = new Set(['jobsFolder', 'train.checkpointEverySteps', 'train.keepCheckpoints']);

/** Keys whose 'auto' is resolved when a job is begun. */
const RESOLVED_KEYS = new Set(['backend', 'train.replicas']);

/** Opens a new job's folder or an old one to resume; the configuration as run is saved there, backend and replicas resolved. */
export async function openJobFolder(config: RunConfig, options: { resume: boolean; reporter: Reporter }): Promise<ResolvedJob> {
  const folder = jobFolderOf(config);
  const file = path.join(folder, 'config.yaml');
  const exists = fs.existsSync(file);
  if (exists && !options.resume) {
    throw new UserError(`${folder} already holds a job. Go on with --resume, choose another name with --set name=…, or remove the folder.`);
  }
  if (!exists && fs.existsSync(path.join(folder, 'checkpoints'))) {
    throw new UserError(
      `${folder} holds checkpoints but no config.yaml, which says what they are of. Restore the file or remove the folder.`,
    );
  }
  const saved = exists ? loadConfig(file) : undefined;
  if (saved) refuseChanges(saved, config, file);
  if (saved) removeLeftovers(folder);
  const backend = await selectBackend(saved?.backend ?? config.backend, config.train.precision);
  const replicas = saved ? Number(saved.train.replicas) : replicaCount(config, backend.name);
  const resolved: RunConfig = { ...config, backend: backend.name, train: { ...config.train, replicas } };
  const { name, device, gflops, why } = backend;
  options.reporter.line(
    `backend: ${name}${device === undefined ? '' : ` on ${device}`}, ${gflops.toFixed(0)} GFLOP/s a thread (${why})${config.train.precision === 'fp16' ? '; products of halves (fp16)' : ''}`,
  );
  if (!saved) writeFileAtomic(file, resolvedYaml(resolved));
  return { config: resolved, folder, backend, replicas, resumed: saved !== undefined };
}

/** Remembers in data.json what data the job is of; a resumed job must meet the same. Throws a UserError naming the parts that changed. */
export function bindDataset(job: Pick<ResolvedJob, 'folder' | 'resumed'>, { name, fingerprint }: Dataset): void {
  const file = path.join(job.folder, 'data.json');
  if (!job.resumed || !fs.existsSync(file)) {
    writeJson(file, { name, fingerprint });
    return;
  }
  const begun = readJson(file, 'Start the job anew.') as Pick<Dataset, 'fingerprint'>;
  const changed = Object.entries(fingerprint).flatMap(([part, hash]) =>
    begun.fingerprint[part as keyof typeof fingerprint] === hash ? [] : [part],
  );
  if (changed.length > 0) {
    throw new UserError(
      `cannot resume ${job.folder}: its data has changed since it was begun (${changed.join(', ')}). Restore the data, or start another job with --set name=….`,
    );
  }
}

export function replicaCount({ train }: Pick<RunConfig, 'train'>, backend: string): number {
  if (train.replicas !== 'auto') return train.replicas;
  return HOST_BACKENDS.has(backend) ? Math.min(2, os.availableParallelism()) : 1;
}

/** A resumed job must be the job that was begun; 'auto' in the new file stands for what was resolved then, where that is done. */
function refuseChanges(saved: RunConfig, wanted: RunConfig, file: string): void {
  const before = flatten(saved);
  const now = flatten(wanted);
  const changes = [...new Set([...before.keys(), ...now.keys()])]
    .filter((key) => !FREE_KEYS.has(key) && before.get(key) !== now.get(key) && !(RESOLVED_KEYS.has(key) && now.get(key) === '"auto"'))
    .map((key) => `${key} was ${before.get(key) ?? 'absent'}, now ${now.get(key) ?? 'absent'}`);
  if (changes.length > 0) {
    throw new UserError(
      `cannot resume ${file}: ${changes.join('; ')}. Resume with the same configuration, or start another job with --set name=….`,
    );
  }
}

function flatten(value: unknown, prefix = ''): Map<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return new Map([[prefix, JSON.stringify(value)]]);
  return new Map(Object.entries(value).flatMap(([key, inner]) => [...flatten(inner, prefix ? `${prefix}.${key}` : key)]));
}
