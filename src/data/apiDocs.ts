/**
 * Built-in data set `api-docs`: find an API by describing it. Read at run time from the declaration files of two npm packages,
 * TypeScript's own libraries (ECMAScript, DOM, workers) and `@types/node`; nothing is downloaded.
 *
 * A passage is an API's path and signature, a query its JSDoc description without the API's own name. APIs described in the same
 * words share one query. Train, dev and test share no interface, class or module, and no description.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import ts from 'typescript';
import { messageOf, UserError } from '../core/errors.js';
import { createTexts, fingerprintDataset, splitGrouped, splitOfPositives } from './texts.js';
import type { Dataset, Split, Texts } from './types.js';

const SIGNATURE_CHARACTERS = 300;
const LEAST_QUERY_WORDS = 4;
const TEST_QUERIES = 1000;
const DEV_QUERIES = 500;
/** The split is part of the data set and not of a job: results of different seeds are about the same queries. */
const SPLIT_SEED = 1;

/** One documented declaration; overloads described in the same words are one. */
interface Api {
  /** Library and path, from the second description of a path on with `#n`: `dom/Element.closest`, `node/fs.watch#2`. */
  readonly id: string;
  readonly passage: string;
  readonly description: string;
  /** The interface, class, module or namespace it belongs to, or itself: never divided between splits. */
  readonly group: string;
}

/** Where in a file a declaration stands. */
interface Place {
  readonly path: string[];
  readonly group: string | undefined;
}

/**
 * The data set. The same for every seed: the parameter is that of every built-in data set.
 * Throws a UserError when one of the two packages is not installed.
 */
export function loadApiDocs(_seed: number): Dataset {
  const apis = readApis();
  const rowOfPassage = new Map<string, number>();
  const passages: Api[] = [];
  for (const api of apis) if (!rowOfPassage.has(api.passage)) rowOfPassage.set(api.passage, passages.push(api) - 1);
  const described = apis.map((api) => ({ ...api, row: rowOfPassage.get(api.passage)! }));
  const queries = mergeDescriptions(described);
  const corpus = textsOf(
    passages.map(({ id, passage }) => [id, passage]),
    'passage',
  );
  const queryTexts = textsOf(
    queries.map(({ id, text }) => [id, text]),
    'query',
  );
  const splits = splitQueries(queries);
  return {
    name: 'api-docs',
    corpus,
    queries: queryTexts,
    splits,
    policy: 'text',
    fingerprint: fingerprintDataset({ corpus, queries: queryTexts, splits }),
    notes: [
      `${corpus.size} documented APIs, ${queries.length} descriptions; train, dev and test share no interface, class, module or description`,
    ],
  };
}

function textsOf(entries: [string, string][], what: string): Texts {
  return createTexts(
    entries.map(([id]) => id),
    entries.map(([, text]) => text),
    what,
  );
}

function readApis(): Api[] {
  const counts = new Map<string, number>();
  const seen = new Set<string>();
  const apis: Api[] = [];
  for (const { file, library } of declarationFiles()) {
    for (const found of documentedDeclarations(file)) {
      const described = `${found.path}\n${wordsOf(found.description).join(' ')}`;
      if (seen.has(described)) continue;
      seen.add(described);
      const name = `${library}/${found.path}`;
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      apis.push({ ...found, id: count === 1 ? name : `${name}#${count}` });
    }
  }
  return apis;
}

