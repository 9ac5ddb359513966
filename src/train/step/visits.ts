/** Which query of a step meets which positive and which negatives: a pure function of (config, data, pools, step), without texts or tokens. */
import type { RunConfig } from '../../config/schema.js';
import { indexOfLargest } from '../../core/arrays.js';
import { deriveKey, integer, uniform } from '../../core/random.js';
import { rowUniforms } from '../../core/threefrySimd.js';
import { givenNegatives, notNegatives } from '../../data/texts.js';
import { drawNegatives, type Negatives } from '../../sampling/negatives.js';
import { type Pools, placeOf, poolAt, positiveScoresAt } from '../../sampling/pools.js';
import type { Pool, Sampler, Uniforms } from '../../sampling/types.js';
import type { BatchSource } from './batch.js';
import { queriesOfStep } from './order.js';

const NONE = new Int32Array(0);

export type VisitSource = Pick<BatchSource, 'config' | 'dataset' | 'sampler'>;

/** The negatives drawn for one query of a step. */
export interface Draw extends Negatives {
  readonly pool: Pool;
  /** The query's position in train.rows. */
  readonly place: number;
}

/** The queries of a step that draw negatives: their places in the step's batch, ascending; sampler.share of them, none before sampler.fromStep. */
export function drawingQueries({ seed, sampler, train }: Pick<RunConfig, 'seed' | 'sampler' | 'train'>, step: number): Int32Array {
  if (sampler.kind === 'none' || step < sampler.fromStep) return NONE;
  const all = Int32Array.from({ length: train.queriesPerStep }, (_, i) => i);
  if (sampler.share === 1) return all;
  const key = deriveKey(seed, 'share', step);
  return all.filter((i) => uniform(key, i, 0) < sampler.share);
}

/** One query of a step. */
export interface Visit {
  /** Its place among the step's queries. */
  readonly number: number;
  /** Its position in train.rows. */
  readonly place: number;
  /** Which of its positives. */
  readonly positive: number;
  /** Its negatives; none where it draws none. */
  readonly draws: readonly Draw[];
}

/** Under which key negatives and positives are drawn: the step's own, or another's, for a second look at the step's queries. */
export interface DrawKey {
  readonly purpose: '' | 'ranker ';
  readonly step: number;
}

export function visitsOfStep(source: VisitSource, pools: StepPools, step: number, by: DrawKey = { purpose: '', step }): Visit[] {
  const { config, dataset, sampler } = source;
  const { seed, train } = config;
  const split = dataset.splits.train;
  const positiveKey = deriveKey(seed, `${by.purpose}positive`, by.step);
  const negativeKey = deriveKey(seed, `${by.purpose}negatives`, by.step);
  const drawing = new Set(drawingQueries(config, step));
  return Array.from(queriesOfStep(seed, dataset, train.queriesPerStep, step), (place, number) => {
    const positive =
      train.positive === 'best' ? bestPositive(pools, split.rows[place]!) : integer(positiveKey, number, 0, split.positives[place]!.length);
    const draws = sampler && drawing.has(number) ? drawsFor(source, sampler, pools, place, positive, rowUniforms(negativeKey, number)) : [];
    return { number, place, positive, draws };
  });
}

/** The pools of the last refresh. */
export interface StepPools {
  readonly pools?: Pools | undefined;
  readonly sourcePools?: Pools | undefined;
}

/** One visit's negatives: sampler.sourceShare of them from the source's pool, the rest from the index's, no passage twice. */
export function drawsFor(
  source: VisitSource,
  sampler: Sampler,
  pools: StepPools,
  place: number,
  chosen: number,
  uniforms: Uniforms,
): Draw[] {
  const config = source.config.sampler;
  const wanted = 'negatives' in config ? config.negatives : 0;
  if (!pools.sourcePools) {
    const pool = poolOf(source, pools.pools, place, chosen);
    return [{ ...drawNegatives(sampler, pool, wanted, uniforms), pool, place }];
  }
  const share = 'sourceShare' in config ? config.sourceShare : 1;
  // What is left by rounding is drawn for, so that the share holds in the mean.
  const fromSource = Math.min(wanted, Math.floor(wanted * share + uniforms(SHARE_ELEMENT)));
  const first = poolOf(source, pools.sourcePools, place, chosen);
  const drawn: Draw[] = fromSource > 0 ? [{ ...drawNegatives(sampler, first, fromSource, uniforms), pool: first, place }] : [];
  if (fromSource === wanted) return drawn;
  const pool = without(poolOf(source, pools.pools, place, chosen), drawn[0]?.passages ?? NONE);
  // Uniforms of their own: the first draw, and the padding of its pool, read elements below.
  const offset = first.passages.length + 2 * wanted;
  return [...drawn, { ...drawNegatives(sampler, pool, wanted - fromSource, (element) => uniforms(offset + element)), pool, place }];
}

/** An element that no draw reads. */
const SHARE_ELEMENT = 2 ** 30;

/** The pool without these passages; they are no positives, but must not be drawn again, nor as padding. */
function without(pool: Pool, drawn: Int32Array): Pool {
  if (drawn.length === 0) return pool;
  const taken = new Set(drawn);
  const kept = Int32Array.from([...pool.passages.keys()].filter((i) => !taken.has(pool.passages[i]!)));
  return {
    ...pool,
    passages: kept.map((i) => pool.passages[i]!),
    scores: Float32Array.from(kept, (i) => pool.scores[i]!),
    ...(pool.similarities && { similarities: Float32Array.from(kept, (i) => pool.similarities![i]!) }),
    positives: Int32Array.from(new Set([...pool.positives, ...drawn])).sort(),
  };
}

/** The best-scored positive of the last refresh; the first where the query has no pool yet. */
export function bestPositive({ pools, sourcePools }: StepPools, row: number): number {
  const scored = pools ?? sourcePools;
  const at = scored ? placeOf(scored, row) : -1;
  return scored && at >= 0 ? indexOfLargest(positiveScoresAt(scored, at)) : 0;
}

/** The query's pool; the data's own negatives where those are drawn; without pools (sampler random) an empty one that names what must not be. */
function poolOf({ config, dataset }: VisitSource, pools: Pools | undefined, place: number, positive: number): Pool {
  const split = dataset.splits.train;
  const { rows } = split;
  const query = dataset.queries.id(rows[place]!);
  const known = { query, positives: notNegatives(split, place), corpusSize: dataset.corpus.size };
  if (config.sampler.kind === 'given') {
    const given = givenNegatives(split, place);
    return { ...known, passages: given, scores: new Float32Array(0), positiveScore: 0 }; // nothing scores them
  }
  if (!pools) return { ...known, passages: NONE, scores: new Float32Array(0), positiveScore: 0 };
  const at = placeOf(pools, rows[place]!);
  if (at < 0) throw new Error(`internal: query ${query} has no pool`);
  return poolAt(pools, at, positive, known);
}
