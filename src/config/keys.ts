/** The schema as plain data (JSON Schema): which keys exist where, what each expects; for messages and for the printed list. */
import { z } from 'zod';
import { runConfigSchema } from './schema.js';

/** A node of the JSON Schema, as far as our schema uses it; `unit` and `form` are our own annotations. */
interface SchemaNode {
  readonly type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean';
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly minItems?: number;
  readonly oneOf?: readonly SchemaNode[];
  readonly anyOf?: readonly SchemaNode[];
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly exclusiveMaximum?: number;
  readonly description?: string;
  readonly unit?: string;
  /** What a string must look like, in words. */
  readonly form?: string;
}

export type KeyPath = readonly (string | number)[];

/** One line of the list of keys. */
export interface KeyRow {
  /** Dotted, such as train.steps. */
  readonly key: string;
  /** The kinds (or formats) it belongs to, such as 'topk, simans' or 'not mix'; '' where it always exists. */
  readonly of: string;
  readonly expects: string;
  /** As YAML would write it; '' where there is none. */
  readonly default: string;
  readonly unit: string;
  readonly description: string;
}

const tree = z.toJSONSchema(runConfigSchema, { io: 'input' }) as SchemaNode;

/** Every key that can be written, in the schema's order; a key of several kinds with the same meaning is one row. */
export function describeSchema(): KeyRow[] {
  return rowsOf(tree, '', '');
}

/** The names of the keys that may stand at `path`, given what the file has there (its kind decides). Empty where no map is expected. */
export function keysAt(path: KeyPath, raw: unknown): string[] {
  return Object.keys(nodeAt(path, raw)?.properties ?? {});
}

/** The values a key accepts when they are few and named, for suggestions. */
export function choicesAt(path: KeyPath, raw: unknown): readonly string[] {
  const last = path[path.length - 1];
  const variants = nodeAt(path.slice(0, -1), raw, false)?.oneOf;
  const node = nodeAt(path, raw, false);
  if (variants !== undefined && last === discriminatorOf(variants)) return variants.map((variant) => variant.properties![last]!.const!);
  return node?.enum ?? [];
}

/** What may stand at `path`, in words, such as 'a whole number ≥ 1'. */
export function expectedAt(path: KeyPath, raw: unknown): string {
  const choices = choicesAt(path, raw);
  if (choices.length > 0) return oneOf(choices);
  return expectation(nodeAt(path, raw) ?? {});
}

/** Whether a text may stand at `path`, other than a few that are named. */
export function takesText(path: KeyPath, raw: unknown): boolean {
  const node = nodeAt(path, raw);
  return [node, ...(node?.anyOf ?? [])].some((option) => option?.type === 'string' && !option.enum && option.const === undefined);
}

/** Where `key` is not a key of the kind chosen at `path` but of others: the discriminator, the kind chosen, and those others. */
export function otherKinds(
  path: KeyPath,
  key: string,
  raw: unknown,
): { discriminator: string; chosen: string; others: string[] } | undefined {
  const variants = nodeAt(path, raw, false)?.oneOf;
  if (variants === undefined) return undefined;
  const discriminator = discriminatorOf(variants);
  const others = variants.filter((variant) => key in variant.properties!).map((variant) => variant.properties![discriminator]!.const!);
  const chosen = nodeAt(path, raw)?.properties?.[discriminator]?.const;
  return others.length === 0 || chosen === undefined ? undefined : { discriminator, chosen, others };
}

/** Whether a map at `path` may have all of these keys: false where they belong to different maps of a union, such as weights and a shape. */
export function knownTogether(path: KeyPath, keys: readonly string[]): boolean {
  const maps = nodeAt(path, {}, false)?.anyOf?.filter(({ properties }) => properties !== undefined) ?? [];
  return maps.length < 2 || maps.some(({ properties }) => keys.every((key) => Object.hasOwn(properties!, key)));
}

/** `encoder.init: NAME` is `{weights: NAME}` where it gets `further` keys that weights may have beside them. Other values as they are. */
export function spelledOut(path: KeyPath, value: unknown, further: readonly string[]): unknown {
  if (typeof value !== 'string' || path.join('.') !== 'encoder.init') return value;
  const ofTowers = further.some((key) => key === 'query' || key === 'passage'); // checkpoints in its place
  return ofTowers || !knownTogether(path, ['weights', ...further]) ? value : { weights: value };
}

