/** Hard negatives for other trainers: one refresh of a finished job over all its training queries, one draw for each, written as a data set. */
import path from 'node:path';
import { selectBackend } from '../backend/index.js';
import { concatenated } from '../core/arrays.js';
import { UserError } from '../core/errors.js';
import { deriveKey } from '../core/random.js';
import type { Reporter } from '../core/reporter.js';
import { rowUniforms } from '../core/threefrySimd.js';
import type { Dataset, Texts } from '../data/types.js';
import { requireNewFolder, writeDataset } from '../data/write.js';
import { type OpenedModel, openModelFolder } from '../encoders/modelFolder.js';
import { createJudge } from '../eval/judge.js';
import { precisionNote, requireTexts, requireVectorsOf, StoredVectors } from '../index/storedVectors.js';
import { DrawSums, drawsText, poolFigures, poolsLine, smallPoolsWarning } from '../train/diagnostics.js';
import { openMaking, openReplicas, tokenise } from '../train/job.js';
import { encodeCorpus } from '../train/refresh/corpusVectors.js';
import { type BuiltPools, buildPools } from '../train/refresh/pools.js';
import type { RefreshContext } from '../train/refresh/refresh.js';
import { NO_STEP } from '../train/step/sharedMemory.js';
import { bestPositive, drawsFor } from '../train/step/visits.js';
import { type JobView, openJobView } from './jobView.js';

export interface MineOptions {
  /** Keys of the job's configuration to change, such as sampler.negatives=30. */
  readonly sets: readonly string[];
  /** The new folder, and the format of it. */
  readonly to: string;
  readonly format: string;
  /** Folder of the corpus's vectors by this very model, read instead of encoding. */
  readonly vectors?: string | undefined;
  readonly reporter: Reporter;
}

/** Throws a UserError for a folder that is no finished job, where `to` is there already, and for a sampler that looks at no ranking. */
export async function mineJob(folder: string, { sets, to, format, vectors, reporter }: MineOptions): Promise<void> {
  requireNewFolder(to);
  const view = await openJobView(folder, reporter, sets);
  const { config, dataset, sampler } = view;
  if (!sampler || !('pool' in config.sampler))
    throw new UserError(
      `${folder}: its sampler is ${config.sampler.kind}, which ranks no passages; expected one with a pool; such as --set 'sampler={kind: topk, negatives: 7, pool: 100}'`,
    );
  if (dataset.documents)
    throw new UserError(`${folder}: its passages are windows of documents, which other trainers' formats have no place for`);
  const built = await poolsOfAll(view, vectors, reporter);
  const { train } = dataset.splits;
  const key = deriveKey(config.seed, 'mine');
  const source = { config, dataset, sampler };
  const sums = new DrawSums(train);
  const negatives = Array.from(train.rows, (row, place) => {
    const draws = drawsFor(source, sampler, built, place, bestPositive(built, row), rowUniforms(key, place));
    sums.add(draws, 0);
    return concatenated(
      Int32Array,
      draws.map(({ passages }) => passages),
    );
  });
  const { negatives: drawn } = config.sampler;
  const pools = poolFigures(built, undefined, { sampler, negatives: drawn }, dataset);
  if (pools) reporter.line(`pools: ${poolsLine(pools, config.sampler.kind)}`);
  const warning = pools && smallPoolsWarning(pools, drawn);
  if (warning) reporter.line(warning);
  const figures = sums.figures();
  const mined: Dataset = { ...dataset, corpus: withAllFields(dataset), splits: { ...dataset.splits, train: { ...train, negatives } } };
  for (const line of await writeDataset(mined, format, to)) reporter.line(line);
  reporter.line(
    `${to}: ${train.rows.length.toLocaleString('en')} training queries with ${(figures?.drawn ?? 0).toLocaleString('en')} negatives${figures ? `; ${drawsText(figures)}` : ''}`,
  );
}

/** The pools of all training queries. */
async function poolsOfAll(view: JobView, vectors: string | undefined, reporter: Reporter): Promise<BuiltPools> {
  const { context, model } = await openRefresh(view, reporter);
  try {
    if (vectors === undefined) await encodeCorpus(context, 'mine: encode corpus');
    else readCorpus(context, vectors, model);
    const { rows } = view.dataset.splits.train;
    const places = Int32Array.from(rows.keys()).sort((a, b) => rows[a]! - rows[b]!);
    return await buildPools(context, context.making, 'mine', places);
  } finally {
    context.making.filters.dispose();
    await context.replicas.dispose();
  }
}

/** What a refresh needs, with the weights that the job chose. */
async function openRefresh(
  { folder, config, dataset }: JobView,
  reporter: Reporter,
): Promise<{ context: RefreshContext; model: OpenedModel }> {
  const { name: backend } = await selectBackend(config.backend);
  const model = await openModelFolder(path.join(folder, 'model'));
  const judge = createJudge(dataset, config.eval);
  const making = await openMaking(config, folder, dataset, judge, reporter);
  const settings = { replicas: Number(config.train.replicas), ...NO_STEP };
  const tokens = tokenise(config, dataset, model.tokenizer, reporter);
  const replicas = await openReplicas(config, backend, model.shape, settings, model.tokenizer, tokens);
  replicas.assign(model.parameters);
  return { context: { config, folder, dataset, tokenizer: model.tokenizer, replicas, reporter, judge, making }, model };
}

/** The corpus's vectors, a shard in memory at a time. Those of another model or of other texts, or encoded by other settings, are a UserError. */
function readCorpus({ config, dataset, replicas, reporter, folder }: RefreshContext, from: string, model: OpenedModel): void {
  const { corpus, policy } = dataset;
  const stored = new StoredVectors(from, 'passage');
  const { passageTokens, passagePrefix } = config.encoder;
  const wanted = { model: model.sha256, maxTokens: passageTokens, prefix: passagePrefix };
  requireVectorsOf(stored, wanted, folder, `Encode again with simans encode ${folder}.`);
  requireTexts(stored, corpus, policy, folder);
  const note = precisionNote(stored, 'fp32');
  if (note) reporter.line(note);
  const phase = reporter.phase('mine: read vectors', corpus.size, 'passages');
  const target = replicas.shared.vectors.passage;
  let begin = 0;
  for (let shard = 0; shard < stored.shards; shard++) {
    const { values, width } = stored.shard(shard);
    target.set(values, begin * width);
    begin += values.length / width;
    phase.update(begin);
  }
  phase.end();
}

/** Passages with url, title and text, blank where the job read without. */
function withAllFields({ corpus, policy }: Dataset): Texts {
  const read = policy.split(' ');
  const title = read.includes('title');
  const url = read.includes('url');
  return {
    ...corpus,
    fields: (row) => {
      const fields = corpus.fields(row);
      return [url ? fields[0]! : '', title ? fields.at(-2)! : '', fields.at(-1)!];
    },
  };
}
