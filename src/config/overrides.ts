/** `--set key=value`: a dotted key and a YAML value, laid over what the file says. */
import { parseDocument } from 'yaml';
import { UserError } from '../core/errors.js';
import { type KeyPath, spelledOut, valueAt } from './keys.js';
import { isMap, type RawMap } from './rawMap.js';

export interface Override {
  /** As the user wrote it, for messages. */
  readonly flag: string;
  readonly path: readonly string[];
  readonly value: unknown;
}

/** Throws a UserError with a line for each flag that is not `key=value` or whose value is not YAML. */
export function parseOverrides(sets: readonly string[]): Override[] {
  const mistakes: string[] = [];
  const overrides = sets.flatMap((text) => {
    try {
      return [parseOverride(text)];
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      mistakes.push(error.message);
      return [];
    }
  });
  if (mistakes.length > 0) throw new UserError(mistakes.join('\n'));
  return overrides;
}

function parseOverride(text: string): Override {
  const flag = `--set ${text}`;
  const equals = text.indexOf('=');
  const path = text.slice(0, Math.max(0, equals)).trim().split('.');
  if (equals < 0 || !path.every((step) => /^[^\s.]+$/.test(step))) {
    throw new UserError(`${flag}: expected key=value with a dotted key, such as --set train.steps=100`);
  }
  const document = parseDocument(text.slice(equals + 1), { prettyErrors: false });
  const [mistake] = [...document.errors, ...document.warnings];
  if (mistake !== undefined) throw new UserError(`${flag}: the value is not YAML: ${mistake.message}`);
  return { flag, path, value: document.toJS() as unknown };
}

/**
 * A new map with the overrides laid over `raw`, in order. A key set below a plain value replaces that value by a map, but for weights that are named,
 * which stay beside a key of theirs.
 */
export function applyOverrides(raw: RawMap, overrides: readonly Override[]): RawMap {
  return overrides.reduce((map, { path, value }) => withValue(map, path, value, []), raw);
}

/** The overrides that say one of the dotted keys, or of maps that hold it, with the key. */
export function overridesOf(sets: readonly string[], keys: readonly string[]): { flag: string; key: string }[] {
  return parseOverrides(sets).flatMap((override) => {
    const said = applyOverrides({}, [override]);
    return keys.filter((key) => valueAt(said, key.split('.')) !== undefined).map((key) => ({ flag: override.flag, key }));
  });
}

function withValue(map: unknown, [step, ...rest]: readonly string[], value: unknown, above: KeyPath): RawMap {
  const base: RawMap = isMap(map) ? map : {};
  if (rest.length === 0) return { ...base, [step!]: value };
  const at = [...above, step!];
  const below = Object.hasOwn(base, step!) ? base[step!] : undefined;
  return { ...base, [step!]: withValue(spelledOut(at, below, [rest[0]!]), rest, value, at) };
}
