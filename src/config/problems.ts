/** What is wrong with a job, as places and sentences: zod's findings and the broken relations, in the words of the schema. */
import { stringify } from 'yaml';
import type { z } from 'zod';
import { choicesAt, expectedAt, type KeyPath, keysAt, otherKinds, takesText, valueAt } from './keys.js';
import { nearest } from './nearest.js';
import { relations } from './relations.js';
import { type RunConfig, runConfigSchema } from './schema.js';

export interface Problem {
  readonly path: KeyPath;
  /** Other keys it depends on, for naming the flag that set one of them. */
  readonly related: readonly KeyPath[];
  readonly text: string;
}

/** The checked job with defaults filled in, or everything that is wrong with `raw`. */
export function checkConfig(raw: unknown): { config: RunConfig } | { problems: Problem[] } {
  const parsed = runConfigSchema.safeParse(raw);
  if (parsed.success) {
    const problems = brokenRelations(parsed.data);
    return problems.length === 0 ? { config: parsed.data } : { problems };
  }
  const problems = parsed.error.issues.flatMap((issue) => problemsOf(issue, [], raw));
  return { problems: [...problems, ...relationsBesides(problems, raw)] };
}

const dotted = (path: KeyPath): string => path.join('.');

function brokenRelations(config: RunConfig): Problem[] {
  return relations.flatMap((relation) => {
    const text = relation.problem(config);
    const [path, ...related] = relation.keys.map((key) => key.split('.'));
    return text === undefined ? [] : [{ path: path!, related, text }];
  });
}

/** The broken relations between keys that are right in themselves, so that one reading of the messages mends the file. */
function relationsBesides(problems: readonly Problem[], raw: unknown): Problem[] {
  const without = structuredClone(raw);
  for (const { path } of problems) {
    const parent = valueAt(without, path.slice(0, -1));
    if (typeof parent === 'object' && parent !== null) delete (parent as Record<string | number, unknown>)[path[path.length - 1]!];
  }
  const parsed = runConfigSchema.safeParse(without);
  if (!parsed.success) return [];
  const wrong = new Set(problems.map(({ path }) => dotted(path)));
  return brokenRelations(parsed.data).filter(({ path, related }) => [path, ...related].every((key) => !startsWithAny(key, wrong)));
}

const startsWithAny = (path: KeyPath, wrong: ReadonlySet<string>): boolean => path.some((_, i) => wrong.has(dotted(path.slice(0, i + 1))));

function problemsOf(issue: z.core.$ZodIssue, above: KeyPath, raw: unknown): Problem[] {
  const path = [...above, ...(issue.path as (string | number)[])];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key, raw));
  if (issue.code === 'custom')
    return [{ path, related: [], text: `${dotted(path)} is ${shown(valueAt(raw, path))}; expected ${issue.message}` }];
  if (issue.code === 'invalid_union') {
    // A branch that fits the outer form has its problems further inside; where no branch does, the value as a whole is wrong.
    const branches = issue.errors.filter((issues) =>
      issues.every(({ code, path: inner }) => inner.length > 0 || code === 'unrecognized_keys' || code === 'custom'),
    );
    const [branch] = branches.sort((a, b) => unknownKeys(a) - unknownKeys(b));
    // A misspelt key is told alone: what is missing beside it is mostly the key that was meant.
    const unknown = branch?.filter(({ code }) => code === 'unrecognized_keys') ?? [];
    if (branch !== undefined && branch.length > 0)
      return (unknown.length > 0 ? unknown : branch).flatMap((inner) => problemsOf(inner, path, raw));
  }
  return [wrongValue(path, raw)];
}

/** How many keys a branch of a union does not know: the one meant knows most. */
const unknownKeys = (issues: readonly z.core.$ZodIssue[]): number =>
  issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 0), 0);

function wrongValue(path: KeyPath, raw: unknown): Problem {
  const value = valueAt(raw, path);
  const suggestion = typeof value === 'string' ? nearest(value, choicesAt(path, raw)) : undefined;
  const found = value === undefined ? 'is missing' : `is ${shown(value)}`;
  const hint = typeof value === 'number' && takesText(path, raw) ? ' (digits alone are a number: a text of them needs quotes)' : '';
  const subject = path.length === 0 ? 'the file' : dotted(path);
  return {
    path,
    related: [],
    text: `${subject} ${found}; expected ${expectedAt(path, raw)}${suggestion === undefined ? '' : ` (did you mean ${suggestion}?)`}${hint}`,
  };
}

function unknownKey(path: KeyPath, key: string, raw: unknown): Problem {
  const at = [...path, key];
  const found = `${dotted(at)} (${shown(valueAt(raw, at))})`;
  const kinds = otherKinds(path, key, raw);
  if (kinds !== undefined) {
    const { discriminator, chosen, others } = kinds;
    const kept = Object.entries(valueAt(raw, path) as object).filter(([name]) => keysAt(path, raw).includes(name));
    const whole = stringify(Object.fromEntries([[discriminator, chosen], ...kept]), { collectionStyle: 'flow', lineWidth: 0 }).trim();
    // What auto finds has keys of its own; where no kind is written, the one that is meant may be missing.
    const named = others.find((kind) =>
      kept.every(([name]) => name === discriminator || otherKinds(path, name, raw)!.others.includes(kind)),
    );
    const unsaid = valueAt(raw, [...path, discriminator]) === undefined;
    const way =
      (chosen === 'auto' || unsaid) && named !== undefined
        ? `remove it, or name the ${discriminator}: --set ${dotted(path)}.${discriminator}=${named}`
        : `remove it, or replace all of ${dotted(path)}: --set '${dotted(path)}=${whole}'`;
    const text = `${found} is a key of ${discriminator} ${others.join(', ')}, not of ${chosen}; ${way}`;
    return { path: at, related: [[...path, discriminator]], text };
  }
  const keys = keysAt(path, raw);
  const suggestion = nearest(key, keys);
  const prefix = path.length === 0 ? '' : `${dotted(path)}.`;
  const expected = suggestion === undefined ? `expected one of ${keys.join(', ')}` : `did you mean ${prefix}${suggestion}?`;
  return { path: at, related: [], text: `${found} is not a key; ${expected}` };
}

/** A value as YAML would show it, short. */
export function shown(value: unknown): string {
  if (value === null) return 'empty';
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
