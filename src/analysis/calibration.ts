/** A job's encoder at work on a sample of its data, before the job is begun: what plan.ts and profile.ts measure. */
import { type BackendReport, selectBackend } from '../backend/index.js';
import type { RunConfig } from '../config/schema.js';
import { withTemporaryFolder } from '../core/files.js';
import { type Reporter, silentReporter } from '../core/reporter.js';
import { span } from '../core/spans.js';
import { loadDataset } from '../data/index.js';
import { sampleDataset } from '../data/sample.js';
import type { Dataset, TokenTable } from '../data/types.js';
import type { EncoderShape, Side } from '../encoders/dualEncoder.js';
import { rowsByLength } from '../index/encode.js';
import { loadSampler } from '../sampling/index.js';
import { replicaCount } from '../train/folder/jobFolder.js';
import { stepRows, tokenise } from '../train/job.js';
import { requireServing, trainable } from '../train/labels.js';
import { prepareEncoder } from '../train/prepareEncoder.js';
import { epochsAsSteps } from '../train/refresh/refreshSchedule.js';
import { buildBatch } from '../train/step/batch.js';
import { memoryPlan } from '../train/step/memory.js';
import { createOptimizer } from '../train/step/optimizer.js';
import { Replicas } from '../train/step/replicas.js';
import { createSharedMemory, type MemoryPlan, type StepBatch } from '../train/step/sharedMemory.js';
import { cacheFolderOf } from '../train/trainData.js';

export interface Calibration {
  readonly config: RunConfig;
  readonly dataset: Dataset;
  readonly sample: Dataset;
  readonly backend: BackendReport;
  readonly replicas: number;
  readonly shape: EncoderShape;
  readonly parameters: number;
  readonly memory: MemoryPlan;
  /** Tokens of the sample. */
  readonly tokens: Readonly<Record<Side, TokenTable>>;
  /** Seconds that the vocabulary or the checkpoint took, and of a text. */
  readonly preparing: number;
  readonly tokenising: number;
  /** The first so many passages of the sample, or all; afterwards the queries. */
  encode(passages?: number): Promise<void>;
  encodeQueries(): Promise<void>;
  /** The passages that were encoded, for the first so many training queries of the sample or all. */
  search(queries?: number): Promise<void>;
  /** One update; negatives are random passages, which are as long as others. */
  step(number: number): Promise<StepBatch>;
}

const SAMPLED_PASSAGES = 4096;
const DEPTH = 100;

/** Opens all replicas in a temporary folder, and closes them when the work is done. */
export const calibrate = <T>(wanted: RunConfig, reporter: Reporter, work: (of: Calibration) => Promise<T>): Promise<T> =>
  withTemporaryFolder('calibration', async (folder) => {
    const dataset = trainable(
      await loadDataset(wanted.data, { seed: wanted.seed, cacheFolder: cacheFolderOf(wanted), reporter }),
      wanted,
      reporter,
    );
    requireServing(wanted, dataset);
    const { calibration, dispose } = await open({ ...epochsAsSteps(wanted, dataset), jobsFolder: folder }, dataset);
    try {
      return await work(calibration);
    } finally {
      await dispose();
    }
  });

async function open(config: RunConfig, dataset: Dataset): Promise<{ calibration: Calibration; dispose(): Promise<void> }> {
  const backend = await selectBackend(config.backend, config.train.precision);
  const replicas = replicaCount(config, backend.name);
  const [{ tokenizer, shape, initial }, preparing] = await timed(() => prepareEncoder(config.jobsFolder, config, dataset, silentReporter));
  const queries = Math.min(dataset.splits.train.rows.length, 2 * config.train.queriesPerStep);
  const sample = sampleDataset(dataset, { queries, passages: SAMPLED_PASSAGES }, config.seed);
  const [tokens, tokenising] = await timed(async () => tokenise(config, sample, tokenizer, silentReporter));
  const memory = memoryPlan(config, stepRows(config));
  const settings = {
    ...{ replicas, seed: config.seed, padId: tokenizer.padId, encoder: shape, memory },
    loss: { kind: 'softmax' as const }, // others cost the same, and some need a ranker's logits
    maxStepRows: stepRows(config),
  };
  const running = await Replicas.create(createSharedMemory(settings, tokens), backend.name);
  const optimizer = createOptimizer(running, { parameters: initial }, config.train);
  const source = await randomNegatives(config, { dataset: sample, tokens, special: tokenizer });
  const passages = rowsByLength(
    tokens.passage,
    Int32Array.from({ length: sample.corpus.size }, (_, row) => row),
  );
  const asked = sample.splits.train.rows;
  const calibration: Calibration = {
    ...{ config, dataset, sample, backend, replicas, shape, memory, tokens, preparing },
    parameters: initial.length,
    tokenising: tokenising / (sample.corpus.size + sample.queries.size),
    encode: (count) => running.encode('passage', passages.subarray(0, count)),
    encodeQueries: () => running.encode('query', rowsByLength(tokens.query, asked)),
    search: async (count) => {
      await running.search(asked.subarray(0, count), Math.min(DEPTH, sample.corpus.size));
    },
    step: async (number) => {
      const { batch } = span('make the batch', () => buildBatch(source, {}, number));
      await optimizer.step(batch, number, config.train.learningRate);
      await optimizer.totals(); // waits for a device
      return batch;
    },
  };
  const dispose = async () => {
    optimizer.dispose();
    await running.dispose();
  };
  return { calibration, dispose };
}

type BatchSource = Parameters<typeof buildBatch>[0];

/** What batches are made of: as the job's, but for the sampler. */
async function randomNegatives(config: RunConfig, of: Pick<BatchSource, 'dataset' | 'tokens' | 'special'>): Promise<BatchSource> {
  const { sampler } = config;
  if (!('negatives' in sampler)) return { config, ...of };
  const random = { kind: 'random' as const, negatives: sampler.negatives, share: sampler.share, fromStep: 0 };
  return { config: { ...config, sampler: random }, ...of, sampler: await loadSampler(random) };
}

export async function timed<T>(work: () => Promise<T>): Promise<[value: T, seconds: number]> {
  const begin = performance.now();
  const value = await work();
  return [value, (performance.now() - begin) / 1000];
}
