/**
 * The elements of a JSON array, one after the other, without holding the array: files of DPR hold gigabytes in one. Each element is cut out and parsed by
 * JSON.parse, which is faster than parsers that stream tokens and lets errors name a line.
 */
import { badData, excerpt } from '../source.js';
import { bytesOfFile } from './lines.js';

export interface Element {
  readonly value: unknown;
  /** The line on which the element begins, from 1. */
  readonly line: number;
}

const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN_MAP, CLOSE_MAP, COMMA, NEWLINE] = [...'"\\[]{},\n'].map((c) =>
  c.charCodeAt(0),
) as number[];
const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13);
/** An element larger than this is no record. */
const LARGEST = 1 << 28;

/** Throws a UserError for what is no array of JSON values, naming file and line. */
export async function* elementsOf(file: string): AsyncGenerator<Element> {
  let state = 'before' as 'before' | 'between' | 'element' | 'after';
  let pending: Buffer[] = [];
  let [depth, line, beginLine, held] = [0, 1, 1, 0];
  let [inString, escaped] = [false, false];
  for await (const chunk of bytesOfFile(file)) {
    let begin = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!;
      if (byte === NEWLINE) line++;
      if (state === 'element') {
        if (inString) {
          if (escaped) escaped = false;
          else if (byte === BACKSLASH) escaped = true;
          else if (byte === QUOTE) inString = false;
        } else if (byte === QUOTE) inString = true;
        else if (byte === OPEN_LIST || byte === OPEN_MAP) depth++;
        else if (depth > 0 && (byte === CLOSE_LIST || byte === CLOSE_MAP)) depth--;
        else if (depth === 0 && (byte === COMMA || byte === CLOSE_LIST)) {
          yield parse([...pending, chunk.subarray(begin, i)], file, beginLine);
          [pending, held] = [[], 0];
          state = byte === COMMA ? 'between' : 'after';
        }
      } else if (isSpace(byte) || (state === 'before' && line === 1 && byte >= 0x80)) {
        // White space, or a byte order mark.
      } else if (state === 'before' && byte === OPEN_LIST) state = 'between';
      else if (state === 'between' && byte === CLOSE_LIST) state = 'after';
      else if (state === 'between') {
        [state, begin, beginLine, depth] = ['element', i, line, byte === OPEN_LIST || byte === OPEN_MAP ? 1 : 0];
        inString = byte === QUOTE;
      } else {
        throw badData(
          { file, line },
          excerpt(chunk.toString('utf8', i, i + 40).split('\n')[0]),
          'a list of JSON objects: [ … ]',
          'check the file',
        );
      }
    }
    if (state === 'element') {
      pending.push(chunk.subarray(begin));
      held += chunk.length - begin;
      if (held > LARGEST)
        throw badData(
          { file, line: beginLine },
          `an element of more than ${LARGEST.toLocaleString('en')} bytes`,
          'a list of records',
          'check the file',
        );
    }
  }
  if (state !== 'after') throw badData({ file, line }, 'the end of the file', 'the list to be closed with ]', 'get the file again');
}

function parse(parts: readonly Uint8Array[], file: string, line: number): Element {
  const text = Buffer.concat(parts).toString('utf8');
  try {
    return { value: JSON.parse(text), line };
  } catch {
    throw badData({ file, line }, excerpt(text.trim().replace(/\s+/g, ' ')), 'a JSON value', 'mend or remove it');
  }
}
