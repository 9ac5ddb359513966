/** From a YAML file and `--set` flags to a checked RunConfig, or one UserError with every problem on a line of its own. */
import { stringify } from 'yaml';
import { UserError } from '../core/errors.js';
import { type Layers, over, readLayers } from './layers.js';
import { applyOverrides, type Override, parseOverrides } from './overrides.js';
import { type PresetName, replacements, tiny } from './preset.js';
import { checkConfig, type Problem } from './problems.js';
import type { RawMap } from './rawMap.js';
import { withSamplerPreset } from './samplerPresets.js';
import type { DataConfig, RunConfig } from './schema.js';
import { stageProblems } from './stages.js';

/**
 * Reads `file` over those that it extends, lays the preset over it, applies the `sets` (each `key=value`, dotted key, YAML value; later ones win) and checks the
 * whole. Throws a UserError with one line a problem, each naming the file and line or the flag, the key, the value found and what was expected.
 */
export function loadConfig(file: string, sets: readonly string[] = [], preset?: LaidPreset): RunConfig {
  const overrides = parseOverrides(sets);
  refuseExtends(overrides);
  const layers = withPreset(readLayers(file), preset, applyOverrides({}, overrides));
  const checked = checkConfig(applyOverrides(layers.value, overrides));
  const problems = 'config' in checked ? stageProblems(checked.config) : checked.problems;
  if ('config' in checked && problems.length === 0) return withSamplerPreset(checked.config);
  throw new UserError(problems.map((problem) => `${place(problem, layers, overrides)}: ${problem.text}`).join('\n'));
}

/** A preset, and who is told what it replaces. */
export interface LaidPreset {
  readonly name: PresetName;
  say(line: string): void;
}

function withPreset(layers: Layers, preset: LaidPreset | undefined, flags: RawMap): Layers {
  if (preset === undefined) return layers;
  const small = over(layers, { value: tiny(layers.value, flags), placeOf: () => `--preset ${preset.name}` });
  preset.say(`--preset ${preset.name} tries a job out; its figures mean nothing. It replaces`);
  for (const line of replacements(layers.value, small.value)) preset.say(`  ${line}`);
  return small;
}

/** Files are laid over one another before flags are. */
function refuseExtends(overrides: readonly Override[]): void {
  const found = overrides.find(({ path: [key] }) => key === 'extends');
  if (found) throw new UserError(`${found.flag}: extends is a key of files alone; write a file with extends, and with what it changes`);
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

/** The flag that set the key or one it depends on, or else the file and line of the first of them that is written there. */
function place(problem: Problem, layers: Layers, overrides: readonly Override[]): string {
  const keys = [problem.path, ...problem.related];
  for (const key of keys) {
    const override = overrides.findLast(({ path: set }) => key.every((step, i) => i >= set.length || step === set[i]));
    if (override !== undefined) return override.flag;
  }
  return layers.placeOf(keys.find((key) => layers.has(key)) ?? problem.path);
}
