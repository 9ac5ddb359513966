import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../../src/core/files.js';
import { loadTokenizer, type Tokenizer } from '../../../src/encoders/tokenizer/tokenizer.js';
import golden from '../../golden/tokenizer.json' with { type: 'json' };

let folder: string;
let tokenizer: Tokenizer;

function write(name: string, content: unknown): string {
  const target = path.join(folder, name);
  fs.mkdirSync(target, { recursive: true });
  fs.writeFileSync(path.join(target, 'tokenizer.json'), typeof content === 'string' ? content : JSON.stringify(content));
  return target;
}

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-tokenizer-'));
  tokenizer = await loadTokenizer(write('golden', golden.small.tokenizer));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

const show = ({ text, ids }: { text: string; ids: number[] }) => [JSON.stringify(text).slice(0, 60), text, ids] as const;

describe('ids and decoded text equal the reference', () => {
  it.each(golden.small.cases.map(show))('small vocabulary: %s', (_, text, ids) => {
    expect(tokenizer.encode(text, 100_000)).toEqual(ids);
    // Again, now from the cache of pieces.
    expect(tokenizer.encode(text, 100_000)).toEqual(ids);
  });

  it('decoding', () => {
    expect(golden.small.cases.map(({ ids }) => tokenizer.decode(ids))).toEqual(golden.small.cases.map(({ decoded }) => decoded));
  });

  it('without model.type in the file, as in older ones', async () => {
    const { type: _, ...model } = golden.small.tokenizer.model;
    const untyped = await loadTokenizer(write('untyped', { ...golden.small.tokenizer, model }));
    expect(golden.small.cases.map(({ text }) => untyped.encode(text, 100_000))).toEqual(golden.small.cases.map(({ ids }) => ids));
  });

  it('on the path without a cache of pieces', async () => {
    // A normaliser that the cache does not know of and that changes nothing here.
    const harmless = { type: 'Replace', pattern: { String: '\u{f0000}' }, content: '' };
    const normalizers = [harmless, ...golden.small.tokenizer.normalizer.normalizers];
    const whole = await loadTokenizer(write('whole', { ...golden.small.tokenizer, normalizer: { type: 'Sequence', normalizers } }));
    expect(golden.small.cases.map(({ text }) => whole.encode(text, 100_000))).toEqual(golden.small.cases.map(({ ids }) => ids));
  });

  const bert = path.join(process.env.SIMANS_DATA ?? '', 'bert-base-uncased');
  it.skipIf(!process.env.SIMANS_DATA)('bert-base-uncased (skipped unless SIMANS_DATA names the folder of the data sets)', async () => {
    const base = await loadTokenizer(bert);
    expect([base.vocabSize, base.padId, base.unkId, base.clsId, base.sepId]).toEqual([30_522, 0, 100, 101, 102]);
    for (const { text, ids, decoded } of golden.bertBaseUncased.cases) {
      expect(base.encode(text, 100_000)).toEqual(ids);
      expect(base.decode(ids)).toBe(decoded);
    }
  });
});

describe('encode', () => {
  it('knows the special tokens and the file it came from', () => {
    expect([tokenizer.padId, tokenizer.unkId, tokenizer.clsId, tokenizer.sepId]).toEqual([0, 1, 2, 3]);
    expect(tokenizer.vocabSize).toBe(Object.keys(golden.small.tokenizer.model.vocab).length);
    expect(tokenizer.fingerprint).toBe(sha256(JSON.stringify(golden.small.tokenizer)));
  });

  it('knows which tokens continue a word', () => {
    const vocab = Object.entries(golden.small.tokenizer.model.vocab);
    expect([...tokenizer.continues]).toEqual(vocab.sort(([, a], [, b]) => a - b).map(([token]) => (token.startsWith('##') ? 1 : 0)));
    expect(tokenizer.continues.some((flag) => flag === 1)).toBe(true);
  });

  it('knows the ways to write a piece as two', () => {
    const vocab = golden.small.tokenizer.model.vocab as Record<string, number>;
    const pieces = new Map(Object.entries(vocab).map(([piece, id]) => [id, piece]));
    const bare = (piece: string) => piece.replace(/^##/, '');
    let ways = 0;
    tokenizer.halves.forEach((pairs, id) => {
      const whole = pieces.get(id)!;
      for (let i = 0; i < pairs.length; i += 2, ways++) {
        const [left, right] = [pieces.get(pairs[i]!)!, pieces.get(pairs[i + 1]!)!];
        expect([bare(left) + bare(right), left.startsWith('##'), right.startsWith('##')]).toEqual([
          bare(whole),
          whole.startsWith('##'),
          true,
        ]);
      }
    });
    // Every two entries that make a third are there.
    const expected = [...pieces.values()].flatMap((left) =>
      [...pieces.values()].filter((right) => right.startsWith('##') && right.length > 2 && left !== '##' && left + bare(right) in vocab),
    );
    expect(ways).toBe(expected.length);
    expect(ways).toBeGreaterThan(0);
  });

  it('cuts the end and keeps [SEP], for any text and limit', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.constantFrom(...golden.small.cases.map((c) => c.text)));
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 40 }), (sample, maxTokens) => {
        const whole = tokenizer.encode(sample, 100_000);
        const expected = whole.length <= maxTokens ? whole : [...whole.slice(0, maxTokens - 1), tokenizer.sepId];
        expect(tokenizer.encode(sample, maxTokens)).toEqual(expected);
      }),
    );
  });

  it('treats pieces between blanks alone', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        const body = (text: string) => tokenizer.encode(text, 100_000).slice(1, -1);
        expect(body(`${a} ${b}`)).toEqual([...body(a), ...body(b)]);
      }),
    );
  });
});

describe('errors', () => {
  it.each([
    ['no file', undefined, /no tokenizer; expected tokenizer\.json/],
    ['broken JSON', '{"model":', /tokenizer\.json: found broken JSON/],
    ['no vocabulary', {}, /tokenizer\.json: found no model\.vocab/],
    ['an unknown normaliser', { ...golden.small.tokenizer, normalizer: { type: 'Nmt' } }, /cannot use it \(Unknown Normalizer type: Nmt\)/],
    [
      'no [CLS]',
      { ...golden.small.tokenizer, added_tokens: [], model: { ...golden.small.tokenizer.model, vocab: { '[PAD]': 0, '[UNK]': 1, a: 2 } } },
      /found none of the tokens \[CLS\], <s>/,
    ],
  ])('%s', async (name, content, message) => {
    const target = content === undefined ? path.join(folder, 'absent') : write(name, content);
    const error = await loadTokenizer(target).then(
      () => undefined,
      (thrown: unknown) => thrown as Error,
    );
    expect(error?.name).toBe('UserError');
    expect(error?.message).toMatch(message);
  });
});
