/** The filters of a job's pools, in their order: what is known, what is the same text, what holds an answer, then what scores or a cross-encoder say. */
import type { RunConfig } from '../../config/schema.js';
import { indexOfLargest } from '../../core/arrays.js';
import { bytesOf, sha256 } from '../../core/files.js';
import type { Reporter } from '../../core/reporter.js';
import type { Dataset } from '../../data/types.js';
import { openPairScorer, type PairScorer } from '../../encoders/pairScorer.js';
import type { Judge } from '../../eval/judge.js';
import {
  answerInText,
  type Candidate,
  duplicateText,
  type Filter,
  knownPositives,
  percentOfPositive,
  rerankerMargin,
  rerankerProbability,
  scoreMargin,
} from '../../sampling/filters.js';
import type { KeptScorer } from '../ranker/keptScores.js';

/** A query of a refresh with its positives, scored by the refresh's vectors. */
export interface ScoredQuery {
  readonly row: number;
  readonly positives: Int32Array;
  /** Logits of `positives`. */
  readonly scores: Float32Array;
  /** Never to be negatives. */
  readonly known: ReadonlySet<number>;
}

/** A recipe's ranker, which says what is no negative. */
export interface Denoiser extends KeptScorer {
  /** A passage that it gives a probability from this on is none. */
  readonly below: number;
}

export interface PoolFilters {
  /** Whether more than known passages may be removed. */
  readonly removesMore: boolean;
  /** SHA-256 of the cross-encoder of sampler.filters.reranker. */
  readonly reranker?: string | undefined;
  /** The filters of one query; its candidates are given for those that look at all of them at once. */
  of(query: ScoredQuery, candidates: Int32Array): Promise<readonly Filter[]>;
  dispose(): void;
}

/** Equal texts have equal vectors, but a matrix product may round them apart. */
const EQUAL_SCORES = 1e-3;

export async function createPoolFilters(
  { sampler }: RunConfig,
  dataset: Dataset,
  judge: Judge,
  reporter: Reporter,
  denoiser?: Denoiser,
): Promise<PoolFilters> {
  if (!('filters' in sampler)) return { removesMore: false, of: async () => [], dispose: () => {} };
  const { duplicates, answers, margin, percentOfPositive: share, reranker } = sampler.filters;
  const { corpus, queries } = dataset;
  const byAnswer = answers && dataset.answers !== undefined;
  const scorer =
    reranker === 'none'
      ? undefined
      : await openPairScorer(reranker.model, reranker.maxTokens, { namedBy: 'sampler.filters.reranker.model', reporter });
  const of = async (query: ScoredQuery, candidates: Int32Array): Promise<readonly Filter[]> => [
    knownPositives(query.known),
    ...(duplicates ? [duplicateText((candidate) => isTwin(query, candidate))] : []),
    ...(byAnswer ? [answerInText((passage) => judge.holdsAnswer(query.row, passage))] : []),
    ...(margin === 'none' ? [] : [scoreMargin(margin)]),
    ...(share === 'none' ? [] : [percentOfPositive(share)]),
    ...(scorer && reranker !== 'none' ? [await rerankerFilter(scorer, query, candidates, reranker.margin)] : []),
    ...(denoiser ? [await denoising(denoiser, query, candidates)] : []),
  ];
  const isTwin = ({ positives, scores }: ScoredQuery, { passage, score }: Candidate): boolean =>
    positives.some(
      (positive, i) =>
        Math.abs(scores[i]! - score) <= EQUAL_SCORES * (1 + Math.abs(score)) && corpus.text(positive) === corpus.text(passage),
    );
  const rerankerFilter = async (
    pairs: PairScorer,
    { row, positives, scores }: ScoredQuery,
    candidates: Int32Array,
    least: number,
  ): Promise<Filter> => {
    const passages = [positives[indexOfLargest(scores)]!, ...candidates.filter((passage) => passage >= 0)];
    const judged = await pairs.score(
      queries.text(row),
      passages.map((passage) => corpus.text(passage)),
    );
    const scoreOfPassage = new Map(passages.map((passage, i) => [passage, judged[i]!]));
    return rerankerMargin((passage) => scoreOfPassage.get(passage)!, judged[0]!, least);
  };
  return {
    removesMore: byAnswer || margin !== 'none' || share !== 'none' || scorer !== undefined || denoiser !== undefined,
    reranker: scorer && sha256(bytesOf(scorer.parameters)),
    of,
    dispose: () => {
      scorer?.dispose();
      denoiser?.dispose();
    },
  };
}

async function denoising(denoiser: Denoiser, { row }: ScoredQuery, candidates: Int32Array): Promise<Filter> {
  const passages = candidates.filter((passage) => passage >= 0);
  const scores = await denoiser.score(row, passages);
  const scoreOf = new Map(Array.from(passages, (passage, i) => [passage, scores[i]!]));
  return rerankerProbability((passage) => scoreOf.get(passage)!, denoiser.below);
}
