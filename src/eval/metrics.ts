/**
 * Ranking metrics by the definitions of trec_eval. A ranking is given as the grades of its passages in rank order (`ranked`, UNJUDGED for those nobody
 * judged), the judgments as the grades of all judged passages (`judged`). A passage is relevant from grade `level` on (trec_eval -l), for the binary
 * measures alone: gains are the grades. All are 0 for a query without relevant passages.
 */
import { UserError } from '../core/errors.js';

/** The grade of a passage that nobody judged; below every level, and no gain. */
export const UNJUDGED = -(2 ** 31);

/** A metric looking at the first `cutoff` ranks: a number in [0, 1]. */
export type Metric = (ranked: ArrayLike<number>, judged: ArrayLike<number>, cutoff: number, level?: number) => number;

/** Relevant passages among the first k / all relevant ones. */
export const recall: Metric = (ranked, judged, cutoff, level = 1) =>
  ratio(countRelevant(ranked, cutoff, level), countRelevant(judged, judged.length, level));

/** 1 if a relevant passage is among the first k: what the literature on MS MARCO and on open-domain questions prints as R@k. */
export const success: Metric = (ranked, _judged, cutoff, level = 1) => (countRelevant(ranked, cutoff, level) > 0 ? 1 : 0);

/** 1 / rank of the first relevant passage, 0 if that rank is above k. */
const reciprocalRank: Metric = (ranked, _judged, cutoff, level = 1) => {
  for (let i = 0; i < Math.min(cutoff, ranked.length); i++) if (ranked[i]! >= level) return 1 / (i + 1);
  return 0;
};

/** Relevant passages among the first k / k. */
export const precision: Metric = (ranked, _judged, cutoff, level = 1) => countRelevant(ranked, cutoff, level) / cutoff;

/** Precision at rank R, R the number of relevant passages. */
const rPrecision: Metric = (ranked, judged, _cutoff, level = 1) => {
  const relevant = countRelevant(judged, judged.length, level);
  return ratio(countRelevant(ranked, relevant, level), relevant);
};

/** Relevant passages among the first k / the most that k ranks can hold: BEIR's capped recall. */
const cappedRecall: Metric = (ranked, judged, cutoff, level = 1) =>
  ratio(countRelevant(ranked, cutoff, level), Math.min(cutoff, countRelevant(judged, judged.length, level)));

/** The share of the first k retrieved that somebody judged, as ir_measures counts it; 1 − this is the hole rate. */
const judgedShare: Metric = (ranked, _judged, cutoff) => {
  const seen = Math.min(cutoff, ranked.length);
  let count = 0;
  for (let i = 0; i < seen; i++) if (ranked[i] !== UNJUDGED) count++;
  return ratio(count, seen);
};

/** Σ grade / log₂(rank + 1) over the first k, divided by that of the best possible ranking (linear gain, Järvelin & Kekäläinen 2002). */
export const ndcg: Metric = (ranked, judged, cutoff) => normalisedGain(ranked, judged, cutoff, (grade) => grade);

/** The same with gain 2^grade − 1 (Burges et al. 2005). */
const ndcgExponential: Metric = (ranked, judged, cutoff) => normalisedGain(ranked, judged, cutoff, (grade) => 2 ** grade - 1);

/** Average precision: the precision at each relevant passage among the first k, summed and divided by the number of all relevant ones. */
export const averagePrecision: Metric = (ranked, judged, cutoff, level = 1) => {
  let found = 0;
  let sum = 0;
  for (let i = 0; i < Math.min(cutoff, ranked.length); i++) if (ranked[i]! >= level) sum += ++found / (i + 1);
  return ratio(sum, countRelevant(judged, judged.length, level));
};

const WITH_CUTOFF: Readonly<Record<string, Metric>> = {
  recall,
  success,
  mrr: reciprocalRank,
  ndcg,
  ndcgExp: ndcgExponential,
  map: averagePrecision,
  p: precision,
  rcap: cappedRecall,
  judged: judgedShare,
  hole: (...given) => 1 - judgedShare(...given),
  // Its ranking's grades are 1 where the passage holds an answer, whatever the judgments say.
  answer: success,
};
const WITHOUT: Readonly<Record<string, Metric>> = { map: averagePrecision, ndcg, mrr: reciprocalRank, rprec: rPrecision };

/** Every name that a measure with a cut-off may have. */
const MEASURE_NAMES = Object.keys(WITH_CUTOFF);

/** A metric with its cut-off, as named in job files: 'recall@10', or 'map' for the whole ranking. */
export interface Measure {
  readonly name: string;
  readonly metric: Metric;
  /** Ranks looked at; ∞ without a cut-off. */
  readonly cutoff: number;
  /** Whether a passage counts by the answers that it holds instead of by its grade. */
  readonly byAnswers: boolean;
}

/** The measure of a name such as 'ndcg@10'. Throws a UserError for other names. */
export function parseMeasure(name: string): Measure {
  const [, metric, cutoff] = /^(\w+)@([1-9]\d*)$/.exec(name) ?? [];
  if (metric !== undefined && Object.hasOwn(WITH_CUTOFF, metric))
    return { name, metric: WITH_CUTOFF[metric]!, cutoff: Number(cutoff), byAnswers: metric === 'answer' };
  if (Object.hasOwn(WITHOUT, name)) return { name, metric: WITHOUT[name]!, cutoff: Infinity, byAnswers: false };
  throw new UserError(
    `unknown measure ${name}, expected ${MEASURE_NAMES.map((one) => `${one}@k`).join(', ')} with a whole k of at least 1, or ${Object.keys(WITHOUT).join(', ')}`,
  );
}

/** The arithmetic mean of at least one value. */
export function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function countRelevant(grades: ArrayLike<number>, cutoff: number, level: number): number {
  let count = 0;
  for (let i = 0; i < Math.min(cutoff, grades.length); i++) if (grades[i]! >= level) count++;
  return count;
}

function normalisedGain(ranked: ArrayLike<number>, judged: ArrayLike<number>, cutoff: number, gain: (grade: number) => number): number {
  const ideal = Array.from(judged).sort((x, y) => y - x);
  return ratio(discountedGain(ranked, cutoff, gain), discountedGain(ideal, cutoff, gain));
}

function discountedGain(grades: ArrayLike<number>, cutoff: number, gain: (grade: number) => number): number {
  let sum = 0;
  for (let i = 0; i < Math.min(cutoff, grades.length); i++) if (grades[i]! > 0) sum += gain(grades[i]!) / Math.log2(i + 2);
  return sum;
}

function ratio(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator;
}