export function valueAt(raw: unknown, path: KeyPath): unknown {
  let value = raw;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

/** The schema node at `path`; unions on the way (and, if `resolved`, at its end) are narrowed by what `raw` holds there. */
function nodeAt(path: KeyPath, raw: unknown, resolved = true): SchemaNode | undefined {
  let node: SchemaNode | undefined = tree;
  path.forEach((step, i) => {
    node = node && narrow(node, valueAt(raw, path.slice(0, i)));
    node = typeof step === 'number' ? node?.items : Object.entries(node?.properties ?? {}).find(([name]) => name === step)?.[1];
  });
  return node && resolved ? narrow(node, valueAt(raw, path)) : node;
}

function narrow(node: SchemaNode, value: unknown): SchemaNode | undefined {
  const isMap = typeof value === 'object' && value !== null;
  if (node.anyOf !== undefined) return (isMap && likeliestMap(node.anyOf, value)) || node;
  if (node.oneOf === undefined) return node;
  if (value !== undefined && !isMap) return node;
  const discriminator = discriminatorOf(node.oneOf);
  const kind = valueAt(value, [discriminator]);
  return node.oneOf.find(({ properties }) => {
    const { const: name, default: byDefault } = properties![discriminator]!;
    return kind === undefined ? byDefault !== undefined : kind === name;
  });
}

/** Of several maps the one that knows most of the keys that are written; undefined where there are none. */
function likeliestMap(options: readonly SchemaNode[], value: object): SchemaNode | undefined {
  const known = (option: SchemaNode) => Object.keys(value).filter((name) => Object.hasOwn(option.properties!, name)).length;
  return options.filter(({ properties }) => properties !== undefined).sort((a, b) => known(b) - known(a))[0];
}

function discriminatorOf(variants: readonly SchemaNode[]): string {
  return Object.entries(variants[0]!.properties!).find(([, node]) => node.const !== undefined)![0];
}

function expectation(node: SchemaNode): string {
  const options = node.anyOf?.map(expectation);
  if (options !== undefined) return options.join(' or ');
  if (node.form !== undefined) return node.form;
  if (node.const !== undefined) return node.const;
  if (node.enum !== undefined) return oneOf(node.enum);
  switch (node.type) {
    case 'integer':
      return `a whole number${range(node)}`;
    case 'number':
      return `a ${node.unit === 'share' ? 'share' : 'number'}${range(node)}`;
    case 'boolean':
      return 'true or false';
    case 'string':
      return node.unit === 'folder' ? 'a folder' : 'a text';
    case 'array':
      return `a list of at least ${node.minItems === 2 ? 'two' : 'one'}, each ${expectation(node.items!)}`;
    default:
      return mapExpectation(node);
  }
}

function mapExpectation(node: SchemaNode): string {
  const keys = Object.keys(node.properties ?? {});
  if (node.oneOf === undefined && keys.length === 0) return 'a map';
  if (node.oneOf === undefined) return `a map ${keys.length > 3 ? 'with keys such as' : 'of'} ${keys.slice(0, 3).join(', ')}`;
  const discriminator = discriminatorOf(node.oneOf);
  return `a map such as {${discriminator}: ${node.oneOf.map((variant) => variant.properties![discriminator]!.const).join(' | ')}}`;
}

function range({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: SchemaNode): string {
  // zod bounds whole numbers by what a double holds exactly; that is not worth saying.
  const said = (bound: number | undefined, sign: string) =>
    bound === undefined || Math.abs(bound) === Number.MAX_SAFE_INTEGER ? [] : [`${sign} ${bound}`];
  const bounds = [...said(exclusiveMinimum, '>'), ...said(minimum, '≥'), ...said(exclusiveMaximum, '<'), ...said(maximum, '≤')];
  return bounds.length === 0 ? '' : ` ${bounds.join(' and ')}`;
}

const oneOf = (names: readonly string[]): string => (names.length === 1 ? names[0]! : `one of ${names.join(', ')}`);

function rowsOf(node: SchemaNode, key: string, of: string): KeyRow[] {
  if (node.properties !== undefined) return childRows(node, key, of);
  if (node.oneOf !== undefined) return unionRows(node, node.oneOf, key);
  const maps = node.anyOf?.filter((option) => option.properties !== undefined) ?? [];
  return [rowOf(node, key, of), ...mergedRows(maps.flatMap((map) => childRows(map, key, of)))];
}

/** A key that several maps of a union have is one row: its first. */
const mergedRows = (rows: readonly KeyRow[]): KeyRow[] => rows.filter(({ key }, i) => rows.findIndex((row) => row.key === key) === i);

function childRows(node: SchemaNode, key: string, of: string): KeyRow[] {
  return Object.entries(node.properties!).flatMap(([name, child]) => rowsOf(child, key === '' ? name : `${key}.${name}`, of));
}

/** One row for the discriminator, then each key once with the kinds that have it. */
function unionRows(union: SchemaNode, variants: readonly SchemaNode[], key: string): KeyRow[] {
  const discriminator = discriminatorOf(variants);
  const kindOf = (variant: SchemaNode) => variant.properties![discriminator]!.const!;
  const names = new Set(variants.flatMap((variant) => Object.keys(variant.properties!)));
  names.delete(discriminator);
  const kinds = variants.map(kindOf);
  const rows = [...names].flatMap((name) => {
    // A map of several kinds may have other keys in each.
    const byKind = variants.map(({ properties }) => (name in properties! ? rowsOf(properties![name]!, `${key}.${name}`, '') : []));
    const havingKey = (row: KeyRow) => kinds.filter((_, i) => byKind[i]!.some((own) => own.key === row.key));
    return mergedRows(byKind.flat()).map((row) => ({ ...row, of: ofKinds(havingKey(row), kinds) }));
  });
  const byDefault = variants.find((variant) => variant.properties![discriminator]!.default !== undefined);
  const head = { key: `${key}.${discriminator}`, of: '', expects: oneOf(kinds), default: byDefault ? kindOf(byDefault) : '', unit: '' };
  return [{ ...head, description: union.description ?? '' }, ...rows];
}

/** The kinds that have a key, or those that have not where they are fewer; '' for all. */
function ofKinds(having: readonly string[], kinds: readonly string[]): string {
  const lacking = kinds.filter((kind) => !having.includes(kind));
  if (lacking.length === 0) return '';
  return lacking.length < having.length ? `not ${lacking.join(', ')}` : having.join(', ');
}

function rowOf(node: SchemaNode, key: string, of: string): KeyRow {
  const byDefault = shownDefault(node.default);
  return { key, of, expects: expectation(node), default: byDefault, unit: node.unit ?? '', description: node.description ?? '' };
}

/** As YAML would write it; maps have their keys' own defaults. */
function shownDefault(value: unknown): string {
  if (Array.isArray(value)) return `[${value.join(', ')}]`;
  if (typeof value === 'string') return value === '' || /\s$/.test(value) ? JSON.stringify(value) : value;
  return value === undefined || typeof value === 'object' ? '' : String(value);
}
