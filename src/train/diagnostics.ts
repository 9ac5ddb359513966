/** What a refresh's pools and the draws from them are like: printed, and kept in metrics.jsonl. */
import fs from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../core/files.js';
import type { Dataset, Split } from '../data/types.js';
import { FILTER_NAMES, type FilterName } from '../sampling/filters.js';
import { type Pools, placeOf, poolAt, spreadPlaces } from '../sampling/pools.js';
import { DrawStatistics, effectivePoolSize, entropyOf, type HiddenFigures, HiddenStatistics, meanOf } from '../sampling/statistics.js';
import type { Sampler } from '../sampling/types.js';
import type { BuiltPools } from './refresh/pools.js';
import type { Draw } from './step/visits.js';

export interface PoolFigures {
  /** Queries with a pool, and those of them whose pool has fewer candidates than negatives are drawn. */
  readonly queries: number;
  readonly tooSmall: number;
  /** Mean candidates of the pools of a sample that have any: those that the two below are of. */
  readonly candidates: number;
  /** Of the sampler's first draw, means over them: 1/Σp², and e^H. Absent where nothing is drawn by chance. */
  readonly effectiveSize?: number;
  readonly entropySize?: number;
  /** Of s − s⁺ over the candidates. */
  readonly gapMean: number;
  readonly gapVariance: number;
  /** Share of the candidates that their query's pool had at the refresh before; absent where no query is in both. */
  readonly overlap?: number;
  readonly removed: Readonly<Record<string, number>>;
  readonly scoreError: number;
  /** Of an approximate index: the share of the exact candidates that it found. */
  readonly indexRecall?: number;
}

export interface DrawFigures {
  readonly drawn: number;
  /** Random passages where a pool was too small. */
  readonly padded: number;
  /** Mean steps between the refresh that made the pool and the step that drew from it. */
  readonly age: number;
  /** Of the drawn s⁻ − s⁺. */
  readonly gapMean?: number;
  readonly gapVariance?: number;
  /** s⁻ > s⁺: suspected false negatives. */
  readonly aboveThePositive?: number;
  /** Known false negatives, where an experiment hides right passages. */
  readonly hidden?: HiddenFigures;
}

export interface RefreshFigures {
  readonly refresh: number;
  readonly step: number;
  readonly dev: Readonly<Record<string, number>>;
  /** Of the steps since the refresh before. */
  readonly draws?: DrawFigures | undefined;
  readonly pools?: PoolFigures | undefined;
}

/** Pools that means are taken over. */
const SAMPLE = 500;

export function poolFigures(
  refresh: BuiltPools,
  before: BuiltPools | undefined,
  { sampler, negatives }: { readonly sampler: Sampler; readonly negatives: number },
  dataset: Dataset,
): PoolFigures | undefined {
  const pools = refresh.pools ?? refresh.sourcePools;
  if (!pools) return undefined;
  const sample = spreadPlaces(pools, SAMPLE).map((place) =>
    poolAt(pools, place, 0, {
      query: dataset.queries.id(pools.rows[place]!),
      positives: new Int32Array(0),
      corpusSize: dataset.corpus.size,
    }),
  );
  const filled = sample.filter(({ passages }) => passages.length > 0);
  const laws = sampler.probabilities ? filled.map((pool) => sampler.probabilities!(pool)) : [];
  const gaps = moments(filled.flatMap(({ scores, positiveScore }) => Array.from(scores, (score) => score - positiveScore)));
  const overlap = overlapOf(pools, before?.pools ?? before?.sourcePools);
  return {
    queries: pools.rows.length,
    tooSmall: smallPools(pools, negatives),
    candidates: meanOf(filled.map(({ passages }) => passages.length)),
    ...(laws.length > 0 && {
      effectiveSize: meanOf(laws.map(effectivePoolSize)),
      entropySize: meanOf(laws.map((law) => Math.exp(entropyOf(law)))),
    }),
    gapMean: gaps.mean,
    gapVariance: gaps.variance,
    ...(overlap !== undefined && { overlap }),
    removed: removedCounts(pools),
    scoreError: refresh.scoreError,
    ...(refresh.indexRecall !== undefined && { indexRecall: refresh.indexRecall }),
  };
}

