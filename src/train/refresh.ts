/**
 * A refresh: encode the corpus with today's weights, search it for the training queries that the coming steps visit and
 * for dev, keep the Top-K pools with scores. Written to refresh-NNN/ with the fingerprint of what it was built from.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { RunConfig } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import { bytesOf, readJson, sha256, writeFolderAtomic, writeJson } from '../core/files.js';
import type { Reporter } from '../core/reporter.js';
import { notNegatives } from '../data/texts.js';
import type { Dataset, Split } from '../data/types.js';
import { readSafetensors, writeSafetensors } from '../encoders/formats/safetensors.js';
import type { Tokenizer } from '../encoders/tokenizer/tokenizer.js';
import { searchDocuments } from '../eval/documents.js';
import { depthOf, type Judge } from '../eval/judge.js';
import type { Run } from '../eval/run.js';
import { rowsByLength } from '../index/encode.js';
import { scoreOf } from '../index/exact.js';
import { cutPool, type Pools } from '../sampling/pools.js';
import { drawingQueries } from './batch.js';
import { queriesOfStep } from './order.js';
import type { Replicas } from './replicas.js';

export interface Refresh {
  readonly number: number;
  readonly step: number;
  readonly fingerprint: string;
  /** Dev measures of the weights that encoded this index. */
  readonly dev: Record<string, number>;
  /** Seconds spent on training, refreshes and checkpoints before this refresh. */
  readonly seconds: number;
  readonly pools?: Pools | undefined;
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
}

const folderOf = (job: string, number: number) => path.join(job, `refresh-${String(number).padStart(3, '0')}`);
const allRows = (n: number) => Int32Array.from({ length: n }, (_, row) => row);

/** What a refresh is made for: the steps [step, step + steps), after `seconds` of work. */
export interface RefreshOccasion {
  readonly step: number;
  readonly steps: number;
  readonly seconds: number;
}

/** The refresh before `step`: read back if it was finished with these very weights, else made. */
export async function refresh(
  context: RefreshContext,
  parameters: Float32Array,
  { step, steps, seconds }: RefreshOccasion,
): Promise<Refresh> {
  const { config, folder, dataset, tokenizer, reporter } = context;
  const number = Math.ceil(step / config.refresh.everySteps);
  const { sampler } = config;
  const [pool, share, fromStep] = 'pool' in sampler ? [sampler.pool, sampler.share, sampler.fromStep] : [0, 0, 0];
  const fingerprint = sha256(
    bytesOf(parameters),
    JSON.stringify([dataset.fingerprint, tokenizer.fingerprint, config.encoder, pool, share, fromStep, step, steps, config.seed]),
  );
  const finished = readRefresh(folder, number);
  if (finished?.fingerprint === fingerprint) {
    reporter.line(`refresh ${number}: already made by these weights, read from ${folderOf(folder, number)}`);
    return finished;
  }
  await encodeCorpus(context, `refresh ${number}: encode corpus`);
  const devRun = await searchSplit(context, dataset.splits.dev);
  const dev = context.judge.evaluate(devRun, dataset.splits.dev, config.eval.measures).means;
  const coming = pool > 0 ? comingQueries(config, dataset, step, steps) : new Int32Array(0);
  const pools = coming.length > 0 ? await buildPools(context, number, coming, pool) : undefined;
  const made: Refresh = { number, step, fingerprint, dev, seconds, ...(pools && { pools }) };
  writeRefresh(folder, made);
  return made;
}

/** The refresh with the highest dev value of the measure, the earliest among equals: its checkpoint is the job's result. At least one. */
export function bestRefresh(refreshes: readonly Refresh[], measure: string): Refresh {
  return refreshes.reduce((best, made) => (made.dev[measure]! > best.dev[measure]! ? made : best));
}

/** Encodes all passages into the replicas' shared vectors. */
export async function encodeCorpus(context: RefreshContext, name: string): Promise<void> {
  const { replicas, dataset, reporter } = context;
  const phase = reporter.phase(name, dataset.corpus.size, 'passages');
  await replicas.encode('passage', rowsByLength(replicas.shared.tokens.passage, allRows(dataset.corpus.size)), phase);
  phase.update(dataset.corpus.size); // this thread knows only of the shards it took itself
  phase.end();
}

/** Encodes a split's queries and ranks the corpus for them, as deep as the deepest measure: −1 behind the last of a smaller corpus. */
export async function searchSplit({ replicas, dataset, config, judge }: RefreshContext, split: Split): Promise<Run> {
  await replicas.encode('query', rowsByLength(replicas.shared.tokens.query, split.rows));
  const search = async (rows: Int32Array, k: number): Promise<Run> => ({ k, rows, ...(await replicas.search(rows, k)) });
  const depth = depthOf(config.eval.measures, judge.rules);
  return dataset.documents ? searchDocuments(split.rows, depth, dataset.documents, search) : search(split.rows, depth);
}

