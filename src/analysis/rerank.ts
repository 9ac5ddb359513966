/** A run ranked anew by a cross-encoder. */
import os from 'node:os';
import path from 'node:path';
import { selectBackend } from '../backend/index.js';
import { loadDataConfig } from '../config/load.js';
import type { Reporter } from '../core/reporter.js';
import { loadDataset } from '../data/index.js';
import type { Dataset } from '../data/types.js';
import { openCrossEncoder } from '../encoders/crossEncoder.js';
import { createWeights, disposeWeights } from '../encoders/parameters.js';
import { loadTokenizer } from '../encoders/tokenizer/tokenizer.js';
import { type Run, rankingAt } from '../eval/run.js';
import { writeTrecRun } from '../eval/runFiles.js';
import { rank } from './rankers.js';

export interface RerankOptions {
  /** Folder or hub id of the cross-encoder. */
  readonly model: string;
  readonly dataset: Dataset;
  /** Passages of each ranking that are scored; the rest is left out. */
  readonly depth: number;
  readonly maxTokens: number;
  readonly reporter: Reporter;
}

export interface RerankFile extends Omit<RerankOptions, 'dataset'> {
  /** A run file, or bm25. */
  readonly what: string;
  readonly data: string;
  readonly format: string;
  readonly split: keyof Dataset['splits'];
  readonly to: string;
}

/** From a run of a data set to a new run file. */
export async function rerankFile({ what, data, format, split, to, ...options }: RerankFile): Promise<void> {
  const { depth, reporter } = options;
  const cacheFolder = path.join('jobs', '.cache');
  const dataset = await loadDataset(loadDataConfig({ format, path: data }), { seed: 42, cacheFolder, reporter });
  for (const note of dataset.notes) reporter.line(note);
  const context = {
    dataset,
    split: dataset.splits[split],
    depth,
    cacheFolder,
    reporter,
    threads: os.availableParallelism(),
    analysis: 'english',
  } as const;
  const { run } = await rank(what, context);
  const { queries, corpus } = dataset;
  writeTrecRun(
    to,
    await rerank(run, { ...options, dataset }),
    { queryId: (row) => queries.id(row), passageId: (row) => corpus.id(row) },
    'simans-reranked',
  );
}

/** Pairs scored at once. */
const BATCH = 32;

export async function rerank(run: Run, { model, dataset, depth, maxTokens, reporter }: RerankOptions): Promise<Run> {
  await selectBackend('auto');
  const { encoder, parameters, folder } = await openCrossEncoder(model, 0, reporter);
  const tokenizer = await loadTokenizer(folder);
  const weights = createWeights(encoder.specs, parameters);
  const k = Math.min(depth, run.k);
  const reranked = {
    k,
    rows: run.rows,
    passages: new Int32Array(run.rows.length * k).fill(-1),
    scores: new Float32Array(run.rows.length * k),
    whole: true,
  };
  const phase = reporter.phase('rerank', run.rows.length, 'queries');
  for (const [place, row] of run.rows.entries()) {
    const passages = rankingAt(run, place).slice(0, k);
    const query = dataset.queries.text(row);
    const pairs = Array.from(passages, (passage) => tokenizer.encodePair(query, dataset.corpus.text(passage), maxTokens));
    const scores = new Float32Array(passages.length);
    for (let begin = 0; begin < pairs.length; begin += BATCH) {
      const block = pairs.slice(begin, begin + BATCH);
      const tokens = Math.max(...block.map(({ ids }) => ids.length));
      const ids = new Int32Array(block.length * tokens).fill(tokenizer.padId);
      block.forEach((pair, i) => ids.set(pair.ids, i * tokens));
      const batch = {
        ids,
        tokens,
        lengths: Int32Array.from(block, (pair) => pair.ids.length),
        seconds: Int32Array.from(block, ({ second }) => second),
        rows: Int32Array.from(block.keys()),
      };
      const values = encoder.score(weights, batch); // [B]
      scores.set((await values.data()) as Float32Array, begin);
      values.dispose();
    }
    const order = Int32Array.from(passages.keys()).sort((i, j) => scores[j]! - scores[i]! || i - j);
    reranked.passages.set(
      order.map((i) => passages[i]!),
      place * k,
    );
    reranked.scores.set(
      Float32Array.from(order, (i) => scores[i]!),
      place * k,
    );
    phase.update(place + 1);
  }
  phase.end();
  disposeWeights(weights);
  return reranked;
}
