/** A run ranked anew by a cross-encoder. */
import os from 'node:os';
import path from 'node:path';
import { selectBackend } from '../backend/index.js';
import { loadDataConfig } from '../config/load.js';
import type { Reporter } from '../core/reporter.js';
import { loadDataset } from '../data/index.js';
import type { Dataset } from '../data/types.js';
import { openPairScorer, type PairScorer } from '../encoders/pairScorer.js';
import { type Run, rankingAt } from '../eval/run.js';
import { writeTrecRun } from '../eval/runFiles.js';
import { rank } from './rankers.js';

interface RerankOptions {
  readonly scorer: PairScorer;
  readonly dataset: Dataset;
  /** Passages of each ranking that are scored; the rest is left out. */
  readonly depth: number;
  readonly reporter: Reporter;
}

export interface RerankFile extends Pick<RerankOptions, 'depth' | 'reporter'> {
  /** The cross-encoder: a job's folder, a folder or a hub id. */
  readonly model: string;
  readonly maxTokens: number;
  /** A run file, or bm25. */
  readonly what: string;
  readonly data: string;
  readonly format: string;
  readonly split: keyof Dataset['splits'];
  readonly to: string;
}

/** From a run of a data set to a new run file. */
export async function rerankFile({ what, data, format, split, to, model, maxTokens, depth, reporter }: RerankFile): Promise<void> {
  await selectBackend('auto');
  const scorer = await openPairScorer(model, maxTokens, { namedBy: 'the model of simans rerank', reporter }); // what is no cross-encoder is refused first
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
    await rerank(run, { scorer, dataset, depth, reporter }),
    { queryId: (row) => queries.id(row), passageId: (row) => corpus.id(row) },
    'simans-reranked',
  );
  scorer.dispose();
}

async function rerank(run: Run, { scorer, dataset, depth, reporter }: RerankOptions): Promise<Run> {
  const { queries, corpus } = dataset;
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
    const scores = await scorer.score(
      queries.text(row),
      Array.from(passages, (passage) => corpus.text(passage)),
    );
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
  return reranked;
}
