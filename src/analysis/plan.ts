/**
 * What a job will take before it is begun: seconds, memory and disk of every phase, from a calibration on a sample of its own data with its own encoder:
 * passages encoded and searched, two steps made. What is measured on the sample is scaled by counts that are known.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { selectBackend } from '../backend/index.js';
import type { RunConfig } from '../config/schema.js';
import { type Reporter, silentReporter } from '../core/reporter.js';
import { loadDataset } from '../data/index.js';
import { sampleDataset } from '../data/sample.js';
import type { Dataset } from '../data/types.js';
import { rowsByLength } from '../index/encode.js';
import { loadSampler } from '../sampling/index.js';
import { buildBatch } from '../train/batch.js';
import { stepRows, tokenise } from '../train/job.js';
import { replicaCount } from '../train/jobFolder.js';
import { requireServing, trainable } from '../train/labels.js';
import { memoryPlan, predictedStepBytes } from '../train/memory.js';
import { createOptimizer, type Optimizer } from '../train/optimizer.js';
import { prepareEncoder } from '../train/prepareEncoder.js';
import { epochsAsSteps } from '../train/refreshSchedule.js';
import { Replicas } from '../train/replicas.js';
import { createSharedMemory, type StepBatch } from '../train/sharedMemory.js';
import { cacheFolderOf } from '../train/trainData.js';
import { type PlannedWork, planWork, type Rates } from './plannedWork.js';

export interface Plan extends PlannedWork {
  readonly name: string;
  readonly backend: string;
  readonly replicas: number;
  readonly passages: number;
  readonly parameters: number;
  /** What there is on this machine, bytes. */
  readonly available: { readonly memory: number; readonly disk: number };
}

const SAMPLED_PASSAGES = 4096;
export async function planJob(config: RunConfig, reporter: Reporter): Promise<Plan> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-plan-'));
  try {
    const dataset = trainable(
      await loadDataset(config.data, { seed: config.seed, cacheFolder: cacheFolderOf(config), reporter }),
      config,
      reporter,
    );
    requireServing(config, dataset);
    return await measure({ ...epochsAsSteps(config, dataset), jobsFolder: folder }, dataset);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(config: RunConfig, dataset: Dataset): Promise<Plan> {
  const { name: backend } = await selectBackend(config.backend);
  const replicas = replicaCount(config, backend);
  const [encoder, preparing] = await timed(() => prepareEncoder(config.jobsFolder, config, dataset, silentReporter));
  const { tokenizer, shape, initial } = encoder;
  const queries = Math.min(dataset.splits.train.rows.length, 2 * config.train.queriesPerStep);
  const sample = sampleDataset(dataset, { queries, passages: SAMPLED_PASSAGES }, config.seed);
  const [tokens, tokenising] = await timed(async () => tokenise(config, sample, tokenizer, silentReporter));
  const memory = memoryPlan(config, stepRows(config));
  const shared = createSharedMemory(
    {
      replicas,
      seed: config.seed,
      padId: tokenizer.padId,
      encoder: shape,
      memory,
      loss: { kind: 'softmax' }, // others cost the same, and some need a ranker's logits
      maxStepRows: stepRows(config),
    },
    tokens,
  );
  const running = await Replicas.create(shared, backend);
  const optimizer = createOptimizer(running, { parameters: initial }, config.train);
  const { encoding, searching } = await calibrateRefresh(running, sample);
  const { step, batch } = await calibrateStep(optimizer, config, sample, tokens, tokenizer);
  optimizer.dispose();
  await running.dispose();
  const texts = sample.corpus.size + sample.queries.size;
  const rates: Rates = { preparing, tokenising: tokenising / texts, encoding, searching, step };
  const tokensEach = tokens.passage.ids.length / sample.corpus.size;
  const { width } = running.first.encoder;
  return {
    name: config.name,
    backend,
    replicas,
    passages: dataset.corpus.size,
    parameters: initial.length,
    ...planWork(config, dataset, {
      rates,
      width,
      replicas,
      parameters: initial.length,
      tokensEach,
      stepBytes: predictedStepBytes(shape, batch, memory, replicas),
    }),
    available: { memory: os.freemem(), disk: freeDisk() },
  };
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const begin = performance.now();
  const value = await work();
  return [value, (performance.now() - begin) / 1000];
}

/** Seconds of encoding a passage, and of scoring one passage for one query, all replicas at work. */
async function calibrateRefresh(replicas: Replicas, { corpus, splits }: Dataset): Promise<{ encoding: number; searching: number }> {
  const passages = rowsByLength(
    replicas.shared.tokens.passage,
    Int32Array.from({ length: corpus.size }, (_, row) => row),
  );
  await replicas.encode('passage', passages.subarray(0, 256)); // compiles the kernels
  const [, encoding] = await timed(() => replicas.encode('passage', passages));
  const queries = splits.train.rows;
  await replicas.encode('query', rowsByLength(replicas.shared.tokens.query, queries));
  const depth = Math.min(100, corpus.size);
  await replicas.search(queries.subarray(0, 8), depth);
  const [, searching] = await timed(() => replicas.search(queries, depth));
  return { encoding: encoding / corpus.size, searching: searching / (corpus.size * queries.length) };
}

/** Seconds of one update, the second of two, and its batch; negatives are random passages, which are as long as others. */
async function calibrateStep(
  optimizer: Optimizer<StepBatch>,
  config: RunConfig,
  dataset: Dataset,
  tokens: Parameters<typeof buildBatch>[0]['tokens'],
  special: Parameters<typeof buildBatch>[0]['special'],
): Promise<{ step: number; batch: StepBatch }> {
  const { sampler } = config;
  const random = 'negatives' in sampler && { kind: 'random' as const, negatives: sampler.negatives, share: sampler.share, fromStep: 0 };
  const drawing: RunConfig = random ? { ...config, sampler: random } : config;
  const source = { config: drawing, dataset, tokens, special, ...(random && { sampler: await loadSampler(random) }) };
  let [step, batch] = [0, undefined as StepBatch | undefined];
  for (let i = 0; i < 2; i++) {
    const begin = performance.now();
    batch = buildBatch(source, {}, i).batch;
    await optimizer.step(batch, i, config.train.learningRate);
    step = (performance.now() - begin) / 1000;
  }
  return { step, batch: batch! };
}

function freeDisk(): number {
  const { bavail, bsize } = fs.statfsSync('.');
  return bavail * bsize;
}
