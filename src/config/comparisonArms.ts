/** The arms of `simans compare`: job files that differ in how they train, each with the same seeds. */
import path from 'node:path';
import { UserError } from '../core/errors.js';
import { configHash } from './hash.js';
import { loadConfig } from './load.js';
import { overridesOf } from './overrides.js';
import type { RunConfig } from './schema.js';

/** One job of the comparison. */
export interface ArmJob {
  readonly arm: string;
  readonly seed: number;
  readonly config: RunConfig;
}

/**
 * Every job with its checked configuration, seed by seed, so that an unfinished comparison compares arms too. An arm is named by its job; `sets` hold
 * for all. Throws a UserError for a job file that cannot run, and for arms that no comparison can be about.
 */
export function loadArms(files: readonly string[], sets: readonly string[], seeds: readonly number[], jobsFolder: string): ArmJob[] {
  refuseOwnKeys(sets);
  const arms = files.map((file) => ({ file, config: loadConfig(file, sets) }));
  arms.forEach(({ file, config }, i) => {
    const same = arms.find((other, j) => j < i && other.config.name === config.name);
    if (same)
      throw new UserError(`${same.file} and ${file} are both named ${config.name}; expected two names: give one another name in its file.`);
    requireSameTest(arms[0]!, { file, config });
  });
  return seeds.flatMap((seed) =>
    arms.map(({ file, config: { name: arm } }): ArmJob => {
      const seeded = loadConfig(file, [...sets, `seed=${seed}`, `jobsFolder=${jobsFolder}`]);
      // A job that was begun with other settings has a folder of its own.
      return { arm, seed, config: { ...seeded, name: `${arm}-${seed}-${configHash(seeded).slice(0, 8)}` } };
    }),
  );
}

/** What says the keys that are each job's own. */
const OWN_KEYS: Readonly<Record<string, string>> = { seed: '--seeds', jobsFolder: '--to' };

/** What a flag says of them would hold for no job. */
function refuseOwnKeys(sets: readonly string[]): void {
  const [own] = overridesOf(sets, Object.keys(OWN_KEYS));
  if (own) throw new UserError(`${own.flag}: expected a key that all jobs share; give ${OWN_KEYS[own.key]} instead`);
}

interface Named {
  readonly file: string;
  readonly config: RunConfig;
}

/** What must be equal for figures to stand beside each other, as dotted keys; whether BM25 is evaluated too changes none of them. */
function tested({ data, lab, eval: { bm25, ...rules } }: RunConfig): Map<string, string> {
  const sections = Object.entries({ data, lab: lab ?? {}, eval: rules });
  return new Map(
    sections.flatMap(([section, values]) => Object.entries(values).map(([key, value]) => [`${section}.${key}`, JSON.stringify(value)])),
  );
}

function requireSameTest(first: Named, other: Named): void {
  const [there, here] = [tested(first.config), tested(other.config)];
  const differences = [...new Set([...there.keys(), ...here.keys()])]
    .filter((key) => there.get(key) !== here.get(key))
    .map((key) => `${key} is ${here.get(key) ?? 'absent'}, there ${there.get(key) ?? 'absent'}`);
  if (differences.length > 0)
    throw new UserError(
      `${other.file} cannot be compared with ${first.file}: ${differences.join('; ')}. Expected the same data and eval; set a key for all with --set.`,
    );
  if (other.config.eval.test === 'never')
    throw new UserError(`${other.file}: eval.test is never; expected atEnd: a comparison is of the test split.`);
}

/** Of an arm's job and seed: a cell's file. */
export const cellName = ({ arm, seed }: Pick<ArmJob, 'arm' | 'seed'>): string => path.join('cells', `${arm}-${seed}.json`);
