/** What the 10,000 texts of family.test.ts do not reach; the ids are those of Hugging Face's `tokenizers` (scripts/make_tokenizer_family_golden.py). */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { loadTokenizer, type Tokenizer } from '../../../src/encoders/tokenizer/tokenizer.js';
import golden from '../../golden/tokenizers/edges.golden.json' with { type: 'json' };
import { addedTexts, characterTexts, hashOf, textOf } from './texts.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-edges-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));
const NAMES = Object.keys(golden) as (keyof typeof golden)[];

/** The tokenizer `name`, its tokenizer.json and configuration with these changes. */
async function load(name: string, changes: object = {}, config: object = {}): Promise<Tokenizer> {
  const packed = fileURLToPath(new URL(`../../golden/tokenizers/${name}.json.gz`, import.meta.url));
  const home = fs.mkdtempSync(path.join(folder, name));
  const json = JSON.parse(zlib.gunzipSync(fs.readFileSync(packed)).toString());
  fs.writeFileSync(path.join(home, 'tokenizer.json'), JSON.stringify({ ...json, ...changes }));
  fs.writeFileSync(path.join(home, 'tokenizer_config.json'), JSON.stringify(config));
  return loadTokenizer(home);
}

/** The texts whose ids have another hash than the golden one. */
function different(texts: string[], hashes: string, encode: (text: string, i: number) => number[]): string[] {
  expect(hashes).toHaveLength(8 * texts.length);
  return texts.filter((text, i) => hashOf(encode(text, i)) !== hashes.slice(8 * i, 8 * i + 8));
}

it('characters of all scripts, to a BERT', async () => {
  const tokenizer = await load('bert-uncased');
  expect(different(characterTexts(), golden['bert-uncased'].characters, (text) => tokenizer.encode(text, 1e9))).toEqual([]);
});

describe.each(NAMES)('%s', (name) => {
  it('added tokens', async () => {
    const tokenizer = await load(name, { added_tokens: golden[name].addedTokens });
    expect(different(addedTexts(), golden[name].added, (text) => tokenizer.encode(text, 1e9))).toEqual([]);
  });

  it('pairs that are too long', async () => {
    const tokenizer = await load(name);
    const firsts = Array.from({ length: 500 }, (_, k) => textOf(2 * k));
    const pair = (first: string, k: number) => tokenizer.encodePair(first, textOf(2 * k + 1), 5 + ((14 * k) % 40)).ids;
    expect(different(firsts, golden[name].pairs, pair)).toEqual([]);
  });

  it('takes special tokens as objects in tokenizer_config.json', async () => {
    const [plain, configured] = [await load(name), await load(name, {}, { pad_token: { content: 'e', lstrip: false } })];
    expect([configured.clsId, configured.sepId]).toEqual([plain.clsId, plain.sepId]);
    expect(configured.padId).not.toBe(plain.padId);
  });
});

it('surrounds texts with what the post-processor says', async () => {
  const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
  const sequence = (id: string) => ({ Sequence: { id, type_id: 0 } });
  const single = [special('[MASK]'), sequence('A'), special('[PAD]'), special('[SEP]')];
  const pair = [special('[MASK]'), sequence('A'), special('[PAD]'), sequence('B'), special('[SEP]')];
  const special_tokens = Object.fromEntries(['[PAD]', '[SEP]', '[MASK]'].map((id, i) => [id, { id, ids: [[0, 3, 4][i]], tokens: [id] }]));
  const tokenizer = await load('bert-uncased', { post_processor: { type: 'TemplateProcessing', single, pair, special_tokens } });
  const [a, b] = [tokenizer.encode('heron', 99).slice(1, -2), tokenizer.encode('waits', 99).slice(1, -2)];
  expect([tokenizer.clsId, tokenizer.sepId]).toEqual([4, 3]);
  expect(tokenizer.encode('heron', 99)).toEqual([4, ...a, 0, 3]);
  expect(tokenizer.encode('heron', 4)).toEqual([4, a[0], 0, 3]);
  expect(tokenizer.encodePair('heron', 'waits', 99)).toEqual({ ids: [4, ...a, 0, ...b, 3], second: 2 + a.length });
});
