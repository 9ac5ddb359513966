/** From a YAML file and `--set` flags to a checked RunConfig, or one UserError with every problem on a line of its own. */
import fs from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { messageOf, UserError } from '../core/errors.js';
import { valueAt } from './keys.js';
import { applyOverrides, type Override, parseOverrides } from './overrides.js';
import { checkConfig, type Problem } from './problems.js';
import { presetOf } from './samplerPresets.js';
import type { DataConfig, RunConfig } from './schema.js';
import { parseSource, type Source } from './source.js';
import { stageProblems } from './stages.js';

/**
 * Reads `file`, applies the `sets` (each `key=value`, dotted key, YAML value; later ones win) and checks the whole.
 * Throws a UserError with one line a problem, each naming the file and line or the flag, the key, the value found and what was expected.
 */
export function loadConfig(file: string, sets: readonly string[] = []): RunConfig {
  const source = parseSource(file, readText(file));
  const overrides = parseOverrides(sets);
  const raw = applyOverrides({ name: path.parse(file).name, ...source.value }, overrides);
  const checked = checkConfig(raw);
  const problems = 'config' in checked ? stageProblems(checked.config) : checked.problems;
  if ('config' in checked && problems.length === 0)
    return { ...checked.config, sampler: { ...checked.config.sampler, ...presetOf(checked.config.sampler) } };
  throw new UserError(problems.map((problem) => `${place(problem, source, overrides)}: ${problem.text}`).join('\n'));
}

/** The `data` section alone, for verbs without a job file: `data` with the `sets` (such as data.fields=[text]) laid over it. */
export function loadDataConfig(data: Readonly<Record<string, unknown>>, sets: readonly string[] = []): DataConfig {
  const overrides = parseOverrides(sets);
  const foreign = overrides.find(({ path: key }) => key[0] !== 'data');
  if (foreign) throw new UserError(`${foreign.flag}: expected a key of data, such as data.fields`);
  const checked = checkConfig(applyOverrides({ name: 'data', data }, overrides));
  if ('config' in checked) return checked.config.data;
  throw new UserError(checked.problems.map(({ text }) => text).join('\n'));
}

/** The job with every default written out, for a job's folder; loading it gives the same job. */
export function resolvedYaml(config: RunConfig): string {
  return stringify(config, { lineWidth: 0 });
}

function readText(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw new UserError(`cannot read ${file}: ${messageOf(error)}`);
    throw new UserError(`${file}: no such file; write a job file there, or name one such as configs/quickstart.yaml`);
  }
}

/** The flag that set the key or one it depends on, or else the file and line of the first of them that is written there. */
function place(problem: Problem, source: Source, overrides: readonly Override[]): string {
  for (const key of [problem.path, ...problem.related]) {
    const override = overrides.findLast(({ path: set }) => key.every((step, i) => i >= set.length || step === set[i]));
    if (override !== undefined) return override.flag;
  }
  const written = [problem.path, ...problem.related].find((key) => valueAt(source.value, key) !== undefined);
  return `${source.file}:${source.lineOf(written ?? problem.path)}`;
}
