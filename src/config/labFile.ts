/** The file of an experiment with false negatives: a job and what is varied of it. */
import fs from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { UserError } from '../core/errors.js';
import { type KeyPath, valueAt } from './keys.js';
import { loadConfig } from './load.js';
import { overridesOf } from './overrides.js';
import { shown } from './problems.js';
import type { RawMap } from './rawMap.js';
import type { RunConfig } from './schema.js';
import { parseSource } from './source.js';

const labFile = z.strictObject({
  job: z.string().min(1),
  seeds: z.array(z.int().min(0)).min(1),
  hidden: z.array(z.number().min(0).max(1)).min(1),
  samplers: z.record(z.string(), z.record(z.string(), z.unknown())).refine((samplers) => Object.keys(samplers).length > 0),
});

/** What the keys of the file expect, in words. */
const EXPECTED: Readonly<Record<string, string>> = {
  job: 'a job file, seen from the folder of this file',
  seeds: 'a list of at least one whole number ≥ 0',
  hidden: 'a list of at least one share ≥ 0 and ≤ 1',
  samplers: 'a map of at least one sampler by name, each a map such as {kind: topk, negatives: 7}',
};

/** Keys that differ from training to training, and what says them. */
const OWN_KEYS = {
  seed: 'change seeds in',
  'lab.hidden': 'change hidden in',
  sampler: 'change samplers in',
  name: 'trainings are named by',
  jobsFolder: 'give --to beside',
} as const;

/** One training of the experiment. */
export interface LabCell {
  readonly sampler: string;
  readonly hidden: number;
  readonly seed: number;
  readonly config: RunConfig;
}

/**
 * Every cell with its checked configuration, seed by seed, so that an unfinished experiment compares samplers too. `sets` hold for all.
 * Throws a UserError for the file, for `sets` of what it varies, and for any cell whose job could not run.
 */
export function loadLab(file: string, sets: readonly string[], jobsFolder: string): LabCell[] {
  if (!fs.existsSync(file))
    throw new UserError(`${file}: no such file; expected an experiment with job, seeds, hidden and samplers; see docs/samplers.md`);
  const source = parseSource(file, fs.readFileSync(file, 'utf8'));
  const parsed = labFile.safeParse(source.value);
  if (!parsed.success)
    throw new UserError(
      parsed.error.issues
        .flatMap((issue) => problemsOf(issue, source.value).map(([at, text]) => `${file}:${source.lineOf(at)}: ${text}`))
        .join('\n'),
    );
  refuseOwnKeys(sets, file);
  refuseNames(parsed.data, file, source.lineOf);
  const { job, seeds, hidden, samplers } = parsed.data;
  const jobFile = path.resolve(path.dirname(file), job);
  return seeds.flatMap((seed) =>
    hidden.flatMap((share) =>
      Object.entries(samplers).map(([name, sampler]) => {
        const own = [`seed=${seed}`, `lab.hidden=${share}`, `sampler=${JSON.stringify(sampler)}`, `jobsFolder=${jobsFolder}`];
        const cell = { sampler: name, hidden: share, seed };
        return { ...cell, config: loadConfig(jobFile, [...sets, ...own, `name=${nameOf(cell)}`]) };
      }),
    ),
  );
}

/** Trainings, and their files, are told apart by their names. */
function refuseNames({ seeds, hidden, samplers }: z.infer<typeof labFile>, file: string, lineOf: (path: string[]) => number): void {
  const wordless = Object.keys(samplers).find((name) => !/^[A-Za-z0-9]/.test(name));
  if (wordless !== undefined)
    throw new UserError(
      `${file}:${lineOf(['samplers', wordless])}: found the sampler name ${JSON.stringify(wordless)}; expected a letter of a–z or a digit first; rename it.`,
    );
  const lists = { seeds, hidden, samplers: Object.keys(samplers) };
  const namesBy = {
    seeds: seeds.map((seed) => nameOf({ sampler: 'any', hidden: 0, seed })),
    hidden: hidden.map((share) => nameOf({ sampler: 'any', hidden: share, seed: 1 })),
    samplers: lists.samplers.map((sampler) => nameOf({ sampler, hidden: 0, seed: 1 })),
  };
  for (const [key, names] of Object.entries(namesBy) as [keyof typeof lists, string[]][]) {
    const second = names.findIndex((name, i) => names.indexOf(name) < i);
    if (second < 0) continue;
    const [one, other] = [names.indexOf(names[second]!), second].map((i) => JSON.stringify(lists[key][i]));
    throw new UserError(
      `${file}:${lineOf([key])}: ${key}: found ${one} and ${other}, whose trainings would have one name; expected different ones${key === 'samplers' ? ', in letters of a–z and digits' : ''}; change one.`,
    );
  }
}

/** What is wrong, and where. */
function problemsOf(issue: z.core.$ZodIssue, raw: RawMap): [place: KeyPath, text: string][] {
  const path = issue.path as (string | number)[];
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => [[...path, key], `${key} is not a key; expected ${Object.keys(EXPECTED).join(', ')}`]);
  const value = valueAt(raw, path);
  return [
    [
      path,
      `${path.join('.')} is ${value === undefined ? 'missing' : shown(value)}; expected ${path.length > 1 ? `of ${path[0]} ` : ''}${EXPECTED[path[0]!]}`,
    ],
  ];
}

/** What a flag says of them would hold for no training. */
function refuseOwnKeys(sets: readonly string[], file: string): void {
  const problems = overridesOf(sets, Object.keys(OWN_KEYS)).map(
    ({ flag, key }) =>
      `${flag}: expected a key that all trainings share, not ${key}, which is each one's own; ${OWN_KEYS[key as keyof typeof OWN_KEYS]} ${file}`,
  );
  if (problems.length > 0) throw new UserError(problems.join('\n'));
}

/** Of a cell's job and of its file. */
export const nameOf = ({ sampler, hidden, seed }: Omit<LabCell, 'config'>): string =>
  `${sampler.replace(/[^A-Za-z0-9]+/g, '-')}-${Number((100 * hidden).toFixed(6))}-${seed}`;
