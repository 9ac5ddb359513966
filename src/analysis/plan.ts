/**
 * What a job will take before it is begun: seconds, memory and disk of every phase, from a calibration on a sample of its own data with its own encoder:
 * passages encoded and searched, two steps made. What is measured on the sample is scaled by counts that are known.
 */
import fs from 'node:fs';
import os from 'node:os';
import type { RunConfig } from '../config/schema.js';
import type { Reporter } from '../core/reporter.js';
import { createDualEncoder, type EncoderShape } from '../encoders/dualEncoder.js';
import { predictedStepBytes } from '../train/step/memory.js';
import { type Calibration, calibrate, timed } from './calibration.js';
import { type PlannedWork, planWork, type Rates } from './plannedWork.js';

export interface Plan extends PlannedWork {
  readonly name: string;
  readonly backend: string;
  readonly replicas: number;
  readonly passages: number;
  readonly parameters: number;
  readonly encoder: EncoderShape;
  /** What there is on this machine, bytes. */
  readonly available: { readonly memory: number; readonly disk: number };
}

export const planJob = (config: RunConfig, reporter: Reporter): Promise<Plan> => calibrate(config, reporter, measurePlan);

export async function measurePlan(of: Calibration): Promise<Plan> {
  const { config, dataset, backend, replicas, parameters, memory, shape, preparing, tokenising, tokens, sample } = of;
  const refreshing = await refreshRates(of);
  await of.step(0); // compiles the kernels
  const [batch, step] = await timed(() => of.step(1));
  const rates: Rates = { preparing, tokenising, ...refreshing, step };
  const stepBytes = predictedStepBytes(shape, batch, memory, { replicas, averaged: config.train.averageDecay > 0 });
  const { width } = createDualEncoder(shape);
  const tokensEach = tokens.passage.ids.length / sample.corpus.size;
  return {
    name: config.name,
    backend: backend.name,
    replicas,
    passages: dataset.corpus.size,
    parameters,
    encoder: shape,
    ...planWork(config, dataset, { rates, width, replicas, parameters, tokensEach, stepBytes }),
    available: { memory: os.freemem(), disk: freeDisk() },
  };
}

/** Seconds of encoding a passage, and of scoring one passage for one query, all replicas at work. */
async function refreshRates(of: Calibration): Promise<Pick<Rates, 'encoding' | 'searching'>> {
  const { corpus, splits } = of.sample;
  await of.encode(256); // compiles the kernels
  const [, encoding] = await timed(() => of.encode());
  await of.encodeQueries();
  await of.search(8);
  const [, searching] = await timed(() => of.search());
  return { encoding: encoding / corpus.size, searching: searching / (corpus.size * splits.train.rows.length) };
}

function freeDisk(): number {
  const { bavail, bsize } = fs.statfsSync('.');
  return bavail * bsize;
}
