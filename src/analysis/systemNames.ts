/** The systems that `simans eval` is told on the command line. */
import path from 'node:path';
import { UserError } from '../core/errors.js';

/** Systems by name, each the places of its seeds. */
export type Groups = Readonly<Record<string, readonly string[]>>;

/** An object lists such keys before all others: the baseline would not be the system named first, nor a fusion's weights those of their systems. */
const isNumber = (name: string): boolean => /^\d+$/.test(name);

/** NAME=place, or NAME=place,place of its seeds. */
const NAMED = /^([^=/]+)=(.+)$/;

/** The names that are given, not taken from a file. */
export const namedIn = (what: readonly string[]): ReadonlySet<string> => new Set(what.flatMap((one) => NAMED.exec(one)?.[1] ?? []));

export function groupsOf(what: readonly string[]): Groups {
  const groups: Record<string, readonly string[]> = {};
  for (const one of what) {
    const [, given, places] = NAMED.exec(one) ?? [undefined, undefined, one];
    if (given !== undefined && isNumber(given))
      throw new UserError(`${one}: found a number for a system’s name; expected a letter in it; name it as in run${one}`);
    const names = [given ?? path.basename(one).replace(/\.(trec|txt|json|tsv|run)(\.gz)?$/, ''), one, `./${one}`];
    const name = names.find((candidate) => !isNumber(candidate) && (candidate !== names[0] || !Object.hasOwn(groups, candidate)))!;
    if (Object.hasOwn(groups, name))
      throw new UserError(`${one} is named twice; expected each system once; give one another name with NAME=…`);
    groups[name] = places!.split(',');
  }
  return groups;
}

export const seedName = (name: string, seeds: readonly unknown[], i: number): string => (seeds.length === 1 ? name : `${name}#${i + 1}`);

export function expanded(groups: Groups): Record<string, string> {
  return Object.fromEntries(
    Object.entries(groups).flatMap(([name, places]) => places.map((place, i) => [seedName(name, places, i), place])),
  );
}
