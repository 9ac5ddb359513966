/** A YAML file read with its positions, so that a message can name the line of a key. */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type YAMLError } from 'yaml';
import { messageOf, UserError } from '../core/errors.js';
import type { KeyPath } from './keys.js';

export interface Source {
  readonly file: string;
  readonly value: Record<string, unknown>;
  /** The line (from 1) of the key at `path`, or of the nearest map around it. */
  lineOf(path: KeyPath): number;
}

/** Throws a UserError naming line and column of each syntax mistake; duplicate keys and unknown tags are mistakes. */
export function parseSource(file: string, text: string): Source {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const mistakes = [...document.errors, ...document.warnings];
  if (mistakes.length > 0) {
    const texts = mistakes.map((mistake) => {
      const { line, col } = lines.linePos(mistake.pos[0]);
      return `${file}:${line}:${col}: ${mistakeText(mistake, text)}`;
    });
    throw new UserError(texts.join('\n'));
  }
  const value = plainValue(file, document);
  return { file, value, lineOf: (path) => lines.linePos(offsetOf(document, path)).line };
}

function mistakeText({ code, message, pos }: YAMLError, text: string): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return `the key ${/^[^\s:]*/.exec(text.slice(pos[0]))![0]} is written a second time; keep one`;
    case 'MULTIPLE_DOCS':
      return 'a second YAML document begins; keep one';
    case 'NON_STRING_KEY':
      return 'a key that is not a text; expected keys such as "name: my-job"';
    default:
      return `not YAML: ${message}`;
  }
}

function plainValue(file: string, document: Document.Parsed): Record<string, unknown> {
  let value: unknown;
  try {
    value = document.toJS() ?? {};
  } catch (error) {
    throw new UserError(`${file}: not YAML: ${messageOf(error)}`); // aliases: an unknown anchor, or too many
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UserError(
      `${file}:1: the file holds ${Array.isArray(value) ? 'a list' : JSON.stringify(value)}; expected a map of keys such as "name: my-job"`,
    );
  }
  return value as Record<string, unknown>;
}

function offsetOf(document: Document.Parsed, path: KeyPath): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (pair === undefined || !isScalar(pair.key)) break;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      if (isScalar(node)) offset = node.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}
