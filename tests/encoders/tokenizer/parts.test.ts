/** Parts of tokenizers that are trained anew more often than they are published; the ids are those of Hugging Face's `tokenizers` 0.23. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { loadTokenizer } from '../../../src/encoders/tokenizer/tokenizer.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-parts-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]'];
const idsOf = (tokens: readonly string[]) => Object.fromEntries(tokens.map((token, id) => [token, id]));
const wordPiece = {
  type: 'WordPiece',
  unk_token: '[UNK]',
  continuing_subword_prefix: '##',
  max_input_chars_per_word: 100,
  vocab: idsOf([...SPECIAL, 'caf', '##é', 'é', 'café', 'a', '##a', '…', '_', '##_', '1', '##2', '12', '٣', '①', '##①']),
};
const bpe = { type: 'BPE', unk_token: '[UNK]', vocab: idsOf([...SPECIAL, 'a', 'b', 'ab']), merges: ['a b'] };
const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
const unigram = { type: 'Unigram', unk_id: 1, vocab: [...SPECIAL, '▁', 'a', ...bytes].map((piece, id) => [piece, -1 - id]) };
const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true };
const isolated = { type: 'Punctuation', behavior: 'Isolated' };
const digits = (individual_digits: boolean) => ({
  type: 'Sequence',
  pretokenizers: [{ type: 'WhitespaceSplit' }, { type: 'Digits', individual_digits }],
});
const blanks = { type: 'Replace', pattern: { Regex: '\\s+|\\d' }, content: '_' };

const cases: [string, object, string, number[]][] = [
  ['Whitespace: words of any letters', { model: wordPiece, pre_tokenizer: { type: 'Whitespace' } }, 'café …_a', [7, 10, 11, 9]],
  ['Digits: one by one, of any script', { model: wordPiece, pre_tokenizer: digits(true) }, 'a12٣①', [8, 13, 1, 16, 17]],
  ['Digits: together', { model: wordPiece, pre_tokenizer: digits(false) }, 'a12a①', [8, 15, 8, 17]],
  ['Punctuation: each for itself', { model: wordPiece, pre_tokenizer: isolated }, 'a…_a', [8, 10, 11, 8]],
  [
    'Replace: white space and digits as Oniguruma knows them',
    { model: wordPiece, pre_tokenizer: isolated, normalizer: blanks },
    'a\u0085a٣a\ufeffa',
    [8, 11, 8, 11, 1],
  ],
  ['BPE: unknown neighbours each', { model: bpe, pre_tokenizer: { type: 'Whitespace' } }, 'abxyab xz', [6, 1, 1, 6, 1, 1]],
  [
    'BPE: unknown neighbours as one',
    { model: { ...bpe, fuse_unk: true }, pre_tokenizer: { type: 'Whitespace' } },
    'abxyab xz',
    [6, 1, 6, 1],
  ],
  ['Unigram: unknown pieces', { model: unigram, pre_tokenizer: metaspace }, 'aéa', [4, 5, 1, 5]],
  [
    'Unigram: unknown pieces as bytes',
    { model: { ...unigram, byte_fallback: true }, pre_tokenizer: metaspace },
    'aéa',
    [4, 5, 201, 175, 5],
  ],
];

it.each(cases)('%s', async (_, parts, text, expected) => {
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
    decoder: null,
    ...parts,
  };
  const home = fs.mkdtempSync(path.join(folder, 'tokenizer-'));
  fs.writeFileSync(path.join(home, 'tokenizer.json'), JSON.stringify(json));
  expect((await loadTokenizer(home)).encode(text, 100).slice(1, -1)).toEqual(expected);
});
