import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentReporter } from '../../src/core/reporter.js';
import { createTexts } from '../../src/data/texts.js';
import { tokenTable } from '../../src/data/tokenCache.js';
import type { TokenTable } from '../../src/data/types.js';

let cacheFolder: string;
let encoded: string[];
let lines: string[];

beforeEach(() => {
  cacheFolder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-tokens-'));
  encoded = [];
  lines = [];
});
afterEach(() => fs.rmSync(cacheFolder, { recursive: true }));

const texts = createTexts(['a', 'b', 'c'], ['one two three', '', 'four'], 'passage');

/** Words to their lengths, between 101 and 102. */
const lengthTokenizer = (fingerprint = 'lengths') => ({
  fingerprint,
  encode(text: string, maxTokens: number) {
    encoded.push(text);
    const body = text
      .split(' ')
      .filter(Boolean)
      .map((word) => word.length);
    return [101, ...body.slice(0, maxTokens - 2), 102];
  },
  encodeFields: (fields: readonly string[]) => [101, ...fields.flatMap((field) => [field.length, 102])],
});

function table(maxTokens = 4, corpus = texts, fingerprint?: string): TokenTable {
  const reporter = { ...silentReporter, line: (text: string) => lines.push(text) };
  return tokenTable(corpus, lengthTokenizer(fingerprint), maxTokens, { cacheFolder, reporter, what: 'passages' });
}

const onlyFile = () => path.join(cacheFolder, fs.readdirSync(cacheFolder)[0]!);

function flipBit(bytes: Buffer, at: number): Buffer {
  bytes[at]! ^= 1;
  return bytes;
}

describe('tokenTable', () => {
  it('holds the tokens of each text, cut to the limit', () => {
    const { ids, offsets } = table();
    expect([...offsets]).toEqual([0, 4, 6, 9]);
    expect([...ids]).toEqual([101, 3, 3, 102, 101, 102, 101, 4, 102]);
  });

  it('grows beyond its first guess', () => {
    const long = createTexts(['a'], [Array.from({ length: 5000 }, (_, i) => 'x'.repeat((i % 7) + 1)).join(' ')], 'passage');
    const { ids } = table(10_000, long);
    expect(ids.length).toBe(5002);
    expect(ids[5000]).toBe((4999 % 7) + 1);
  });

  it('comes from the cache the second time, equal', () => {
    const first = table();
    encoded = [];
    expect(table()).toEqual(first);
    expect(encoded).toEqual([]);
    expect(lines).toEqual([]);
  });

  it('is made anew for other texts, another tokenizer or another limit', () => {
    table();
    table(3);
    table(4, texts, 'other');
    table(4, createTexts(['a', 'b', 'c'], ['one two three', '', 'five'], 'passage'));
    expect(encoded.length).toBe(4 * texts.size);
    expect(fs.readdirSync(cacheFolder).length).toBe(4);
  });

  const damages: [string, (bytes: Buffer) => Buffer, RegExp][] = [
    ['a flipped bit in the ids', (bytes) => flipBit(bytes, bytes.length - 3), /checksum/],
    ['a flipped bit in the offsets', (bytes) => flipBit(bytes, 84), /checksum/],
    ['a lost end', (bytes) => bytes.subarray(0, bytes.length - 4), /found \d+ bytes, expected \d+/],
    ['a lost header', (bytes) => bytes.subarray(0, 20), /too early/],
    ['something else', () => Buffer.from('x'.repeat(200)), /no token cache header/],
    ['nothing', () => Buffer.alloc(0), /too early/],
  ];

  it.each(damages)('rebuilds a cache file with %s and says so', (_, damage, message) => {
    const first = table();
    const file = onlyFile();
    const good = fs.readFileSync(file);
    fs.writeFileSync(file, damage(Buffer.from(good)));
    expect(table()).toEqual(first);
    expect(lines.length).toBe(1);
    expect(lines[0]).toContain(file);
    expect(lines[0]).toMatch(message);
    expect(fs.readFileSync(file)).toEqual(good);
  });
});