/** Of the draws since a refresh. */
export class DrawSums {
  private queries = 0;
  private drawn = 0;
  private padded = 0;
  private ages = 0;
  private readonly statistics = new DrawStatistics();
  private readonly hidden = new HiddenStatistics();

  constructor(private readonly split: Pick<Split, 'hidden'>) {}

  /** `age`: steps between the refresh that made the pools and the step that drew from them. */
  add(draws: readonly Draw[], age: number): void {
    for (const { pool, passages, padded, place } of draws) {
      this.queries++;
      this.drawn += passages.length;
      this.padded += padded;
      this.ages += age;
      this.statistics.add(pool, passages);
      if (this.split.hidden) this.hidden.add(pool, passages, this.split.hidden[place]!);
    }
  }

  figures(): DrawFigures | undefined {
    const { queries, drawn, padded, ages } = this;
    if (queries === 0) return undefined;
    const { scoreGap, gapVariance, aboveThePositive } = this.statistics.figures();
    return {
      ...{ drawn, padded, age: ages / queries },
      ...(scoreGap !== undefined && { gapMean: scoreGap, gapVariance: gapVariance!, aboveThePositive: aboveThePositive! }),
      ...(this.split.hidden && { hidden: this.hidden.figures() }),
    };
  }
}

/** The line that is printed of a refresh's pools. */
export function poolsLine({ effectiveSize, candidates, overlap, removed, scoreError, indexRecall }: PoolFigures, kind: string): string {
  const cut = Object.entries(removed).map(([name, count]) => `${name} ${count.toLocaleString('en')}`);
  return [
    effectiveSize === undefined
      ? `${candidates.toFixed(1)} candidates a query`
      : `${kind} draws from ${effectiveSize.toFixed(1)} of ${candidates.toFixed(1)} candidates in effect (1/Σp²)`,
    ...(indexRecall === undefined ? [] : [`the index found ${(100 * indexRecall).toFixed(1)} % of the exact candidates`]),
    ...(overlap === undefined ? [] : [`${(100 * overlap).toFixed(0)} % as before`]),
    ...(cut.length > 0 ? [`removed: ${cut.join(', ')}`] : []),
    ...(scoreError > 1e-3 ? [`scores are up to ${scoreError.toPrecision(2)} off`] : []),
  ].join('; ');
}

/** Candidates in effect for a negative, below which it is nearly always the same that are drawn. */
const LEAST_CHOICE = 2;

/** Said once, at the first pools: a density that is none, one so narrow that it always takes the same, or a pool that leaves it no choice. */
export function densityWarning({ effectiveSize, candidates }: PoolFigures, kind: string, negatives: number): string | undefined {
  if (effectiveSize === undefined || (kind !== 'simans' && kind !== 'docSim')) return undefined;
  const least = LEAST_CHOICE * negatives;
  if (candidates < least)
    return `warning: pools have ${candidates.toFixed(1)} candidates for ${negatives} negatives: ${kind} always takes nearly the same; raise sampler.pool, or lower sampler.negatives`;
  if (effectiveSize > 0.9 * candidates)
    return `warning: ${kind} draws almost evenly (${effectiveSize.toFixed(1)} of ${candidates.toFixed(1)}): a is small for these scores; raise sampler.a, or set sampler.unit: spread`;
  if (effectiveSize < least)
    return `warning: ${kind} has ${effectiveSize.toFixed(1)} candidates in effect for ${negatives} negatives: it always takes nearly the same; lower sampler.a, or set sampler.unit: spread`;
  return undefined;
}

