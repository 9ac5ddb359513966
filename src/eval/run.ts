/** A run: the rankings of many queries, and what they are worth. */
import { UserError } from '../core/errors.js';
import type { Split } from '../data/types.js';
import { type Measure, mean, parseMeasure, UNJUDGED } from './metrics.js';

export interface Run {
  /** Ranks kept a query. */
  readonly k: number;
  /** Query rows, distinct: [n]. */
  readonly rows: Int32Array;
  /** Passage rows [n·k], best first; −1 behind the last where fewer than k were found. Of documents in windows: document rows. */
  readonly passages: Int32Array;
  /** Scores [n·k], descending. */
  readonly scores: Float32Array | Float64Array;
  /** Whether a cut-off deeper than k is no mistake: a run read from a file holds what it holds. */
  readonly whole?: boolean;
}

/** The rules by which a run is judged, besides the judgments. */
export interface Rules {
  /** The grade from which a passage is relevant, for the binary measures (trec_eval -l). */
  readonly level: number;
  /** Scores are compared as trec_eval 9.0.8 keeps them, in 32 bits, or as trec_eval 10 does. */
  readonly precision: 'float32' | 'double';
  /** Whether a passage whose id is the query's is taken out of its ranking (ArguAna, Quora). */
  readonly removeSelf: boolean;
}

export const DEFAULT_RULES: Rules = { level: 1, precision: 'float32', removeSelf: false };

/** What ids and answers of a run's rows are asked of. */
export interface Names {
  queryId(row: number): string;
  /** Of the rows that the run ranks. */
  passageId(row: number): string;
  /** Whether a passage holds an answer to the query; without it no `answer@k`. */
  answers?(query: number, passage: number): boolean;
}

export interface Evaluation {
  /** The mean over the split's queries, by measure. */
  readonly means: Record<string, number>;
  /** The value of each query, in the order of the split's rows, by measure. */
  readonly perQuery: Record<string, Float64Array>;
}

/**
 * Evaluates the run on all queries of the split: one without a ranking counts 0 (trec_eval -c), rankings of other queries are ignored. Passages are
 * ranked as trec_eval ranks them: score descending, ties by id descending. Throws a UserError for an unknown measure, a cut-off deeper than the
 * run, a run and a split without a common query, a score that is not finite, or a passage ranked twice.
 */
export function evaluateRun(run: Run, split: Split, measures: readonly string[], names: Names, rules: Rules = DEFAULT_RULES): Evaluation {
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
    const ranking = orderedRanking(run, place, names, rules);
    const grades = split.grades[i]!;
    const ranked = rankedGrades(ranking, split.judged[i]!, grades);
    for (const { name, metric, cutoff, byAnswers } of parsed) {
      const seen = byAnswers ? answerGrades(ranking, row, cutoff, names) : ranked;
      perQuery[name]![i] = metric(seen, grades, cutoff, byAnswers ? 1 : rules.level);
    }
  });
  return { means: Object.fromEntries(measures.map((name) => [name, mean(perQuery[name]!)])), perQuery };
}

/** The ranking of the query at `place`: its passage rows, as they stand in the run. */
export function rankingAt(run: Run, place: number): Int32Array {
  const ranking = run.passages.subarray(place * run.k, (place + 1) * run.k);
  const end = ranking.indexOf(-1);
  return end === -1 ? ranking : ranking.subarray(0, end);
}

/**
 * The ranking as trec_eval reads it, whatever the order in the run: score descending, ties by id descending, ids compared as UTF-8 bytes. Throws a
 * UserError for a score that is not finite or a passage ranked twice.
 */
export function orderedRanking(run: Run, place: number, names: Names, rules: Rules): Int32Array {
  const ranking = rankingAt(run, place);
  const query = names.queryId(run.rows[place]!);
  const begin = place * run.k;
  const scores = Float64Array.from(ranking, (_, i) =>
    rules.precision === 'float32' ? Math.fround(run.scores[begin + i]!) : run.scores[begin + i]!,
  );
  if (new Set(ranking).size < ranking.length) {
    const twice = ranking.find((passage, i) => ranking.indexOf(passage) < i)!;
    throw new UserError(
      `query ${query}: passage ${names.passageId(twice)} stands twice in its ranking; expected each once; keep its best score only.`,
    );
  }
  const infinite = scores.findIndex((score) => !Number.isFinite(score));
  if (infinite >= 0)
    throw new UserError(
      `query ${query}: passage ${names.passageId(ranking[infinite]!)} has the score ${run.scores[begin + infinite]}; expected a finite number.`,
    );
  const bytes = new Map<number, Buffer>();
  const bytesOf = (i: number): Buffer => {
    const known = bytes.get(i) ?? Buffer.from(names.passageId(ranking[i]!));
    bytes.set(i, known);
    return known;
  };
  const order = Int32Array.from(ranking.keys()).sort((i, j) => scores[j]! - scores[i]! || Buffer.compare(bytesOf(j), bytesOf(i)));
  const ordered = order.map((i) => ranking[i]!);
  return rules.removeSelf ? ordered.filter((passage) => names.passageId(passage) !== query) : ordered;
}

/** The run with each ranking as it is evaluated: what counts ranks, such as a fusion, then does not depend on where ties stood in a file. */
export function inOrder(run: Run, names: Names, rules: Rules): Run {
  const [passages, scores] = [run.passages.slice(), run.scores.slice()];
  run.rows.forEach((_, place) => {
    const begin = place * run.k;
    const scoreOf = new Map(Array.from(rankingAt(run, place), (passage, i) => [passage, run.scores[begin + i]!]));
    const ordered = orderedRanking(run, place, names, { ...rules, removeSelf: false });
    passages.set(ordered, begin);
    scores.set(
      Float64Array.from(ordered, (passage) => scoreOf.get(passage)!),
      begin,
    );
  });
  return { ...run, passages, scores };
}

function requireDepth(run: Run, measures: readonly Measure[]): void {
  if (run.whole) return;
  for (const { name, cutoff } of measures) {
    if (cutoff !== Infinity && cutoff > run.k)
      throw new UserError(`${name} looks deeper than the run, which holds ${run.k} passages a query; search deeper`);
  }
}

/** The grades of the ranked passages. `judged` and `grades` are aligned. */
function rankedGrades(ranking: Int32Array, judged: Int32Array, grades: Int32Array): Int32Array {
  const gradeOf = new Map(Array.from(judged, (passage, i) => [passage, grades[i]!]));
  return ranking.map((passage) => gradeOf.get(passage) ?? UNJUDGED);
}

/** 1 where the passage holds an answer, of the first `cutoff`. */
function answerGrades(ranking: Int32Array, query: number, cutoff: number, names: Names): Int32Array {
  if (!names.answers) throw new UserError('answer@k is asked for; expected a data set with answers and a corpus to look for them in');
  return ranking.subarray(0, cutoff).map((passage) => (names.answers!(query, passage) ? 1 : 0));
}
