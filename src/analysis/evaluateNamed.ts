/** What `simans eval` evaluates: systems named on the command line, on data sets, judgments alone, or as they were evaluated before. */
import fs from 'node:fs';
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

import { type Result, readResult, requireComparable } from '../eval/result.js';
import { orderedRanking } from '../eval/run.js';
import { type Evaluated, type EvaluateOptions, evaluateRunFiles, evaluateSystems } from './evaluate.js';
import { type Reading, readingOfSystem } from './reading.js';

export interface EvaluationArguments extends Omit<EvaluateOptions, 'relevanceLevel' | 'precision' | 'answerRule'> {
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
    relevanceLevel: given.level,
    precision: given.doubles ? 'double' : 'float32',
    answerRule: given.answers,
  };
  if (given.qrels !== undefined) {
    const { result } = await evaluateRunFiles(expanded(groups), given.qrels, given.removeSelf, options);
    return [{ result, groups }];
  }
  if (given.data.length === 0) return [storedResults(groups)];
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

/** Systems by name, each the places of its seeds. */
export type Groups = Readonly<Record<string, readonly string[]>>;

function groupsOf(what: readonly string[]): Groups {
  const groups: Record<string, readonly string[]> = {};
  for (const one of what) {
    const [, name, places] = /^([^=/]+)=(.+)$/.exec(one) ?? [
      undefined,
      path.basename(one).replace(/\.(trec|txt|json|tsv|run)(\.gz)?$/, ''),
      one,
    ];
    const unique = name! in groups ? one : name!;
    if (unique in groups) throw new UserError(`${one} is named twice; expected each system once; give one another name with NAME=…`);
    groups[unique] = places!.split(',');
  }
  return groups;
}

const seedName = (name: string, seeds: readonly string[], i: number): string => (seeds.length === 1 ? name : `${name}#${i + 1}`);

function expanded(groups: Groups): Record<string, string> {
  return Object.fromEntries(
    Object.entries(groups).flatMap(([name, places]) => places.map((place, i) => [seedName(name, places, i), place])),
  );
}

/** Results that were written before: of a job its trained encoder, of a metrics.json all its systems. */
function storedResults(groups: Groups): EvaluatedData {
  const found = Object.entries(groups).flatMap(([name, places]) =>
    places.map((place, i) => ({ place, name, shown: seedName(name, places, i), result: storedAt(place) })),
  );
  requireComparable(found);
  const systems: Record<string, Result['systems'][string]> = {};
  const regrouped: Record<string, string[]> = {};
  for (const { place, name, shown, result } of found) {
    const isJob = !place.endsWith('.json');
    for (const [system, values] of Object.entries(result.systems)) {
      if (isJob && system !== 'trained') continue;
      systems[isJob ? shown : system] = values;
      const group = isJob ? name : system;
      regrouped[group] = [...(regrouped[group] ?? []), place];
    }
  }
  return { result: { ...found[0]!.result, systems }, groups: regrouped };
}

function storedAt(place: string): Result {
  if (place.endsWith('.json')) return readResult(place);
  const file = path.join(place, 'eval', 'test.json');
  if (!fs.existsSync(file))
    throw new UserError(
      `${place}: found no result (${file}); expected a job that was tested, or a metrics.json; name a data set with --data to evaluate it.`,
    );
  return readResult(file);
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
