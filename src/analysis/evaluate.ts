/** Systems on the queries of a split: their runs, fused ones among them, and what they are worth. */
import path from 'node:path';
import { UserError } from '../core/errors.js';
import { writeJson } from '../core/files.js';
import type { Dataset } from '../data/types.js';
import type { AnswerRule } from '../eval/answers.js';
import { reciprocalRankFusion, requireWeights, weightedFusion } from '../eval/fusion.js';
import { createJudge, depthOf } from '../eval/judge.js';
import { parseMeasure } from '../eval/metrics.js';
import { readQrels } from '../eval/qrels.js';
import { policyOf, qrelsHash, type Result, type SearchKind, type SystemResult, systemResult } from '../eval/result.js';
import { evaluateRun, inOrder, type Names, type Rules, type Run } from '../eval/run.js';
import { readRun, writeTrecRun } from '../eval/runFiles.js';
import { type RankContext, rank } from './rankers.js';

export interface Measured {
  readonly name: string;
  readonly run: Run;
  readonly search: SearchKind;
}

export interface EvaluateOptions {
  readonly measures: readonly string[];
  readonly relevanceLevel: number;
  readonly precision: Rules['precision'];
  readonly answerRule: AnswerRule;
  /** Ranks to search; at least the deepest cut-off. */
  readonly depth: number;
  /** 'rrf', or weights such as [0.3, 0.7]: all systems fused become one more. */
  readonly fuse: readonly ('rrf' | readonly number[])[];
  /** Where runs and the result are written. */
  readonly to?: string | undefined;
}

export interface Evaluated {
  readonly result: Result;
  readonly names: Names;
  readonly runs: readonly Measured[];
}

/** `systems`: what ranks, by the name that it is shown under. */
export async function evaluateSystems(
  systems: Readonly<Record<string, string>>,
  split: keyof Dataset['splits'],
  context: Omit<RankContext, 'split' | 'depth'>,
  options: EvaluateOptions,
): Promise<Evaluated> {
  const { dataset } = context;
  const judged = dataset.splits[split];
  if (judged.rows.length === 0)
    throw new UserError(`${dataset.name}: found no query in its ${split} split; expected some; choose another with --split.`);
  const judge = createJudge(dataset, options);
  const depth = Math.max(options.depth, deepest(options.measures, judge.rules));
  const runs: Measured[] = [];
  for (const [name, what] of Object.entries(systems)) runs.push({ name, ...(await rank(what, { ...context, split: judged, depth })) });
  const all = withFusions(runs, options.fuse, depth, judge);
  const results = Object.fromEntries(
    all.map(({ name, run, search }) => [
      name,
      systemResult(search, judge.evaluate(run, judged, options.measures), unranked(run, judged.rows)),
    ]),
  );
  const policy = policyOf(dataset, split, { ...judge, depth, answerRule: options.answerRule });
  const result: Result = { format: 1, data: dataset.name, policy, queries: Array.from(judged.rows, judge.names.queryId), systems: results };
  if (options.to) write(options.to, result, all, judge.names);
  return { result, names: judge.names, runs: all };
}

/** Run files against judgments alone. */
export async function evaluateRunFiles(
  systems: Readonly<Record<string, string>>,
  qrelsFile: string,
  removeSelf: boolean,
  options: EvaluateOptions,
): Promise<Evaluated> {
  const { split, names, rows } = await readQrels(qrelsFile);
  const runs: Measured[] = [];
  for (const [name, file] of Object.entries(systems)) runs.push({ name, run: (await readRun(file, rows)).run, search: 'run file' });
  const rules: Rules = { level: options.relevanceLevel, precision: options.precision, removeSelf };
  const all = withFusions(runs, options.fuse, Math.max(...runs.map(({ run }) => run.k)), { names, rules });
  const results: Record<string, SystemResult> = {};
  for (const { name, run, search } of all)
    results[name] = systemResult(search, evaluateRun(run, split, options.measures, names, rules), unranked(run, split.rows));
  const policy = {
    qrels: qrelsHash(split, names),
    corpus: null,
    split: path.basename(qrelsFile),
    relevanceLevel: rules.level,
    precision: rules.precision,
    depth: 'as in the file' as const,
    text: 'as in the file',
    removeSelf,
    answerRule: null,
    queriesOutsideCorpus: 0,
  };
  const result: Result = {
    format: 1,
    data: path.basename(qrelsFile),
    policy,
    queries: Array.from(split.rows, names.queryId),
    systems: results,
  };
  if (options.to) write(options.to, result, all, names);
  return { result, names, runs: all };
}

/** Throws a UserError for measures that there are not, and for fusions that so many systems do not allow: known before anything is read or searched. */
export function requirePossible({ measures, fuse }: Pick<EvaluateOptions, 'measures' | 'fuse'>, systems: number): void {
  for (const measure of measures) parseMeasure(measure);
  if (fuse.length > 0 && systems < 2) throw new UserError('--fuse is given for one system; expected two or more to fuse.');
  for (const how of fuse) if (how !== 'rrf') requireWeights(how, systems);
}

function deepest(measures: readonly string[], rules: Rules): number {
  const cut = measures.filter((measure) => parseMeasure(measure).cutoff < Number.POSITIVE_INFINITY);
  return cut.length > 0 ? depthOf(cut, rules) : 1;
}

interface Judging {
  readonly names: Names;
  readonly rules: Rules;
}

function withFusions(runs: readonly Measured[], fuse: EvaluateOptions['fuse'], depth: number, { names, rules }: Judging): Measured[] {
  if (fuse.length === 0) return [...runs];
  const plain = runs.map(({ run }) => inOrder(run, names, rules));
  const fused = fuse.map((how): Measured => {
    const run = how === 'rrf' ? reciprocalRankFusion(plain, depth) : weightedFusion(plain, how, depth);
    return { name: how === 'rrf' ? 'fused (RRF)' : `fused (${how.join(', ')})`, run: { ...run, whole: true }, search: 'fusion' };
  });
  return [...runs, ...fused];
}

const unranked = (run: Run, rows: Int32Array): number => {
  const ranked = new Set(run.rows);
  return rows.filter((row) => !ranked.has(row)).length;
};

function write(folder: string, result: Result, runs: readonly Measured[], names: Names): void {
  for (const { name, run } of runs) writeTrecRun(path.join(folder, `${fileName(name)}.trec`), run, names, fileName(name));
  writeJson(path.join(folder, 'metrics.json'), result);
}

export const fileName = (name: string): string => name.replace(/[^\w.-]+/g, '-').replace(/^-+|-+$/g, '') || 'system';
