/**
 * What a job inherits from its recipe's earlier stages, in its folder as recipe.json: a process beside the job and verbs that look at it read it there.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { PretrainedInit } from '../../config/schema.js';
import { readJson, writeJson } from '../../core/files.js';
import type { Reporter } from '../../core/reporter.js';
import type { Dataset } from '../../data/types.js';
import { openKeptScorer } from '../ranker/keptScores.js';
import type { Denoiser } from '../refresh/poolFilters.js';
import { changesOf, refuseChanges } from './changes.js';
import { isTrained } from './untrained.js';

export interface Inherited {
  /** What the encoder starts from instead of encoder.init. */
  readonly init?: PretrainedInit;
  /** The ranker that denoises pools. */
  readonly denoiser?: DenoiserSettings;
}

export interface DenoiserSettings {
  /** Folder of the cross-encoder. */
  readonly model: string;
  readonly maxTokens: number;
  /** A passage that it gives a probability from this on is no negative. */
  readonly below: number;
  /** Where its scores are kept. */
  readonly scores: string;
}

const fileOf = (job: string): string => path.join(job, 'recipe.json');

/** Where they lie follows from the recipe and the job's folder, which may be moved. */
const PLACES = new Set(['init.weights', 'denoiser.model', 'denoiser.scores']);

/** Remembers it; a job that has been trained must have been left the same. */
export function bindInherited(job: string, { init, denoiser }: Inherited): void {
  const left: Inherited = { ...(init && { init }), ...(denoiser && { denoiser }) };
  const file = fileOf(job);
  const found = readInherited(job);
  if (isTrained(job) && fs.existsSync(file)) refuseChanges(changesOf(found, left, PLACES), file);
  if (JSON.stringify(found) !== JSON.stringify(left)) writeJson(file, left);
}

export function readInherited(job: string): Inherited {
  const file = fileOf(job);
  return fs.existsSync(file) ? (readJson(file, 'Start the job anew.') as Inherited) : {};
}

export async function openDenoiser(
  { below, scores, ...ranker }: DenoiserSettings,
  dataset: Dataset,
  reporter: Reporter,
): Promise<Denoiser> {
  return { below, ...(await openKeptScorer({ ...ranker, folder: scores, dataset, namedBy: 'the recipe’s ranker', reporter })) };
}