/** The packages' declaration files; of two equal declarations the one of the earlier file is kept. */
function declarationFiles(): { file: string; library: string }[] {
  const typescript = path.join(packageFolder('typescript'), 'lib');
  const node = packageFolder('@types/node');
  const names = fs.readdirSync(typescript).sort();
  const libraries: [string, RegExp][] = [
    ['es', /^lib\.(es\w*|decorators)\b.*\.d\.ts$/],
    ['dom', /^lib\.dom\b.*\.d\.ts$/],
    ['worker', /^lib\.webworker\b.*\.d\.ts$/],
    ['scripthost', /^lib\.scripthost\.d\.ts$/],
  ];
  const nodeNames = (fs.readdirSync(node, { recursive: true }) as string[]).filter((name) => name.endsWith('.d.ts')).sort();
  return [
    ...libraries.flatMap(([library, pattern]) =>
      names.filter((name) => pattern.test(name)).map((name) => ({ file: path.join(typescript, name), library })),
    ),
    ...nodeNames.map((name) => ({ file: path.join(node, name), library: 'node' })),
  ];
}

function packageFolder(name: string): string {
  try {
    return path.dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch (error) {
    throw new UserError(`data api-docs: the npm package ${name} is not found (${messageOf(error)}). Install it: npm install ${name}.`);
  }
}

function documentedDeclarations(file: string): (Omit<Api, 'id'> & { path: string })[] {
  const source = ts.createSourceFile(file, fs.readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: (Omit<Api, 'id'> & { path: string })[] = [];
  const visit = (node: ts.Node, place: Place): void => {
    const name = nameOf(node, source);
    const inner = name === undefined ? place : enter(node, name, place);
    const description = name === undefined ? '' : describe(commentOf(node), inner.path);
    if (description !== '') {
      const joined = inner.path.join('.');
      found.push({ path: joined, passage: signatureOf(node, joined, source), description, group: inner.group ?? joined });
    }
    ts.forEachChild(node, (child) => visit(child, inner));
  };
  visit(source, { path: [], group: undefined });
  return found;
}

/** The name a declaration adds to the path: '' for call signatures and `declare global`, undefined where the node declares nothing. */
function nameOf(node: ts.Node, source: ts.SourceFile): string | undefined {
  if (ts.isConstructSignatureDeclaration(node) || ts.isConstructorDeclaration(node)) return 'new';
  if (ts.isCallSignatureDeclaration(node) || (ts.isModuleDeclaration(node) && node.flags & ts.NodeFlags.GlobalAugmentation)) return '';
  const declares =
    ts.isModuleDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isClassDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isVariableDeclaration(node) ||
    ts.isPropertySignature(node) ||
    ts.isPropertyDeclaration(node) ||
    ts.isMethodSignature(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isGetAccessor(node);
  if (!declares || node.name === undefined) return undefined;
  return ts.isStringLiteral(node.name) ? node.name.text : node.name.getText(source);
}

function enter(node: ts.Node, name: string, place: Place): Place {
  if (ts.isModuleDeclaration(node) && name === '') return { path: [], group: undefined };
  if (ts.isModuleDeclaration(node) && ts.isStringLiteral(node.name)) {
    const module = name.replace(/^node:/, '');
    return { path: [module], group: module.split('/')[0] };
  }
  const inner = name === '' ? place.path : [...place.path, name];
  const owns = ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node);
  return { path: inner, group: owns ? inner.join('.') : (place.group ?? inner.join('.')) };
}

function commentOf(node: ts.Node): string {
  const comment = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc).at(-1)?.comment;
  return ts.getTextOfJSDocComment(comment) ?? '';
}

/** `fs.lutimes(path: PathLike, …): void`; of an interface, class or module the heading alone. */
function signatureOf(node: ts.Node, joined: string, source: ts.SourceFile): string {
  const name = (node as ts.NamedDeclaration).name;
  const start = name?.end ?? node.getStart(source) + (ts.isCallSignatureDeclaration(node) ? 0 : node.getText(source).indexOf('('));
  const rest = source.text.slice(start, node.end).replace(/\/\*[\s\S]*?\*\/|\s\/\/.*$/gm, ' ');
  const heading = ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node) || ts.isModuleDeclaration(node);
  const signature = (heading ? rest.slice(0, rest.indexOf('{')) : rest).replace(/\s+/g, ' ').replace(/[;,\s]+$/, '');
  const text = `${joined}${ts.isGetAccessor(node) ? signature.replace(/^\(\)/, '') : signature}`;
  return text.length <= SIGNATURE_CHARACTERS ? text : `${text.slice(0, SIGNATURE_CHARACTERS - 1)}…`;
}

