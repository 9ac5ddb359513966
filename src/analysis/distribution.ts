/** The numbers behind `simans figure`: how likely each rank is to be drawn, and how pools move over refreshes. */

import { UserError } from '../core/errors.js';
import { deriveKey, permutation } from '../core/random.js';
import type { Texts } from '../data/types.js';
import { poolAt, removedAt, spreadPlaces } from '../sampling/pools.js';
import { type SimansDensity, simansProbabilities } from '../sampling/simans.js';
import { type JobView, poolsOf, refreshesWithPools } from './jobView.js';

export interface RankRow {
  readonly [key: string]: string | number;
  readonly query: string;
  readonly rank: number;
  readonly score: number;
  readonly p: number;
  /** Candidates that score above the positive, plus 1. */
  readonly positiveRank: number;
  readonly positiveScore: number;
}

export interface GapRow {
  readonly [key: string]: string | number;
  readonly refresh: string;
  /** s − s⁺. */
  readonly gap: number;
  /** In the pool; in it though right (`lab`); or kept out of it, for its text is a positive's or holds an answer. */
  readonly kind: 'candidate' | 'hidden positive' | 'duplicate' | 'answer';
}

/** Of `count` random training queries of a refresh: p over the first ranks, by the job's density or another. */
export function rankDistribution(
  view: JobView,
  options: { count: number; ranks: number; density?: Partial<SimansDensity> | undefined; refresh?: number | undefined; seed: number },
): RankRow[] {
  const { dataset, config } = view;
  const { sampler } = config;
  if (sampler.kind !== 'simans' && !options.density)
    throw new UserError(`${view.folder}: its sampler is ${sampler.kind}, which has no density; expected simans, or --a and --b.`);
  const own: SimansDensity = sampler.kind === 'simans' ? sampler : { a: 0.5, b: 0, kernel: 'squared' };
  const density = { ...own, ...options.density };
  const { pools } = poolsOf(view, options.refresh);
  const places = Array.from(permutation(deriveKey(options.seed, 'figure'), pools.rows.length).slice(0, options.count));
  const titles = titlesOf(
    places.map((place) => pools.rows[place]!),
    dataset.queries,
  );
  return places.flatMap((place, at) => {
    const query = dataset.queries.id(pools.rows[place]!);
    const pool = poolAt(pools, place, 0, { query, positives: new Int32Array(0), corpusSize: dataset.corpus.size });
    if (pool.passages.length === 0) return [];
    const law = simansProbabilities(pool.scores, pool.positiveScore, density, query);
    const positiveRank = 1 + pool.scores.filter((score) => score > pool.positiveScore).length;
    return Array.from(
      pool.scores.slice(0, options.ranks),
      (score, i): RankRow => ({ query: titles[at]!, rank: i + 1, score, p: law[i]!, positiveRank, positiveScore: pool.positiveScore }),
    );
  });
}

/** What each query's panel is headed by: how its text begins, with its id where others begin alike. */
export function titlesOf(rows: readonly number[], queries: Texts): string[] {
  const beginnings = rows.map((row) => {
    const text = queries.text(row).replace(/\s+/g, ' ');
    return text.length > 48 ? `${text.slice(0, 47)}…` : text;
  });
  return beginnings.map((title, i) =>
    beginnings.indexOf(title) === beginnings.lastIndexOf(title) ? title : `${queries.id(rows[i]!)}: ${title}`,
  );
}

/** s − s⁺ of the candidates of every refresh, of at most `queries` queries each, and of what is known to be a false negative. */
export function gapsByRefresh(view: JobView, queries: number): GapRow[] {
  const { dataset } = view;
  const { rows, hidden } = dataset.splits.train;
  const placeOfQuery = new Map(Array.from(rows, (row, place) => [row, place]));
  return refreshesWithPools(view).flatMap((refresh) => {
    const pools = (refresh.pools ?? refresh.sourcePools)!;
    return spreadPlaces(pools, queries).flatMap((place) => {
      const pool = poolAt(pools, place, 0, { query: '', positives: new Int32Array(0), corpusSize: dataset.corpus.size });
      const unjudged = hidden?.[placeOfQuery.get(pools.rows[place]!)!];
      const row = (score: number, kind: GapRow['kind']): GapRow => ({
        refresh: `step ${refresh.step}`,
        gap: Number((score - pool.positiveScore).toFixed(4)),
        kind,
      });
      return [
        ...Array.from(pool.scores, (score, i) => row(score, unjudged?.includes(pool.passages[i]!) ? 'hidden positive' : 'candidate')),
        ...removedAt(pools, place).flatMap(({ score, by }) => (by === 'duplicate' || by === 'answer' ? row(score, by) : [])),
      ];
    });
  });
}
