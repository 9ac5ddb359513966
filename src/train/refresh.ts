/**
 * A refresh: encode the corpus with today's weights, search it for the training queries that the coming steps visit and
 * for dev, keep the Top-K pools with scores. Written to refresh-NNN/ with the fingerprint of what it was built from; until then the vectors are there.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { RunConfig } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import { bytesOf, readJson, sha256, writeFolderAtomic, writeJson } from '../core/files.js';
import type { Reporter } from '../core/reporter.js';
import type { Dataset, Split } from '../data/types.js';
import { readSafetensors, writeSafetensors } from '../encoders/formats/safetensors.js';
import type { Tokenizer } from '../encoders/tokenizer/tokenizer.js';
import { searchDocuments } from '../eval/documents.js';
import { depthOf, type Judge } from '../eval/judge.js';
import type { Run } from '../eval/run.js';
import { rowsByLength } from '../index/encode.js';
import type { Pools } from '../sampling/pools.js';
import { encodeCorpus } from './corpusVectors.js';
import { queriesOfStep } from './order.js';
import { type BuiltPools, buildPools, type PoolMaking } from './pools.js';
import { refreshNumber, type ServedSteps } from './refreshSchedule.js';
import type { Replicas } from './replicas.js';
import { drawingQueries } from './visits.js';

export interface Refresh {
  readonly number: number;
  readonly step: number;
  readonly fingerprint: string;
  /** Dev measures of the weights that encoded this index. */
  readonly dev: Record<string, number>;
  /** Seconds spent on training, refreshes and checkpoints before this refresh. */
  readonly seconds: number;
  readonly pools?: Pools | undefined;
  /** Of sampler.source, where that is not the index. */
  readonly sourcePools?: Pools | undefined;
  /** Of a sample of scores, against the same products in 64 bits. */
  readonly scoreError: number;
  /** Of an approximate index: the share of the exact candidates that it found, on a sample of the queries. */
  readonly indexRecall?: number;
}

export interface RefreshContext {
  readonly config: RunConfig;
  readonly folder: string;
  readonly dataset: Dataset;
  readonly tokenizer: Pick<Tokenizer, 'fingerprint' | 'json' | 'padId'>;
  readonly replicas: Replicas;
  readonly reporter: Reporter;
  /** Of dev and test. */
  readonly judge: Judge;
  readonly making: PoolMaking;
}

const folderOf = (job: string, number: number) => path.join(job, `refresh-${String(number).padStart(3, '0')}`);

/** What a refresh is made for: by the weights after `step` steps and `seconds` of work, pools for the steps [from, to). */
export interface RefreshOccasion extends ServedSteps {
  readonly step: number;
  readonly seconds: number;
}

/** The refresh of the weights at `step`: read back if it was finished with these very ones, else made. */
export async function refresh(
  context: RefreshContext,
  parameters: Float32Array,
  { step, from, to, seconds }: RefreshOccasion,
): Promise<Refresh> {
  const { config, folder, dataset, tokenizer, reporter, making } = context;
  const number = refreshNumber(config, step);
  const { sampler } = config;
  const pooled = 'pool' in sampler ? sampler : undefined;
  const fingerprint = sha256(
    bytesOf(parameters),
    JSON.stringify([
      dataset.fingerprint,
      tokenizer.fingerprint,
      config.encoder,
      pooled,
      making.source?.fingerprint,
      step,
      from,
      to,
      config.seed,
    ]),
  );
  const finished = readRefresh(folder, number);
  if (finished?.fingerprint === fingerprint) {
    reporter.line(`refresh ${number}: already made by these weights, read from ${folderOf(folder, number)}`);
    return finished;
  }
  const vectors = sha256(bytesOf(parameters), JSON.stringify([dataset.fingerprint.corpus, tokenizer.fingerprint, config.encoder]));
  const kept = { folder: path.join(folderOf(folder, number), 'vectors'), fingerprint: vectors };
  const readBack = await encodeCorpus(context, `refresh ${number}: encode corpus`, kept);
  const devRun = await searchSplit(context, dataset.splits.dev);
  const dev = context.judge.evaluate(devRun, dataset.splits.dev, config.eval.measures).means;
  const coming = pooled ? comingQueries(config, dataset, from, to - from) : new Int32Array(0);
  const built: BuiltPools = coming.length > 0 ? await buildPools(context, making, `refresh ${number}`, coming) : { scoreError: 0 };
  if (readBack > 0 && built.indexRecall !== undefined)
    reporter.line(
      `refresh ${number}: it was interrupted, and its graph built again: two builds differ a little, so may its pools from those of a job never interrupted`,
    );
  const made: Refresh = { number, step, fingerprint, dev, seconds, ...built };
  writeRefresh(folder, made);
  return made;
}