/** The first paragraph of a JSDoc comment as plain prose, without the API's own name. */
function describe(comment: string, names: string[]): string {
  const prose = comment
    .replace(/```[\s\S]*?(```|$)/g, '\n\n')
    .replace(/\[MDN Reference\]\([^)]*\)|Available only in secure contexts\.?/g, '')
    .replace(/\{@link(?:code|plain)?\s+([^\s|}]+)(?:[\s|]+([^}]*))?\}/g, (_, target: string, label?: string) => label || target)
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1');
  const paragraph = prose.split(/\n\s*\n/).find((part) => wordsOf(part).length > 0) ?? '';
  return withoutName(paragraph.replace(/[*`]+|<\/?(?:b|i|em|strong|code|p)>/g, ''), names)
    .replace(/\s+/g, ' ')
    .trim();
}

/** Openings that only name, such as "The read-only property of the Range interface". */
const OPENING =
  /^(?:[Tt]he |[Aa]n? )?(?:(?:read-only|static|shorthand|CSS|instance) )*(?:property|method|function|interface|event|attribute|constructor)\b(?: (?:of|on) (?:the )?(?:[A-Z][\w.]* ?)+(?:interface|object|API)?)? ?/;

/** The runs that case, digits and separators divide an identifier into: grid, Row, End. */
const IDENTIFIER_PARTS = /[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g;

/** Takes out the API's name, alone, qualified, called or joined otherwise (`grid-row-end` for gridRowEnd), and then an opening that only named it. */
function withoutName(text: string, names: string[]): string {
  const own = names.at(-1) === 'new' ? names.at(-2) : names.at(-1);
  const parts = own?.split('/').at(-1)?.match(IDENTIFIER_PARTS);
  if (!parts) return text;
  const mention = new RegExp(`(?<![\\w$-])(?:[\\w$]+\\.)*${parts.join('[-_.]?')}(?:\\(\\))?(?![\\w$-])`, 'gi');
  return text.replace(mention, ' ').replace(/\s+/g, ' ').trim().replace(OPENING, '');
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** A description with the passages it describes and what it must not be divided from. */
interface Query {
  readonly id: string;
  readonly text: string;
  readonly positives: Set<number>;
  readonly groups: Set<string>;
}

/** One query for each description of enough words, in the order of the first API it describes. */
function mergeDescriptions(apis: (Api & { row: number })[]): Query[] {
  const queries = new Map<string, Query>();
  for (const { id, description, group, row } of apis) {
    const words = wordsOf(description);
    if (words.length < LEAST_QUERY_WORDS) continue;
    const key = words.join(' ');
    const query = queries.get(key) ?? { id, text: description, positives: new Set(), groups: new Set() };
    query.positives.add(row);
    query.groups.add(group);
    queries.set(key, query);
  }
  return [...queries.values()];
}

function splitQueries(queries: Query[]): Dataset['splits'] {
  const numbers = new Map<string, number>();
  const labels = queries.map(({ groups }) =>
    Array.from(groups, (group) => {
      const number = numbers.get(group) ?? numbers.size;
      numbers.set(group, number);
      return number;
    }),
  );
  const parts = splitGrouped(labels, [TEST_QUERIES, DEV_QUERIES], SPLIT_SEED, 'api-docs split');
  return { train: splitOf(queries, parts, 0), dev: splitOf(queries, parts, 2), test: splitOf(queries, parts, 1) };
}

function splitOf(queries: Query[], parts: Uint8Array, part: number): Split {
  const rows = Int32Array.from(queries.keys()).filter((row) => parts[row] === part);
  const positives = Array.from(rows, (row) => Int32Array.from(queries[row]!.positives).sort());
  return splitOfPositives(rows, positives);
}
