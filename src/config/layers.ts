/** A job file over the files that it extends: one map, and which line of which file each of its keys comes from. */
import fs from 'node:fs';
import path from 'node:path';
import { messageOf, UserError } from '../core/errors.js';
import { type KeyPath, knownTogether, spelledOut, valueAt } from './keys.js';
import { isMap, type RawMap } from './rawMap.js';
import { extendsList } from './schema.js';
import { parseSource, type Source } from './source.js';

/** What says of which kind a map is. */
const KINDS = ['kind', 'format'];

/** What lays keys over those below it: a file, or a preset. */
export interface Layer {
  readonly value: RawMap;
  /** FILE:LINE of the key at `path`, or of the nearest map around it. */
  placeOf(path: KeyPath): string;
}

export interface Layers extends Layer {
  /** Whether a layer says what stands at `path`. */
  has(path: KeyPath): boolean;
}

/**
 * `file` over those that it extends, without their names: a job is named after its own file unless that names it.
 * Throws a UserError for files that are missing, no YAML, or extend themselves.
 */
export function readLayers(file: string): Layers {
  const sources = readSources(file, []);
  const { name = path.parse(file).name } = sources[sources.length - 1]!.value;
  const layers = sources.map((source, i): Layer => {
    const { extends: names, name: _, ...keys } = source.value;
    const own = i === sources.length - 1 ? { name, ...keys } : keys;
    const value = extendsList.safeParse(names).success ? own : { extends: names, ...own };
    return { value, placeOf: (key) => `${source.file}:${source.lineOf(key)}` };
  });
  return layers.slice(1).reduce(over, { ...layers[0]!, has: (key) => valueAt(layers[0]!.value, key) !== undefined });
}

/** `above` laid over `below`. */
export function over(below: Layers, above: Layer): Layers {
  const value = laidOver(below.value, above.value, []) as RawMap;
  const has = (key: KeyPath) => valueAt(value, key) !== undefined;
  return {
    value,
    has,
    placeOf: (key) => {
      // What no layer has is missed where the map around it was written last.
      const missing = key.findIndex((_, i) => !has(key.slice(0, i + 1)));
      const written = missing < 0 ? key : key.slice(0, missing);
      return (written.length === 0 || valueAt(above.value, written) !== undefined ? above : below).placeOf(key);
    },
  };
}

/** Maps key by key; anything else, lists too, and a map of another kind (or another form of a union) replaces what it is laid over. */
function laidOver(written: unknown, above: unknown, at: KeyPath): unknown {
  const below = spelledOut(at, written, isMap(above) ? Object.keys(above) : []);
  if (!isMap(below) || !isMap(above)) return above;
  const inBoth = (key: string) => Object.hasOwn(below, key) && Object.hasOwn(above, key);
  const ofOtherKind = KINDS.some((kind) => inBoth(kind) && below[kind] !== above[kind]);
  const keys = [...new Set([...Object.keys(below), ...Object.keys(above)])];
  if (ofOtherKind || !knownTogether(at, keys)) return above;
  const joined = (key: string) =>
    inBoth(key) ? laidOver(below[key], above[key], [...at, key]) : (Object.hasOwn(above, key) ? above : below)[key];
  return Object.fromEntries(keys.map((key) => [key, joined(key)]));
}

/** The file and what lies below it, lowest first. `chain`: the files that extend it, the job's first. */
function readSources(file: string, chain: readonly Source[]): Source[] {
  const source = parseSource(file, readText(file, chain));
  const names = extendsList.safeParse(source.value.extends);
  if (!names.success) return [source]; // none, or told by the schema
  const above = [...chain, source];
  const below = names.data.flatMap((name) => {
    const next = path.isAbsolute(name) ? name : path.join(path.dirname(file), name);
    const again = above.findIndex((one) => path.resolve(one.file) === path.resolve(next));
    if (again < 0) return readSources(next, above);
    const circle = [...above.slice(again).map((one) => one.file), next].join(' → ');
    throw new UserError(
      `${placeOfExtends(source)}: extends is ${name}; expected files that do not extend one another in a circle: ${circle}`,
    );
  });
  return [...below, source];
}

const placeOfExtends = (source: Source): string => `${source.file}:${source.lineOf(['extends'])}`;

function readText(file: string, chain: readonly Source[]): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    const from = chain[chain.length - 1];
    const place = from === undefined ? '' : `${placeOfExtends(from)}: `;
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw new UserError(`${place}cannot read ${file}: ${messageOf(error)}`);
    if (from !== undefined)
      throw new UserError(`${place}extends names a file that does not exist, ${file}; expected its path, seen from the file that names it`);
    throw new UserError(`${file}: no such file; write a job file there, or name one such as configs/quickstart.yaml`);
  }
}
