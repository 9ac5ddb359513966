/** Several runs as one: by ranks (RRF) or by weighted scores. */
import { UserError } from '../core/errors.js';
import { TopKBuffer } from '../index/topk.js';
import { type Run, rankingAt } from './run.js';

/** Reciprocal rank fusion: Σ 1 / (60 + rank) (Cormack, Clarke & Büttcher, SIGIR 2009). */
const RRF_CONSTANT = 60;

export function reciprocalRankFusion(runs: readonly Run[], k: number): Run {
  return fuse(runs, k, (_, rank) => 1 / (RRF_CONSTANT + rank));
}

/** Σ weight · (score − lowest) / (highest − lowest) of each query's ranking; a passage that a run does not rank gets 0 of it. */
export function weightedFusion(runs: readonly Run[], weights: readonly number[], k: number): Run {
  requireWeights(weights, runs.length);
  return fuse(runs, k, (run, _rank, score, low, high) => (high > low ? (weights[run]! * (score - low)) / (high - low) : weights[run]!));
}

export function requireWeights(weights: readonly number[], runs: number): void {
  if (weights.length !== runs || weights.some((weight) => !(weight >= 0)))
    throw new UserError(`found ${weights.length} weights (${weights.join(', ')}) for ${runs} runs; expected one for each, of at least 0`);
}

function fuse(
  runs: readonly Run[],
  k: number,
  worth: (run: number, rank: number, score: number, low: number, high: number) => number,
): Run {
  const rows = Int32Array.from(new Set(runs.flatMap((run) => [...run.rows]))).sort();
  const passages = new Int32Array(rows.length * k).fill(-1);
  const scores = new Float32Array(rows.length * k);
  const places = runs.map(({ rows: own }) => new Map(Array.from(own, (row, place) => [row, place])));
  rows.forEach((row, at) => {
    const sums = new Map<number, number>();
    runs.forEach((run, number) => {
      const place = places[number]!.get(row);
      if (place === undefined) return;
      const ranking = rankingAt(run, place);
      const own = run.scores.subarray(place * run.k, place * run.k + ranking.length);
      const [high, low] = [own[0]!, own.at(-1)!];
      ranking.forEach((passage, i) => sums.set(passage, (sums.get(passage) ?? 0) + worth(number, i + 1, own[i]!, low, high)));
    });
    const best = new TopKBuffer(k);
    for (const [passage, sum] of sums) best.offer(passage, sum);
    const sorted = best.sorted();
    passages.set(sorted.rows, at * k);
    scores.set(sorted.scores, at * k);
  });
  return { k, rows, passages, scores };
}