/** The refresh with the highest dev value of the measure, the earliest among equals: its checkpoint is the job's result. At least one. */
export function bestRefresh(refreshes: readonly Refresh[], measure: string): Refresh {
  return refreshes.reduce((best, made) => (made.dev[measure]! > best.dev[measure]! ? made : best));
}

/** Encodes a split's queries and ranks the corpus for them, as deep as the deepest measure: −1 behind the last of a smaller corpus. */
export async function searchSplit({ replicas, dataset, config, judge }: RefreshContext, split: Split): Promise<Run> {
  await replicas.encode('query', rowsByLength(replicas.shared.tokens.query, split.rows));
  const search = async (rows: Int32Array, k: number): Promise<Run> => ({ k, rows, ...(await replicas.search(rows, k)) });
  const depth = depthOf(config.eval.measures, judge.rules);
  return dataset.documents ? searchDocuments(split.rows, depth, dataset.documents, search) : search(split.rows, depth);
}

/** Positions in train.rows of the queries that draw negatives in steps [step, step + steps), ascending by row: only they need a pool. */
export function comingQueries(config: RunConfig, dataset: Dataset, step: number, steps: number): Int32Array {
  const { train } = dataset.splits;
  const seen = new Set<number>();
  for (let s = step; s < step + steps; s++) {
    const places = queriesOfStep(config.seed, dataset, config.train.queriesPerStep, s);
    for (const i of drawingQueries(config, s)) seen.add(places[i]!);
  }
  return Int32Array.from(seen).sort((a, b) => train.rows[a]! - train.rows[b]!);
}

const POOL_FILES = ['pools', 'sourcePools'] as const;

/** Puts the finished refresh in the place of its vectors. */
function writeRefresh(job: string, refresh: Refresh): void {
  const { pools, sourcePools, ...rest } = refresh;
  writeFolderAtomic(folderOf(job, rest.number), (temporary) => {
    for (const name of POOL_FILES) {
      const made = refresh[name];
      if (!made) continue;
      const { k, ...arrays } = made;
      writeSafetensors(
        path.join(temporary, `${name}.safetensors`),
        Object.entries(arrays).map(([key, values]) => ({ name: key, shape: [values.length], values })),
        { k: String(k), fingerprint: rest.fingerprint },
      );
    }
    const has = Object.fromEntries(POOL_FILES.filter((name) => refresh[name]).map((name) => [name, true]));
    writeJson(path.join(temporary, 'refresh.json'), { ...rest, ...has });
  });
}

/** A finished refresh of the job, or undefined. */
export function readRefresh(job: string, number: number): Refresh | undefined {
  const folder = folderOf(job, number);
  if (!fs.existsSync(path.join(folder, 'refresh.json'))) return undefined;
  const advice = `Remove ${folder} if it is the job's last refresh, which is then made again; otherwise start the job anew.`;
  const found = readJson(path.join(folder, 'refresh.json'), advice) as Omit<Refresh, (typeof POOL_FILES)[number]> &
    Partial<Record<(typeof POOL_FILES)[number], boolean>>;
  const { pools, sourcePools, ...rest } = found;
  return {
    ...rest,
    ...(pools && { pools: readPools(folder, 'pools') }),
    ...(sourcePools && { sourcePools: readPools(folder, 'sourcePools') }),
  };
}

function readPools(folder: string, name: string): Pools {
  const { tensors, metadata } = readSafetensors(path.join(folder, `${name}.safetensors`));
  return { k: Number(metadata.k), ...Object.fromEntries([...tensors].map(([key, tensor]) => [key, tensor.values])) } as unknown as Pools;
}

/** The refreshes of these numbers, which a job resumed at `start` has behind it; the last with its pools. */
export function readRefreshes(job: string, numbers: readonly number[], start: number): Refresh[] {
  return numbers.map((number, i) => {
    const found = readRefresh(job, number);
    if (!found)
      throw new UserError(
        `${folderOf(job, number)} is missing or incomplete; a job resumed at step ${start} needs it. Start the job anew.`,
      );
    return i === numbers.length - 1 ? found : { ...found, pools: undefined, sourcePools: undefined };
  });
}
