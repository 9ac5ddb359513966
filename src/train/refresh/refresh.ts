/**
 * A refresh: encode the corpus with today's weights, search it for the training queries that the coming steps visit and
 * for dev, keep the Top-K pools with scores. Written to refresh-NNN/ with the fingerprint of what it was built from; until then the vectors are there.
 */
import type { RunConfig } from '../../config/schema.js';
import { bytesOf, sha256 } from '../../core/files.js';
import type { Reporter } from '../../core/reporter.js';
import type { Dataset, Split } from '../../data/types.js';
import type { Tokenizer } from '../../encoders/tokenizer/tokenizer.js';
import { searchDocuments } from '../../eval/documents.js';
import { depthOf, type Judge } from '../../eval/judge.js';
import type { Run } from '../../eval/run.js';
import { rowsByLength } from '../../index/encode.js';
import type { Pools } from '../../sampling/pools.js';
import { queriesOfStep } from '../step/order.js';
import type { Replicas } from '../step/replicas.js';
import { drawingQueries } from '../step/visits.js';
import { encodeCorpus } from './corpusVectors.js';
import { isWhole, passagesOf } from './partial.js';
import { type BuiltPools, buildPools, type PoolMaking } from './pools.js';
import { readRefresh, vectorsFolder, writeRefresh } from './refreshFolder.js';
import { refreshNumber, type ServedSteps } from './refreshSchedule.js';
import { type CandidateSample, devSampleOf } from './staleness.js';

export interface Refresh {
  readonly number: number;
  readonly step: number;
  readonly fingerprint: string;
  /** Dev measures of the weights that encoded this index; none of a partial refresh. */
  readonly dev: Record<string, number>;
  /** Of a partial refresh: how many passages it encoded. */
  readonly passages?: number;
  /** With refresh.when.dev: a sample of dev's candidates, and eval.selection among them. */
  readonly devSample?: CandidateSample | undefined;
  readonly devOfSample?: number | undefined;
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

/** What a refresh is made for: by the weights after `step` steps and `seconds` of work, pools for the steps [from, to). */
export interface RefreshOccasion extends ServedSteps {
  readonly step: number;
  readonly seconds: number;
  /** The refreshes made so far, the last with its pools. */
  readonly before: readonly Refresh[];
}

/** The refresh of the weights at `step`: read back if it was finished with these very ones, else made. */
export async function refresh(context: RefreshContext, parameters: Float32Array, occasion: RefreshOccasion): Promise<Refresh> {
  const { config, folder, dataset, reporter, making } = context;
  const { step, from, to, seconds, before } = occasion;
  const number = refreshNumber(config, step);
  const name = `refresh ${number}`;
  const coming = 'pool' in config.sampler ? comingQueries(config, dataset, from, to - from) : new Int32Array(0);
  const among = isWhole(config, step, before.length) ? undefined : await passagesOf(config, dataset, making, number, before.at(-1), coming);
  const fingerprint = fingerprintOf(context, parameters, occasion, among);
  const finished = readRefresh(folder, number);
  if (finished?.fingerprint === fingerprint) {
    reporter.line(`${name}: already made by these weights, read from ${folder}`);
    return finished;
  }
  const kept = { folder: vectorsFolder(folder, number), fingerprint: vectorsFingerprint(context, parameters, among) };
  const readBack = await encodeCorpus(context, `${name}: encode ${among ? 'a part of the corpus' : 'corpus'}`, kept, among);
  const dev = among ? { dev: {}, passages: among.length } : await devOf(context);
  const built: BuiltPools = coming.length > 0 ? await buildPools(context, making, name, coming, among) : { scoreError: 0 };
  if (readBack > 0 && built.indexRecall !== undefined)
    reporter.line(
      `${name}: it was interrupted, and its graph built again: two builds differ a little, so may its pools from those of a job never interrupted`,
    );
  const made: Refresh = { number, step, fingerprint, ...dev, seconds, ...built };
  writeRefresh(folder, made);
  return made;
}

/** Of all that the pools follow from. */
function fingerprintOf(
  { config, dataset, tokenizer, making }: RefreshContext,
  parameters: Float32Array,
  { step, from, to }: RefreshOccasion,
  among: Int32Array | undefined,
): string {
  const { sampler, encoder, seed, refresh } = config;
  const pooled = 'pool' in sampler ? sampler : undefined;
  const sampled = typeof refresh.when === 'object' && 'dev' in refresh.when;
  return sha256(
    bytesOf(parameters),
    JSON.stringify([
      dataset.fingerprint,
      tokenizer.fingerprint,
      encoder,
      pooled,
      making.source?.fingerprint,
      step,
      from,
      to,
      seed,
      sampled,
    ]),
    bytesOf(among ?? new Int32Array(0)),
  );
}

/** Of all that the vectors follow from. */
function vectorsFingerprint(
  { config, dataset, tokenizer }: RefreshContext,
  parameters: Float32Array,
  among: Int32Array | undefined,
): string {
  return sha256(
    bytesOf(parameters),
    JSON.stringify([dataset.fingerprint.corpus, tokenizer.fingerprint, config.encoder]),
    bytesOf(among ?? new Int32Array(0)),
  );
}

async function devOf(context: RefreshContext): Promise<Pick<Refresh, 'dev' | 'devSample' | 'devOfSample'>> {
  const { config, dataset, judge } = context;
  const { when } = config.refresh;
  const run = await searchSplit(context, dataset.splits.dev);
  const dev = judge.evaluate(run, dataset.splits.dev, config.eval.measures).means;
  return { dev, ...(typeof when === 'object' && 'dev' in when && devSampleOf(context, run)) };
}

/** The refresh with the highest dev value of the measure, the earliest among equals: its checkpoint is the job's result. At least one has dev. */
export function bestRefresh(refreshes: readonly Refresh[], measure: string): Refresh {
  const measured = refreshes.filter(({ dev }) => measure in dev);
  return measured.reduce((best, made) => (made.dev[measure]! > best.dev[measure]! ? made : best));
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
