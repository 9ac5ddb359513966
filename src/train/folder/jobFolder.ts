/** The job's folder and what of the configuration depends on this machine: the backend and the number of replicas. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type BackendReport, selectBackend } from '../../backend/index.js';
import { loadConfig, resolvedYaml } from '../../config/load.js';
import type { RunConfig } from '../../config/schema.js';
import { jobFolderOf } from '../../config/stages.js';
import { UserError } from '../../core/errors.js';
import { readJson, removeLeftovers, writeFileAtomic, writeJson } from '../../core/files.js';
import type { Reporter } from '../../core/reporter.js';
import type { Dataset } from '../../data/types.js';
import { changesOf, FREE_OF_STAGES, refuseChanges } from './changes.js';
import { checkpointSteps } from './checkpoint.js';
import { SETTINGS_FILE } from './stageSettings.js';
import { beginAnew, isTrained, isUnderWay } from './untrained.js';

export interface ResolvedJob {
  readonly config: RunConfig;
  readonly folder: string;
  readonly backend: BackendReport;
  readonly replicas: number;
  readonly resumed: boolean;
}

/** Backends whose tensors lie in host memory, so that replicas in threads pay. */
const HOST_BACKENDS = new Set(['onnx', 'wasm', 'cpu']);

/** How a folder is opened. */
interface Going {
  readonly resume: boolean;
  readonly reporter: Reporter;
  /** The job that this one is a stage of. */
  readonly later?: RunConfig | undefined;
}

/** Opens a new job's folder or an old one to resume; the configuration as run is saved there, backend and replicas resolved. */
export async function openJobFolder(config: RunConfig, options: Going): Promise<ResolvedJob> {
  const folder = jobFolderOf(config);
  const file = configFile(folder);
  const saved = requireSameJob(config, options);
  if (!saved && checkpointSteps(folder).length > 0) {
    throw new UserError(
      `${folder} holds checkpoints but no config.yaml, which says what they are of. Restore the file or remove the folder.`,
    );
  }
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

const configFile = (folder: string): string => path.join(folder, 'config.yaml');

/**
 * The configuration that the job was begun with, undefined where it is to be begun: a job is gone on with only on demand and only as it is. One in which nothing
 * was trained yet, such as after a wrong path, is no job: of another configuration it is begun anew.
 */
export function requireSameJob(config: RunConfig, { resume, reporter, later }: Going): RunConfig | undefined {
  const folder = jobFolderOf(config);
  const file = configFile(folder);
  if (!fs.existsSync(file)) return undefined;
  const trained = isTrained(folder);
  if (!resume && (trained || isUnderWay(folder)))
    throw new UserError(`${folder} already holds a job. Go on with --resume, choose another name with --set name=…, or remove the folder.`);
  const saved = loadConfig(file);
  const changes = changesOf(saved, config, later && FREE_OF_STAGES);
  if (trained) refuseChanges(changes, file);
  if (changes.length === 0) return saved;
  beginAnew(folder, 'configuration', reporter);
  return undefined;
}

/** Keys in which a job of any name was run otherwise than `config` says. */
export function configChanges(folder: string, config: RunConfig): string[] {
  const saved: RunConfig = { ...loadConfig(configFile(folder)), name: config.name };
  return changesOf(saved, config);
}

/** Remembers in data.json what data the job is of; a resumed job must meet the same. Throws a UserError naming the parts that changed. */
export function bindDataset(folder: string, dataset: Pick<Dataset, 'name' | 'fingerprint'>, reporter: Reporter): void {
  if (isTrained(folder)) requireSameData(folder, dataset);
  else if (changedParts(folder, dataset).length > 0) beginAnew(folder, 'data', reporter, ['config.yaml', SETTINGS_FILE]);
  const { name, fingerprint } = dataset;
  if (!fs.existsSync(dataFile(folder))) writeJson(dataFile(folder), { name, fingerprint });
}

/** Refuses data other than those that the job or the stage was begun with, where it has noted any. */
export function requireSameData(folder: string, { fingerprint }: Pick<Dataset, 'fingerprint'>): void {
  const changed = changedParts(folder, { fingerprint });
  if (changed.length > 0)
    throw new UserError(
      `cannot resume ${folder}: its data has changed since it was begun (${changed.join(', ')}). Restore the data, or start another job with --set name=….`,
    );
}

const dataFile = (folder: string): string => path.join(folder, 'data.json');

function changedParts(folder: string, { fingerprint }: Pick<Dataset, 'fingerprint'>): string[] {
  if (!fs.existsSync(dataFile(folder))) return [];
  const begun = readJson(dataFile(folder), 'Start the job anew.') as { readonly fingerprint: Readonly<Record<string, string>> };
  return Object.entries(fingerprint).flatMap(([part, hash]) => (begun.fingerprint[part] === hash ? [] : [part]));
}

export function replicaCount({ train }: Pick<RunConfig, 'train'>, backend: string): number {
  if (train.replicas !== 'auto') return train.replicas;
  return HOST_BACKENDS.has(backend) ? Math.min(2, os.availableParallelism()) : 1;
}
