/** Results that were written before: of a job its trained encoder, of a metrics.json all its systems. */
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '../core/errors.js';
import { type Result, readResult, requireComparable, type SystemResult } from '../eval/result.js';
import { type Groups, seedName } from './systemNames.js';

/** Systems with the results of their seeds; `groups` are those of the command line, of which `named` were given a name. `measures`: those alone, in this order. */
export function storedResults(
  groups: Groups,
  named: ReadonlySet<string>,
  measures?: readonly string[],
): { result: Result; groups: Groups } {
  const found = Object.entries(groups).flatMap(([name, places]) => places.map((place) => ({ place, name, result: storedAt(place) })));
  requireComparable(found);
  const systems = new Map<string, { readonly name: string; readonly place: string; readonly seeds: SystemResult[] }>();
  for (const { place, name, result } of found)
    for (const [system, values] of Object.entries(result.systems)) {
      const shown = shownAs(system, result, named.has(name) || !place.endsWith('.json') ? name : undefined);
      const known = systems.get(shown) ?? { name, place, seeds: [] };
      if (known.name !== name)
        throw new UserError(
          `${place}: found the system ${shown}, which ${known.place} has too; expected each system once; name one of the files with NAME=${place}`,
        );
      known.seeds.push(values);
      systems.set(shown, known);
    }
  const all = [...systems].flatMap(([name, { seeds }]) => seeds.map((values, i) => [seedName(name, seeds, i), values] as const));
  requireSharedMeasure(all);
  return {
    result: {
      ...found[0]!.result,
      systems: Object.fromEntries(all.map(([name, values]) => [name, measures ? ofMeasures(name, values, measures) : values])),
    },
    groups: Object.fromEntries([...systems].map(([name, { seeds }]) => [name, seeds.map(() => name)])),
  };
}

/** A file of one system is that system; several go by the file's name and their own. */
const shownAs = (system: string, { systems }: Result, name: string | undefined): string =>
  name === undefined ? system : Object.keys(systems).length === 1 ? name : `${name} ${system}`;

function storedAt(place: string): Result {
  if (place.endsWith('.json')) return readResult(place);
  const file = path.join(place, 'eval', 'test.json');
  if (!fs.existsSync(file))
    throw new UserError(
      `${place}: found no result (${file}); expected a job that was tested, or a metrics.json; name a data set with --data to evaluate it.`,
    );
  const result = readResult(file);
  return { ...result, systems: { trained: result.systems.trained! } };
}

function requireSharedMeasure(systems: readonly (readonly [string, SystemResult])[]): void {
  const measures = systems.map(([, { means }]) => Object.keys(means));
  if (measures[0]!.some((measure) => measures.every((others) => others.includes(measure)))) return;
  const said = systems.map(([name], i) => `${name} has ${measures[i]!.join(', ')}`).join('; ');
  throw new UserError(
    `found no measure that all systems have (${said}); expected one to compare them by; evaluate them again by the same.`,
  );
}

function ofMeasures(system: string, { means, perQuery, ...rest }: SystemResult, measures: readonly string[]): SystemResult {
  const missing = measures.find((measure) => !Object.hasOwn(means, measure));
  if (missing !== undefined)
    throw new UserError(
      `--measures: ${system} was not evaluated by ${missing}; expected some of ${Object.keys(means).join(', ')}; evaluate it again with --data.`,
    );
  const some = <T>(of: Readonly<Record<string, T>>) => Object.fromEntries(measures.map((measure) => [measure, of[measure]!]));
  return { ...rest, means: some(means), perQuery: some(perQuery) };
}
