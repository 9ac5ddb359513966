/** The pools of a refresh: candidates of the coming queries from the index and from elsewhere, scored by the same vectors as their positives, and filtered. */
import { indexOfLargest } from '../../core/arrays.js';
import { notNegatives } from '../../data/texts.js';
import { rowsByLength } from '../../index/encode.js';
import { type Hits, scoreOf } from '../../index/exact.js';
import { cutPool, type Pools, type Removed, removedArrays } from '../../sampling/pools.js';
import type { CandidateSource } from './candidateSource.js';
import type { PoolFilters, ScoredQuery } from './poolFilters.js';
import { searchPools } from './poolSearch.js';
import type { RefreshContext } from './refresh.js';

/** What a refresh made for its coming queries. */
export interface BuiltPools {
  /** Of the index; absent where all negatives come from elsewhere. */
  readonly pools?: Pools;
  /** Of sampler.source, where that is not the index. */
  readonly sourcePools?: Pools;
  /** The largest difference between a score of the search and the same dot product in 64 bits, on a sample. */
  readonly scoreError: number;
  /** Of an approximate index: the share of the exact candidates that it found, on a sample of the queries. */
  readonly indexRecall?: number;
}

export interface PoolMaking {
  readonly filters: PoolFilters;
  readonly source?: CandidateSource | undefined;
}

/** Queries whose pools are checked for the error of their scores. */
const CHECKED = 50;

/** `name` for progress, such as 'refresh 3'; `places`: positions in train.rows, their query rows ascending; `among`: the passages that are encoded, ascending, where not all are. */
export async function buildPools(
  context: RefreshContext,
  making: PoolMaking,
  name: string,
  places: Int32Array,
  among?: Int32Array,
): Promise<BuiltPools> {
  const { replicas, dataset, config } = context;
  const { sampler } = config;
  if (!('pool' in sampler)) return { scoreError: 0 };
  const { train } = dataset.splits;
  const rows = places.map((place) => train.rows[place]!);
  await replicas.encode('query', rowsByLength(replicas.shared.tokens.query, rows));
  const scorer = scorerOf(context);
  const queries = Array.from(places, (place, i): ScoredQuery => {
    const positives = train.positives[place]!;
    // A positive is scored from the same vectors whether it was retrieved or not.
    return {
      row: rows[i]!,
      positives,
      scores: Float32Array.from(positives, (passage) => scorer.query(rows[i]!, passage)),
      known: new Set(notNegatives(train, place)),
    };
  });
  const fromSource = making.source && (await making.source.candidates(places));
  const sourcePools = fromSource && (await cut(context, making, queries, (i) => ranked(fromSource[i]!, rows[i]!, scorer)));
  if (sourcePools && sampler.sourceShare === 1) return { sourcePools, scoreError: 0 };
  const hits = await searched(context, making, name, queries, among);
  const pools = await cut(context, making, queries, hits.of);
  return {
    pools,
    ...(sourcePools && { sourcePools }),
    scoreError: largestError(pools, scorer),
    ...(hits.recall !== undefined && { indexRecall: hits.recall }),
  };
}

interface Scorer {
  query(row: number, passage: number): number;
  /** Of two passages, as if the first were the query. */
  passage(row: number, passage: number): number;
}

function scorerOf({ replicas: { first } }: RefreshContext): Scorer {
  const [asked, passages] = [first.vectorsOf('query'), first.vectorsOf('passage')];
  const scale = first.encoder.logitScale;
  return {
    query: (row, passage) => scoreOf(asked, row, passages, passage, scale),
    passage: (row, passage) => scoreOf(passages, row, passages, passage, scale),
  };
}

/** The Top-K of the index with room for what the filters remove: the known ones, and where texts or scores are looked at as many again. */
async function searched(
  context: RefreshContext,
  { filters }: PoolMaking,
  name: string,
  queries: readonly ScoredQuery[],
  among: Int32Array | undefined,
): Promise<{ of: (i: number) => Hits; recall: number | undefined }> {
  const { config, dataset } = context;
  const k = 'pool' in config.sampler ? config.sampler.pool : 0;
  const known = queries.reduce((most, query) => Math.max(most, query.known.size), 0);
  const depth = Math.min(among?.length ?? dataset.corpus.size, (filters.removesMore ? 2 * k : k) + known);
  const rows = Int32Array.from(queries, ({ row }) => row);
  const { passages, scores, recall } = await searchPools(context, name, rows, depth, among);
  const of = (i: number): Hits => ({
    passages: passages.subarray(i * depth, (i + 1) * depth),
    scores: scores.subarray(i * depth, (i + 1) * depth),
  });
  return { of, recall };
}

/** Candidates by the score that the sampler is to see: the logit of today's vectors. */
function ranked(candidates: Int32Array, row: number, scorer: Scorer): Hits {
  const scores = Float32Array.from(candidates, (passage) => scorer.query(row, passage));
  const order = Int32Array.from(candidates.keys()).sort((i, j) => scores[j]! - scores[i]! || candidates[i]! - candidates[j]!);
  return { passages: order.map((i) => candidates[i]!), scores: Float32Array.from(order, (i) => scores[i]!) };
}

async function cut(
  context: RefreshContext,
  { filters }: PoolMaking,
  queries: readonly ScoredQuery[],
  hitsOf: (i: number) => Hits,
): Promise<Pools> {
  const { sampler } = context.config;
  const k = 'pool' in sampler ? sampler.pool : 0;
  const docSim = sampler.kind === 'docSim';
  const scorer = scorerOf(context);
  const removed: Removed[][] = [];
  const made = {
    k,
    rows: Int32Array.from(queries, ({ row }) => row),
    passages: new Int32Array(queries.length * k),
    scores: new Float32Array(queries.length * k),
    ...(docSim && { similarities: new Float32Array(queries.length * k) }),
    positiveScores: Float32Array.from(queries.flatMap(({ scores }) => [...scores])),
    positiveOffsets: new Uint32Array(queries.length + 1),
  };
  for (const [i, query] of queries.entries()) {
    const hits = hitsOf(i);
    const mean = query.scores.reduce((sum, score) => sum + score, 0) / query.scores.length;
    const found = cutPool(hits.passages, hits.scores, k, await filters.of(query, hits.passages), mean);
    made.passages.set(found.passages, i * k);
    made.scores.set(found.scores, i * k);
    if (made.similarities) {
      const best = query.positives[indexOfLargest(query.scores)]!;
      found.passages.forEach((passage, j) => {
        if (passage >= 0) made.similarities![i * k + j] = scorer.passage(best, passage);
      });
    }
    made.positiveOffsets[i + 1] = made.positiveOffsets[i]! + query.scores.length;
    removed.push([...found.removed]);
  }
  return { ...made, ...removedArrays(removed) };
}

function largestError({ rows, passages, scores, k }: Pools, scorer: Scorer): number {
  let largest = 0;
  for (let i = 0; i < Math.min(CHECKED, rows.length); i++)
    for (let j = 0; j < k && passages[i * k + j]! >= 0; j++)
      largest = Math.max(largest, Math.abs(scores[i * k + j]! - scorer.query(rows[i]!, passages[i * k + j]!)));
  return largest;
}
