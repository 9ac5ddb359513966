/**
 * Ranking metrics by the definitions of trec_eval. A ranking is given as the grades of its passages in rank order
 * (`ranked`, 0 for an unjudged one), the judgments as the grades of all judged passages (`judged`); relevant means grade ≥ 1.
 * All are 0 for a query without relevant passages.
 */
import { UserError } from '../core/errors.js';

/** A metric looking at the first `cutoff` ranks: a number in [0, 1]. */
export type Metric = (ranked: ArrayLike<number>, judged: ArrayLike<number>, cutoff: number) => number;

/** Relevant passages among the first k / all relevant ones. */
export const recall: Metric = (ranked, judged, cutoff) => ratio(countRelevant(ranked, cutoff), countRelevant(judged, judged.length));

/** 1 if a relevant passage is among the first k: what the literature on open-domain questions prints as R@k. */
export const success: Metric = (ranked, _judged, cutoff) => (countRelevant(ranked, cutoff) > 0 ? 1 : 0);

/** 1 / rank of the first relevant passage, 0 if that rank is above k. */
export const reciprocalRank: Metric = (ranked, _judged, cutoff) => {
  for (let i = 0; i < Math.min(cutoff, ranked.length); i++) if (ranked[i] >= 1) return 1 / (i + 1);
  return 0;
};

/** Σ grade / log₂(rank + 1) over the first k, divided by that of the best possible ranking (linear gain, Järvelin & Kekäläinen 2002). */
export const ndcg: Metric = (ranked, judged, cutoff) => {
  const ideal = Array.from(judged).sort((x, y) => y - x);
  return ratio(discountedGain(ranked, cutoff), discountedGain(ideal, cutoff));
};

/** Average precision: the precision at each relevant passage among the first k, summed and divided by the number of all relevant ones. */
export const averagePrecision: Metric = (ranked, judged, cutoff) => {
  let found = 0;
  let sum = 0;
  for (let i = 0; i < Math.min(cutoff, ranked.length); i++) if (ranked[i] >= 1) sum += ++found / (i + 1);
  return ratio(sum, countRelevant(judged, judged.length));
};

const metrics: Record<string, Metric> = { recall, success, mrr: reciprocalRank, ndcg, map: averagePrecision };

/** A metric with its cut-off, as named in job files: 'recall@10', or 'map' for the whole ranking. */
export interface Measure {
  readonly name: string;
  readonly metric: Metric;
  /** Ranks looked at; ∞ without a cut-off. */
  readonly cutoff: number;
}

/** The measure of a name such as 'ndcg@10'; only map may go without '@k'. Throws a UserError for other names. */
export function parseMeasure(name: string): Measure {
  const match = /^(recall|success|mrr|ndcg|map)@([1-9]\d*)$/.exec(name);
  if (match !== null) return { name, metric: metrics[match[1]], cutoff: Number(match[2]) };
  if (name === 'map') return { name, metric: averagePrecision, cutoff: Infinity };
  throw new UserError(`unknown measure ${name}, expected recall@k, success@k, mrr@k, ndcg@k or map@k with a whole k of at least 1, or map`);
}

/**
 * The order in which trec_eval reads a scored run: score descending, ties by id descending, ids compared as UTF-8 bytes.
 * Returns positions in `ids`. Throws a UserError for a score that is not finite or an id given twice.
 */
export function rankingFromScores(ids: readonly string[], scores: ArrayLike<number>): Int32Array {
  const bytes = ids.map((id) => Buffer.from(id));
  const seen = new Set<string>();
  ids.forEach((id, i) => {
    if (!Number.isFinite(scores[i])) throw new UserError(`passage ${id} has the score ${scores[i]} in a run, expected a finite number`);
    if (seen.has(id)) throw new UserError(`passage ${id} stands twice in the ranking of one query; keep its best score only`);
    seen.add(id);
  });
  return Int32Array.from(ids, (_, i) => i).sort((i, j) => scores[j] - scores[i] || Buffer.compare(bytes[j], bytes[i]));
}

/** The arithmetic mean of at least one value. */
export function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function countRelevant(grades: ArrayLike<number>, cutoff: number): number {
  let count = 0;
  for (let i = 0; i < Math.min(cutoff, grades.length); i++) if (grades[i] >= 1) count++;
  return count;
}

function discountedGain(grades: ArrayLike<number>, cutoff: number): number {
  let sum = 0;
  for (let i = 0; i < Math.min(cutoff, grades.length); i++) if (grades[i] > 0) sum += grades[i] / Math.log2(i + 2);
  return sum;
}

function ratio(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator;
}