/** Positions in train.rows of the queries that draw negatives in steps [step, step + steps), ascending by row: only they need a pool. */
function comingQueries(config: RunConfig, dataset: Dataset, step: number, steps: number): Int32Array {
  const { train } = dataset.splits;
  const seen = new Set<number>();
  for (let s = step; s < step + steps; s++) {
    const places = queriesOfStep(config.seed, dataset, config.train.queriesPerStep, s);
    for (const i of drawingQueries(config, s)) seen.add(places[i]!);
  }
  return Int32Array.from(seen).sort((a, b) => train.rows[a]! - train.rows[b]!);
}

async function buildPools(context: RefreshContext, number: number, places: Int32Array, k: number): Promise<Pools> {
  const { replicas, dataset, reporter } = context;
  const train = dataset.splits.train;
  const rows = places.map((place) => train.rows[place]!);
  await replicas.encode('query', rowsByLength(replicas.shared.tokens.query, rows));
  const excluded = Array.from(places, (place) => notNegatives(train, place));
  const depth = Math.min(dataset.corpus.size, k + excluded.reduce((most, { length }) => Math.max(most, length), 0));
  const phase = reporter.phase(`refresh ${number}: search`, rows.length, 'queries');
  const hits = await replicas.search(rows, depth, phase);
  phase.update(rows.length);
  phase.end();
  const pools = {
    k,
    rows,
    passages: new Int32Array(rows.length * k),
    scores: new Float32Array(rows.length * k),
    positiveScores: new Float32Array(places.reduce((sum, place) => sum + train.positives[place]!.length, 0)),
    positiveOffsets: new Uint32Array(rows.length + 1),
  };
  const { first, shared } = replicas;
  const vectors = (values: Float32Array) => ({ values, width: first.encoder.width });
  places.forEach((place, i) => {
    const positives = train.positives[place]!;
    const cut = cutPool(
      hits.passages.subarray(i * depth, (i + 1) * depth),
      hits.scores.subarray(i * depth, (i + 1) * depth),
      excluded[i]!,
      k,
    );
    pools.passages.set(cut.passages, i * k);
    pools.scores.set(cut.scores, i * k);
    // A positive is scored from the same vectors whether it was retrieved or not.
    const begin = pools.positiveOffsets[i]!;
    positives.forEach((passage, j) => {
      pools.positiveScores[begin + j] = scoreOf(
        vectors(shared.vectors.query),
        rows[i]!,
        vectors(shared.vectors.passage),
        passage,
        first.encoder.logitScale,
      );
    });
    pools.positiveOffsets[i + 1] = begin + positives.length;
  });
  return pools;
}

function writeRefresh(job: string, { pools, ...rest }: Refresh): void {
  writeFolderAtomic(folderOf(job, rest.number), (temporary) => {
    if (pools) {
      const { k, rows, ...arrays } = pools;
      writeSafetensors(
        path.join(temporary, 'pools.safetensors'),
        Object.entries({ rows, ...arrays }).map(([name, values]) => ({ name, shape: [values.length], values })),
        { k: String(k), fingerprint: rest.fingerprint },
      );
    }
    writeJson(path.join(temporary, 'refresh.json'), { ...rest, pools: pools !== undefined });
  });
}

/** A finished refresh of the job, or undefined. */
export function readRefresh(job: string, number: number): Refresh | undefined {
  const folder = folderOf(job, number);
  if (!fs.existsSync(path.join(folder, 'refresh.json'))) return undefined;
  const advice = `Remove ${folder} if it is the job's last refresh, which is then made again; otherwise start the job anew.`;
  const { pools: hasPools, ...rest } = readJson(path.join(folder, 'refresh.json'), advice) as Omit<Refresh, 'pools'> & { pools: boolean };
  if (!hasPools) return rest;
  const { tensors, metadata } = readSafetensors(path.join(folder, 'pools.safetensors'));
  const arrays = Object.fromEntries([...tensors].map(([name, tensor]) => [name, tensor.values]));
  return { ...rest, pools: { k: Number(metadata.k), ...arrays } as unknown as Pools };
}

/** The refreshes that a job resumed at `start` has behind it, in order; the one at `start` itself is made, or found, by the loop. */
export function readRefreshes(job: string, everySteps: number, start: number): Refresh[] {
  return Array.from({ length: Math.ceil(start / everySteps) }, (_, number) => {
    const found = readRefresh(job, number);
    if (!found)
      throw new UserError(
        `${folderOf(job, number)} is missing or incomplete; a job resumed at step ${start} needs it. Start the job anew.`,
      );
    return number === Math.ceil(start / everySteps) - 1 ? found : { ...found, pools: undefined };
  });
}
