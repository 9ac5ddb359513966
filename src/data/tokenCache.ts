/**
 * Token ids of many texts, tokenised once and kept on disk. The file's name is the SHA-256 of what decides the ids: the texts, the tokenizer and
 * the length limit. Layout: an 80-byte header (magic, numbers of texts and ids, SHA-256 of the rest), the offsets, the ids.
 */
import fs from 'node:fs';
import path from 'node:path';
import { grown } from '../core/arrays.js';
import { messageOf, UserError } from '../core/errors.js';
import { bytesOf, sha256, writeFileAtomic } from '../core/files.js';
import type { Reporter } from '../core/reporter.js';
import { fingerprintTexts, isFilled } from './texts.js';
import type { Texts, TokenTable } from './types.js';

export interface TextEncoder {
  /** SHA-256 of what decides the ids. */
  readonly fingerprint: string;
  encode(text: string, maxTokens: number): ArrayLike<number>;
  /** Fields with the separator token between. */
  encodeFields(fields: readonly string[], maxTokens: number): ArrayLike<number>;
}

export interface TokenCacheOptions {
  readonly cacheFolder: string;
  readonly reporter: Reporter;
  /** What the texts are, for the progress bar: 'passages', 'queries'. */
  readonly what: string;
}

const MAGIC = 'simtok01';
const HEADER_BYTES = 80;
/** One read takes at most 2 GiB in Node; tables may be larger. */
const BLOCK_BYTES = 1 << 28;

/** The token table of `texts`, each cut to `maxTokens`: from the cache where it holds one, else tokenised and written there. */
export function tokenTable(texts: Texts, tokenizer: TextEncoder, maxTokens: number, options: TokenCacheOptions): TokenTable {
  const key = sha256(`${MAGIC}\n${fingerprintTexts(texts)}\n${tokenizer.fingerprint}\n${maxTokens}${texts.separated ? '\nseparated' : ''}`);
  const file = path.join(options.cacheFolder, `tokens-${key.slice(0, 32)}.bin`);
  if (fs.existsSync(file)) {
    try {
      return readTable(file, texts.size);
    } catch (error) {
      options.reporter.line(`${file}: ${messageOf(error)}; tokenising the ${options.what} again.`);
    }
  }
  const table = tokenise(texts, tokenizer, maxTokens, options);
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 0, 'latin1');
  header.writeUInt32LE(texts.size, 8);
  header.writeUInt32LE(table.ids.length, 12);
  header.write(checksum(table), 16, 'latin1');
  writeFileAtomic(file, [header, bytesOf(table.offsets), bytesOf(table.ids)]);
  return table;
}

/** The ids of one text, its fields apart where the texts are to be read so. */
export function encodeRow(texts: Texts, row: number, encoder: TextEncoder, maxTokens: number): ArrayLike<number> {
  return texts.separated ? encoder.encodeFields(texts.fields(row).filter(isFilled), maxTokens) : encoder.encode(texts.text(row), maxTokens);
}

function tokenise(texts: Texts, tokenizer: TextEncoder, maxTokens: number, { reporter, what }: TokenCacheOptions): TokenTable {
  const phase = reporter.phase(`tokenise ${what}`, texts.size, what);
  const offsets = new Uint32Array(texts.size + 1);
  let ids = new Int32Array(Math.max(1024, 32 * texts.size));
  let length = 0;
  for (let row = 0; row < texts.size; row++) {
    const tokens = encodeRow(texts, row, tokenizer, maxTokens);
    if (length + tokens.length > ids.length) ids = grown(ids, Math.max(2 * ids.length, length + tokens.length));
    ids.set(tokens, length);
    length += tokens.length;
    if (length >= 2 ** 32) {
      throw new UserError(
        `${what}: found more than 2^32 tokens at text ${row + 1}; expected fewer; lower encoder.passageTokens or split the corpus.`,
      );
    }
    offsets[row + 1] = length;
    if (row % 1024 === 0) phase.update(row);
  }
  phase.update(texts.size);
  phase.end();
  return { ids: ids.slice(0, length), offsets };
}

/** Throws an Error that says what is wrong with the file. */
function readTable(file: string, textCount: number): TokenTable {
  const descriptor = fs.openSync(file, 'r');
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    readFully(descriptor, header);
    if (header.toString('latin1', 0, 8) !== MAGIC) throw new Error('found no token cache header');
    const idCount = header.readUInt32LE(12);
    const expected = HEADER_BYTES + 4 * (textCount + 1) + 4 * idCount;
    const found = fs.fstatSync(descriptor).size;
    if (header.readUInt32LE(8) !== textCount || found !== expected) throw new Error(`found ${found} bytes, expected ${expected}`);
    const table = { offsets: new Uint32Array(textCount + 1), ids: new Int32Array(idCount) };
    readFully(descriptor, bytesOf(table.offsets));
    readFully(descriptor, bytesOf(table.ids));
    if (checksum(table) !== header.toString('latin1', 16, HEADER_BYTES)) throw new Error('found a checksum that does not match');
    return table;
  } finally {
    fs.closeSync(descriptor);
  }
}

function readFully(descriptor: number, target: Uint8Array): void {
  for (let at = 0; at < target.length; ) {
    const read = fs.readSync(descriptor, target, at, Math.min(target.length - at, BLOCK_BYTES), null);
    if (read === 0) throw new Error('found the end of the file too early');
    at += read;
  }
}

/** SHA-256 of offsets and ids, 64 hex digits. */
const checksum = ({ offsets, ids }: TokenTable): string => sha256(bytesOf(offsets), bytesOf(ids));