/** Pools that are too small up to this share are said at the draws alone. */
const MANY = 0.1;
/** Where each filter that may be too strict is set. */
const FILTER_KEYS: Readonly<Partial<Record<string, string>>> = {
  duplicate: 'sampler.filters.duplicates',
  answer: 'sampler.filters.answers',
  margin: 'sampler.filters.margin',
  percentOfPositive: 'sampler.filters.percentOfPositive',
  reranker: 'sampler.filters.reranker or recipe.negativesBelow',
} satisfies Partial<Record<FilterName, string>>;

/** Said once, at the first pools: that many of them cannot give the negatives, and which key to look at. */
export function smallPoolsWarning({ queries, tooSmall, removed }: PoolFigures, negatives: number): string | undefined {
  if (tooSmall <= MANY * queries) return undefined;
  const strict = Object.entries(removed).filter(([name]) => name in FILTER_KEYS);
  const [most] = strict.sort(([, a], [, b]) => b - a);
  const look = most
    ? `${most[0]} removed ${most[1].toLocaleString('en')}: look at ${FILTER_KEYS[most[0]]}`
    : 'look at sampler.pool and sampler.source';
  return `warning: ${tooSmall.toLocaleString('en')} of ${queries.toLocaleString('en')} pools have fewer candidates than the ${negatives} negatives that are drawn, the others are random passages; ${look}`;
}

/** What the drawn negatives were like, in words. */
export function drawsText({ gapMean, aboveThePositive, padded }: DrawFigures, unscored = 'random passages'): string {
  const scored =
    gapMean === undefined
      ? unscored
      : `mean score gap ${gapMean.toFixed(2)}, ${(100 * aboveThePositive!).toFixed(1)} % above their positive (likely false)`;
  return `${scored}${padded > 0 ? `, ${padded.toLocaleString('en')} random where a pool was too small` : ''}`;
}

/** Pools with fewer candidates than `negatives`. */
function smallPools({ rows, passages, k }: Pools, negatives: number): number {
  if (negatives === 0) return 0;
  return negatives > k ? rows.length : rows.filter((_, place) => passages[place * k + negatives - 1]! < 0).length;
}

/** How many candidates each filter removed. */
function removedCounts({ removedBy }: Pools): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const filter of removedBy) counts[FILTER_NAMES[filter]!] = (counts[FILTER_NAMES[filter]!] ?? 0) + 1;
  return counts;
}

/** Share of candidates that the query's earlier pool had, over the queries that are in both. */
function overlapOf(pools: Pools, before: Pools | undefined): number | undefined {
  if (!before) return undefined;
  let [common, candidates] = [0, 0];
  pools.rows.forEach((row, place) => {
    const earlier = placeOf(before, row);
    if (earlier < 0) return;
    const known = new Set(before.passages.subarray(earlier * before.k, (earlier + 1) * before.k));
    for (const passage of pools.passages.subarray(place * pools.k, (place + 1) * pools.k)) {
      if (passage < 0) break;
      candidates++;
      if (known.has(passage)) common++;
    }
  });
  return candidates > 0 ? common / candidates : undefined;
}

function moments(values: readonly number[]): { mean: number; variance: number } {
  const mean = meanOf(values);
  return { mean, variance: meanOf(values.map((value) => (value - mean) ** 2)) };
}

/** metrics.jsonl: one line a refresh, the same for a resumed job as for an uninterrupted one. */
export function writeFigures(job: string, figures: RefreshFigures): void {
  const earlier = readFigures(job).filter(({ refresh }) => refresh < figures.refresh);
  writeFileAtomic(fileOf(job), [...earlier, figures].map((line) => `${JSON.stringify(line)}\n`).join(''));
}

const fileOf = (job: string): string => path.join(job, 'metrics.jsonl');

export function readFigures(job: string): RefreshFigures[] {
  if (!fs.existsSync(fileOf(job))) return [];
  return fs
    .readFileSync(fileOf(job), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}
