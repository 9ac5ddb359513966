/** 10,000 texts through each kind of tokenizer of BERT's family: the ids are those of Hugging Face's `tokenizers` (scripts/make_tokenizer_family_golden.py). */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../../src/encoders/tokenizer/tokenizer.js';
import { hashOf, TEXTS, textOf } from './texts.mjs';

const GOLDEN = fileURLToPath(new URL('../../golden/tokenizers/', import.meta.url));
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-family-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));
const texts = Array.from({ length: TEXTS }, (_, i) => textOf(i));

interface Golden {
  readonly hashes: string;
  readonly first: number[][];
  readonly pairs: number[][];
  readonly types: number[][];
}

function unpack(name: string): string {
  const home = path.join(folder, name);
  fs.mkdirSync(home, { recursive: true });
  fs.writeFileSync(path.join(home, 'tokenizer.json'), zlib.gunzipSync(fs.readFileSync(path.join(GOLDEN, `${name}.json.gz`))));
  return home;
}

const goldenOf = (name: string) => JSON.parse(fs.readFileSync(path.join(GOLDEN, `${name}.golden.json`), 'utf8')) as Golden;

async function different(home: string, { hashes }: Golden): Promise<string[]> {
  const tokenizer = await loadTokenizer(home);
  return texts.filter((text, i) => hashOf(tokenizer.encode(text, 1e9)) !== hashes.slice(8 * i, 8 * i + 8));
}

describe.each(['bert-uncased', 'bert-cased', 'roberta', 'xlm-roberta'])('%s', (name) => {
  it('the first texts, id by id', async () => {
    const tokenizer = await loadTokenizer(unpack(name));
    goldenOf(name).first.forEach((ids, i) => expect(tokenizer.encode(texts[i]!, 1e9), texts[i]).toEqual(ids));
  });

  it('pairs of texts, and where the second begins', async () => {
    const tokenizer = await loadTokenizer(unpack(name));
    const { pairs, types } = goldenOf(name);
    pairs.forEach((ids, i) => {
      const pair = tokenizer.encodePair(texts[2 * i]!, texts[2 * i + 1]!, 1e9);
      expect(pair.ids).toEqual(ids);
      if (types[i]!.includes(1)) expect(pair.second).toBe(types[i]!.indexOf(1));
    });
  });

  it('all 10,000 texts', async () => {
    const wrong = await different(unpack(name), goldenOf(name));
    expect(wrong.length, JSON.stringify(wrong.slice(0, 3)).slice(0, 500)).toBe(0);
  });
});

describe('older files', () => {
  const write = (name: string, files: Record<string, string>) => {
    const home = path.join(folder, name);
    fs.mkdirSync(home);
    for (const [file, content] of Object.entries(files)) fs.writeFileSync(path.join(home, file), content);
    return home;
  };
  const jsonOf = (name: string) => JSON.parse(fs.readFileSync(path.join(unpack(name), 'tokenizer.json'), 'utf8'));
  const lines = (vocab: Record<string, number>) =>
    `${Object.entries(vocab)
      .sort(([, a], [, b]) => a - b)
      .map(([token]) => token)
      .join('\n')}\n`;

  it.each([
    ['bert-uncased', '{}'],
    ['bert-cased', '{"do_lower_case": false}'],
  ])('vocab.txt alone: %s', async (name, config) => {
    const home = write(`${name}-txt`, { 'vocab.txt': lines(jsonOf(name).model.vocab), 'tokenizer_config.json': config });
    expect(await different(home, goldenOf(name))).toEqual([]);
  });

  it('vocab.json and merges.txt: roberta', async () => {
    const { vocab, merges } = jsonOf('roberta').model as { vocab: Record<string, number>; merges: string[][] };
    const withMask = { ...vocab, '<mask>': Object.keys(vocab).length };
    const text = ['#version: 0.2', ...merges.map((merge) => merge.join(' '))].join('\n');
    const home = write('roberta-old', { 'vocab.json': JSON.stringify(withMask), 'merges.txt': text });
    expect(await different(home, goldenOf('roberta'))).toEqual([]);
  });

  it('a sentencepiece model alone says how to get a tokenizer.json', async () => {
    await expect(loadTokenizer(write('sp', { 'sentencepiece.bpe.model': '' }))).rejects.toThrow('save_pretrained');
  });
});

it.each(['bert-uncased', 'roberta', 'xlm-roberta'])('%s: pairs that are too long lose the end of the longer text', async (name) => {
  const tokenizer = await loadTokenizer(unpack(name));
  const [short, long] = ['heron waits', 'the retrieval of passages '.repeat(30)];
  const [a, b] = [short, long].map((text) => tokenizer.encode(text, 1e9).slice(1, -1)) as [number[], number[]];
  const { ids, second } = tokenizer.encodePair(short, long, 30);
  expect(ids).toHaveLength(30);
  expect(ids.slice(1, 1 + a.length)).toEqual(a);
  expect(ids.slice(second, -1)).toEqual(b.slice(0, 29 - second));
  expect(tokenizer.encodePair(long, short, 30).ids.slice(1, 1 + 29 - second)).toEqual(b.slice(0, 29 - second));
  expect(tokenizer.encodePair(long, long, 31).ids).toHaveLength(31);
});

const base = path.join(process.env.SIMANS_DATA ?? '', 'bert-base-uncased');
it.skipIf(!process.env.SIMANS_DATA)('bert-base-uncased (skipped unless SIMANS_DATA names the folder of the data sets)', async () => {
  expect(await different(base, goldenOf('bert-base-uncased'))).toEqual([]);
});
