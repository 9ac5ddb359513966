/** What evaluations are written as, and which of them may be compared. */
import { UserError } from '../core/errors.js';
import { readJson, sha256 } from '../core/files.js';
import type { Dataset, Split } from '../data/types.js';
import type { AnswerRule } from './answers.js';
import type { Evaluation, Names, Rules } from './run.js';

/** All that figures depend on besides the rankings: results that differ in any of it are not compared. */
export interface Policy {
  /** SHA-256 of the judgments: query ids, passage ids, grades. */
  readonly qrels: string;
  /** SHA-256 of the corpus' ids and texts; null where runs were evaluated without it. */
  readonly corpus: string | null;
  readonly split: string;
  readonly relevanceLevel: number;
  /** How scores are compared; ties go by id. */
  readonly precision: Rules['precision'];
  /** Ranks searched; of files what they hold. */
  readonly depth: number | 'as in the file';
  /** What of a passage is read, titles among them. */
  readonly text: string;
  readonly removeSelf: boolean;
  readonly answerRule: AnswerRule | null;
  /** Queries with right passages outside the corpus: figures of a cut corpus stand beside no others. */
  readonly queriesOutsideCorpus: number;
}

/** How a system's ranking came about. */
export type SearchKind = 'exact' | 'BM25' | 'run file' | 'fusion' | 'reranked';

export interface SystemResult {
  readonly search: SearchKind;
  readonly means: Record<string, number>;
  /** By measure, in the order of `queries`. */
  readonly perQuery: Record<string, number[]>;
  /** Judged queries without a ranking: they count 0. */
  readonly unranked: number;
}

export interface Result {
  readonly format: 1;
  readonly data: string;
  readonly policy: Policy;
  /** Query ids. */
  readonly queries: string[];
  readonly systems: Record<string, SystemResult>;
}

export function qrelsHash(split: Split, names: Names): string {
  const lines = Array.from(split.rows, (row, i) => {
    const pairs = Array.from(split.judged[i]!, (passage, j) => [passage < 0 ? null : names.passageId(passage), split.grades[i]![j]]);
    return JSON.stringify([names.queryId(row), pairs.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))]);
  });
  return sha256(lines.sort().join('\n'));
}

export function policyOf(
  dataset: Dataset,
  split: string,
  { names, rules, depth, answerRule }: { names: Names; rules: Rules; depth: number; answerRule: AnswerRule },
): Policy {
  const judged = dataset.splits[split as keyof Dataset['splits']];
  return {
    qrels: qrelsHash(judged, names),
    corpus: dataset.fingerprint.corpus,
    split,
    relevanceLevel: rules.level,
    precision: rules.precision,
    depth,
    text: dataset.policy,
    removeSelf: rules.removeSelf,
    answerRule: dataset.answers ? answerRule : null,
    queriesOutsideCorpus: queriesOutside(judged),
  };
}

/** Queries one of whose right passages the corpus does not have. */
export const queriesOutside = ({ judged, grades }: Split): number =>
  judged.filter((rows, i) => rows.some((row, j) => row < 0 && grades[i]![j]! >= 1)).length;

export function systemResult(search: SearchKind, { means, perQuery }: Evaluation, unranked: number): SystemResult {
  return { search, means, perQuery: Object.fromEntries(Object.entries(perQuery).map(([name, values]) => [name, [...values]])), unranked };
}

export function readResult(file: string): Result {
  const found = readJson(file, 'Evaluate again with simans eval.') as Result;
  if (found.format !== 1 || typeof found.systems !== 'object')
    throw new UserError(`${file}: found no result of simans eval; expected "format": 1; evaluate again.`);
  return found;
}

/** Throws a UserError naming each rule in which results differ. How they were searched may differ: that is often what is compared. */
export function requireComparable(results: readonly { readonly place: string; readonly result: Result }[]): void {
  const [first, ...others] = results;
  for (const { place, result } of others) {
    const keys = Object.keys(first!.result.policy) as (keyof Policy)[];
    const differences = keys
      .filter((key) => result.policy[key] !== first!.result.policy[key])
      .map((key) => `${key} ${short(result.policy[key])}, there ${short(first!.result.policy[key])}`);
    if (result.queries.join('\n') !== first!.result.queries.join('\n')) differences.push('the queries');
    if (differences.length > 0)
      throw new UserError(
        `${place} cannot be compared with ${first!.place}: they differ in ${differences.join('; ')}. Evaluate both by the same rules.`,
      );
  }
}

const short = (value: unknown): string => (typeof value === 'string' && value.length === 64 ? value.slice(0, 12) : String(value));
