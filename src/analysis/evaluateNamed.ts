/** What `simans eval` evaluates: systems named on the command line, on data sets, judgments alone, or as they were evaluated before. */
import os from 'node:os';
import path from 'node:path';

import { loadDataConfig } from '../config/load.js';
import type { DataConfig } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import type { Reporter } from '../core/reporter.js';
import { describePolicy } from '../data/corpus.js';
import { loadDataset } from '../data/index.js';
import type { Dataset } from '../data/types.js';
import type { AnalysisName } from '../eval/analyzer.js';

import type { Result } from '../eval/result.js';
import { orderedRanking } from '../eval/run.js';
import { type Evaluated, type EvaluateOptions, evaluateRunFiles, evaluateSystems, requirePossible } from './evaluate.js';
import { type Reading, readingOfSystem } from './reading.js';
import { storedResults } from './storedResults.js';
import { expanded, type Groups, groupsOf, namedIn } from './systemNames.js';

export interface EvaluationArguments extends Omit<EvaluateOptions, 'measures' | 'relevanceLevel' | 'precision' | 'answerRule'> {
  /** Where not given: of results of before all that they share, else MEASURES. */
  readonly measures?: readonly string[] | undefined;
  readonly what: readonly string[];
  readonly data: readonly string[];
  readonly format: string;
  /** Keys of a job file's data section. */
  readonly set: readonly string[];
  readonly split: keyof Dataset['splits'];
  readonly qrels?: string;
  readonly level: number;
  readonly doubles: boolean;
  readonly removeSelf: boolean;
  readonly answers: EvaluateOptions['answerRule'];
  readonly analysis: AnalysisName;
}

const MEASURES = ['ndcg@10', 'recall@100', 'mrr@10'];

/** Of what is drawn in tests of significance. */
const SEED = 42;

/** One data set's results, and how its systems are grouped: each the places of its seeds. */
export interface EvaluatedData {
  readonly result: Result;
  readonly groups: Groups;
  /** Where texts were read. */
  readonly texts?: QueryTexts;
}

export interface QueryTexts {
  query(id: string): string;
  /** The best passage of a system for a query. */
  best(system: string, query: string): string;
}

export async function evaluateNamed(given: EvaluationArguments, reporter: Reporter): Promise<EvaluatedData[]> {
  const groups = groupsOf(given.what);
  const options: EvaluateOptions = {
    ...given,
    measures: given.measures ?? MEASURES,
    relevanceLevel: given.level,
    precision: given.doubles ? 'double' : 'float32',
    answerRule: given.answers,
  };
  requirePossible(options, Object.keys(expanded(groups)).length);
  if (given.qrels !== undefined) {
    const { result } = await evaluateRunFiles(expanded(groups), given.qrels, given.removeSelf, options);
    return [{ result, groups }];
  }
  if (given.data.length === 0) return [storedResults(groups, namedIn(given.what), given.measures)];
  const evaluations: EvaluatedData[] = [];
  const readings = await readingsOf(groups, reporter);
  for (const place of given.data) {
    const { evaluated, dataset } = await evaluateOn(place, given, readings, groups, options, reporter);
    evaluations.push({ result: evaluated.result, groups, texts: textsOf(evaluated, dataset) });
  }
  return evaluations;
}

async function evaluateOn(
  place: string,
  given: EvaluationArguments,
  readings: readonly NamedReading[],
  groups: Groups,
  options: EvaluateOptions,
  reporter: Reporter,
) {
  const data = dataConfigFor(place, given, readings);
  const cacheFolder = path.join('jobs', '.cache');
  const dataset = await loadDataset(data, { seed: SEED, cacheFolder, reporter });
  for (const note of dataset.notes) reporter.line(note);
  reporter.line(`text: ${dataset.policy}, ${saidBy(dataset.policy, readings)}`);
  const context = { dataset, cacheFolder, reporter, threads: os.availableParallelism(), analysis: given.analysis };
  const to = given.to && (given.data.length > 1 ? path.join(given.to, dataset.name) : given.to);
  return { dataset, evaluated: await evaluateSystems(expanded(groups), given.split, context, { ...options, to }) };
}

interface NamedReading extends Reading {
  readonly system: string;
}

/** Of the systems that say what they read. */
async function readingsOf(groups: Groups, reporter: Reporter): Promise<NamedReading[]> {
  const readings: NamedReading[] = [];
  for (const system of new Set(Object.values(groups).flat())) {
    const reading = await readingOfSystem(system, reporter);
    if (reading) readings.push({ ...reading, system });
  }
  return readings;
}

/** The data set is read as the systems read theirs, but for the keys that are set. Systems that would then read it in different ways are a UserError. */
function dataConfigFor(place: string, { format, removeSelf, set }: EvaluationArguments, readings: readonly NamedReading[]): DataConfig {
  const keys = { format, path: place, ...(removeSelf && { removeSelf: true }) };
  const configs = readings.map(({ policy }) => loadDataConfig({ ...keys, ...policy }, set));
  const other = configs.findIndex((config) => JSON.stringify(config) !== JSON.stringify(configs[0]));
  if (other < 0) return configs[0] ?? loadDataConfig(keys, set);
  const named = [readings[0]!, readings[other]!].map(({ system, policy }) => `${system} (${describePolicy(policy)})`);
  throw new UserError(
    `${place}: found systems that read passages in different ways, ${named.join(' and ')}; expected one for all; evaluate each by itself, or choose with --set data.fields=…, data.separator=… and data.windows=…`,
  );
}

/** Where it stands that a data set is read by this policy. */
function saidBy(policy: string, readings: readonly NamedReading[]): string {
  const [first] = readings;
  if (!first) return 'as --set or the defaults of data have it, for no system says what it reads';
  return describePolicy(first.policy) === policy
    ? `as ${first.from} says`
    : `as --set has it (${first.from}: ${describePolicy(first.policy)})`;
}

function textsOf({ runs, names }: Evaluated, { queries, corpus, documents }: Dataset): QueryTexts {
  const rules = { level: 1, precision: 'float32', removeSelf: false } as const;
  return {
    query: (id) => queries.text(queries.rowOf(id)!),
    best: (system, id) => {
      const { run } = runs.find(({ name }) => name === system)!;
      const place = run.rows.indexOf(queries.rowOf(id)!);
      const first = place < 0 ? undefined : orderedRanking(run, place, names, rules)[0];
      if (first === undefined) return 'nothing';
      return `${names.passageId(first)} ${documents ? '' : corpus.text(first)}`;
    },
  };
}
