/** A run: the rankings of many queries, what they are worth, and the files they are written to. */
import { UserError } from '../core/errors.js';
import { writeFileAtomic } from '../core/files.js';
import type { Split, Texts } from '../data/types.js';
import { type Measure, mean, parseMeasure } from './metrics.js';

export interface Run {
  /** Ranks kept a query. */
  readonly k: number;
  /** Query rows, distinct: [n]. */
  readonly rows: Int32Array;
  /** Passage rows [n·k], best first; −1 behind the last where fewer than k were found. */
  readonly passages: Int32Array;
  /** Scores [n·k], descending. */
  readonly scores: Float32Array;
}

export interface Evaluation {
  /** The mean over the split's queries, by measure. */
  readonly means: Record<string, number>;
  /** The value of each query, in the order of the split's rows, by measure. */
  readonly perQuery: Record<string, Float64Array>;
}

/**
 * Evaluates the run on all queries of the split: one without a ranking counts 0 (trec_eval -c), rankings of other queries are
 * ignored. Ranks are taken as they stand in the run. Throws a UserError for an unknown measure, a cut-off deeper than the run,
 * a run and a split without a common query, or a passage ranked twice.
 */
export function evaluateRun(run: Run, split: Split, measures: readonly string[]): Evaluation {
  const parsed = measures.map(parseMeasure);
  requireDepth(run, parsed);
  const placeOf = new Map(Array.from(run.rows, (row, place) => [row, place]));
  if (!split.rows.some((row) => placeOf.has(row))) {
    throw new UserError('the run ranks none of the queries to evaluate; run and judgments are of different data or splits');
  }
  const perQuery = Object.fromEntries(measures.map((name) => [name, new Float64Array(split.rows.length)]));
  split.rows.forEach((row, i) => {
    const place = placeOf.get(row);
    if (place === undefined) return;
    const ranked = rankedGrades(run, place, split.positives[i], split.grades[i]);
    for (const { name, metric, cutoff } of parsed) perQuery[name][i] = metric(ranked, split.grades[i], cutoff);
  });
  return { means: Object.fromEntries(measures.map((name) => [name, mean(perQuery[name])])), perQuery };
}

/** The ranking of the query at `place`: its passage rows, best first. */
export function rankingAt(run: Run, place: number): Int32Array {
  const ranking = run.passages.subarray(place * run.k, (place + 1) * run.k);
  const end = ranking.indexOf(-1);
  return end === -1 ? ranking : ranking.subarray(0, end);
}

/**
 * Writes a TREC run: query id, Q0, passage id, rank from 1, score, tag. Readers such as trec_eval ignore the rank and sort
 * equal scores by passage id, so their figures may differ from `evaluateRun`'s where scores tie.
 * Throws a UserError for an id with white space, which the format cannot hold.
 */
export function writeTrecRun(file: string, run: Run, queries: Texts, corpus: Texts, tag: string): void {
  const parts: string[] = [];
  run.rows.forEach((row, place) => {
    const query = trecField(file, queries.id(row));
    const lines = Array.from(rankingAt(run, place), (passage, i) => {
      // Nine digits give a 32-bit float back exactly.
      const score = Number(run.scores[place * run.k + i].toPrecision(9));
      return `${query} Q0 ${trecField(file, corpus.id(passage))} ${i + 1} ${score} ${trecField(file, tag)}\n`;
    });
    parts.push(lines.join(''));
  });
  writeFileAtomic(file, ...parts);
}

/** Writes a table of per-query values, tab-separated: a header, then a line a query of the split with its id and one value a measure. */
export function writePerQuery(file: string, queries: Texts, split: Split, perQuery: Evaluation['perQuery']): void {
  const measures = Object.keys(perQuery);
  const lines = Array.from(split.rows, (row, i) => [queries.id(row), ...measures.map((name) => perQuery[name][i])].join('\t'));
  writeFileAtomic(file, `${[['query', ...measures].join('\t'), ...lines].join('\n')}\n`);
}

function requireDepth(run: Run, measures: readonly Measure[]): void {
  for (const { name, cutoff } of measures) {
    if (cutoff !== Infinity && cutoff > run.k)
      throw new UserError(`${name} looks deeper than the run, which holds ${run.k} passages a query; search deeper`);
  }
}

/** The grades of the ranked passages, 0 for unjudged ones. `positives` and `grades` are aligned. */
function rankedGrades(run: Run, place: number, positives: Int32Array, grades: Int32Array): Int32Array {
  const ranking = rankingAt(run, place);
  if (new Set(ranking).size < ranking.length)
    throw new UserError(`query row ${run.rows[place]}: a passage stands twice in its ranking of ${ranking.length}`);
  const gradeOf = new Map(Array.from(positives, (passage, i) => [passage, grades[i]]));
  return ranking.map((passage) => gradeOf.get(passage) ?? 0);
}

function trecField(file: string, text: string): string {
  if (!/^\S+$/.test(text))
    throw new UserError(`cannot write ${file}: ${JSON.stringify(text)} is empty or holds white space, which a TREC run cannot; rename it`);
  return text;
}
