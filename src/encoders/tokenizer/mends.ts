/**
 * Where @xenova/transformers computes otherwise than Hugging Face's `tokenizers`: its parts are replaced by ones with the same ids on all
 * texts of tests/encoders/tokenizer/, and newer forms of tokenizer.json are written as it reads them. Replaced are the normalisers
 * BertNormalizer, Precompiled, Lowercase, Strip, StripAccents (but for marks since Unicode 10) and Replace, and the pre-tokenizers
 * BertPreTokenizer, ByteLevel, Digits, Metaspace, Punctuation (each for itself), Whitespace and WhitespaceSplit; a Metaspace that prepends to
 * the first word alone differs where a normaliser drops the text's first character.
 */
import { PUNCTUATION } from './bertTables.js';
import { lowerCase, normalizeBert, splitBertWords } from './bertText.js';
import { type BpeModel, bpeEncoder } from './bpe.js';
import { precompiledNormalizer } from './precompiled.js';
import { unigramEncoder } from './unigram.js';
import type { TokenizerJson } from './wordpiece.js';
import { wordPieceEncoder } from './wordpieceModel.js';

/** What is used of @xenova/transformers, which comes without types for this file. */
export interface XenovaTokenizer {
  normalizer: XenovaNormalizer | null;
  pre_tokenizer: XenovaPreTokenizer | null;
  model: {
    (words: string[]): string[];
    convert_tokens_to_ids(tokens: string[]): number[];
    tokens_to_ids: Map<string, number>;
    /** By id; ids may be missing. */
    vocab: (string | undefined)[];
  };
  decode(ids: readonly number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
}

interface XenovaNormalizer {
  (text: string): string;
  config: Part;
  normalizers?: XenovaNormalizer[];
  normalize(text: string): string;
}

/** Of a text between added tokens, the how-manieth of its document it is. */
type Splitter = (text: string, place: { section_index: number }) => string[];

interface XenovaPreTokenizer extends Splitter {
  tokenizers?: XenovaPreTokenizer[];
  pre_tokenize_text: Splitter;
}

const PRINTABLE = /^[\x21-\x7e]*$/;
const WHITE_SPACE = /\p{White_Space}/u;
/** Words and runs of other characters, as Rust's regular expressions know words. */
const WORDS = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu;
const PUNCTUATION_APART = new RegExp(`[^${PUNCTUATION}]+|${PUNCTUATION}`, 'gv');
const DIGITS = /\P{N}+|\p{N}/gu;
const NUMBERS = /\P{N}+|\p{N}+/gu;
/** Unicode's white space, as Rust and Oniguruma know it; JavaScript's own has U+FEFF and lacks U+0085. */
const BYTE_LEVEL_WORDS =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** Merges as pairs, and a Metaspace without add_prefix_space, are newer than the package. */
export function useOlderForms(json: TokenizerJson): void {
  const { merges } = json.model as { merges?: (string | [string, string])[] };
  if (merges) json.model.merges = merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')));
  for (const part of [json.pre_tokenizer, json.decoder].flatMap(partsOf)) {
    if (part.type === 'Metaspace') part.add_prefix_space ??= part.prepend_scheme !== 'never';
  }
}

interface Part {
  type: string;
  [key: string]: unknown;
}

/** The part itself, or those of a Sequence. */
function partsOf(part: unknown): Part[] {
  if (typeof part !== 'object' || part === null) return [];
  const { pretokenizers, decoders } = part as { pretokenizers?: unknown[]; decoders?: unknown[] };
  return [part as Part, ...(pretokenizers ?? decoders ?? []).flatMap(partsOf)];
}

/** Replaces the normalisers and pre-tokenizers that differ. */
export function mend(xenova: XenovaTokenizer, json: TokenizerJson, file: string): void {
  mendNormalizer(xenova.normalizer, file);
  mendPreTokenizer(xenova.pre_tokenizer, json.pre_tokenizer);
}

/** The ids of a word, by the model. */
export function wordEncoder(xenova: XenovaTokenizer, json: TokenizerJson): (word: string) => number[] {
  const { model } = json;
  if (model.type === 'WordPiece') return wordPieceEncoder(json);
  if (model.type === 'Unigram') {
    const { vocab, unk_id, byte_fallback } = model as unknown as { vocab: [string, number][]; unk_id: number; byte_fallback?: boolean };
    const cut = unigramEncoder(vocab, unk_id);
    const ids = new Map(vocab.map(([token], id) => [token, id]));
    const bytesOfPiece = (piece: string): number[] | undefined => {
      const bytes = Array.from(Buffer.from(piece), (byte) => ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`));
      return bytes.every((id) => id !== undefined) ? bytes : undefined;
    };
    return (word) => cut(word).flatMap((piece) => ids.get(piece) ?? (byte_fallback ? bytesOfPiece(piece) : undefined) ?? unk_id);
  }
  const { end_of_word_suffix, byte_fallback, continuing_subword_prefix } = model;
  if (model.type === 'BPE' && !end_of_word_suffix && !byte_fallback && !continuing_subword_prefix)
    return bpeEncoder(model as unknown as BpeModel);
  return (word) => xenova.model.convert_tokens_to_ids(xenova.model([word]));
}

function mendNormalizer(normalizer: XenovaNormalizer | null, file: string): void {
  if (!normalizer) return;
  for (const inner of normalizer.normalizers ?? []) mendNormalizer(inner, file);
  normalizer.normalize = mendedNormalizer(normalizer.config, file) ?? normalizer.normalize;
}

function mendedNormalizer(config: Part, file: string): ((text: string) => string) | undefined {
  switch (config.type) {
    case 'BertNormalizer': {
      const { clean_text, handle_chinese_chars, strip_accents, lowercase } = config;
      const options = {
        cleanText: clean_text !== false,
        separateCjk: handle_chinese_chars !== false,
        stripAccents: (strip_accents ?? lowercase) === true,
        lowercase: lowercase === true,
      };
      return (text) => normalizeBert(text, options);
    }
    case 'Precompiled':
      return precompiledNormalizer(String(config.precompiled_charsmap), file);
    case 'Lowercase':
      return lowerCase;
    case 'StripAccents':
      return (text) => text.replace(/\p{M}/gu, '');
    case 'Strip':
      return (text) => strip(text, config.strip_left === true, config.strip_right === true);
    case 'Replace': {
      const { Regex, String: plain } = config.pattern as { Regex?: string; String?: string };
      const search = Regex === undefined ? String(plain) : unicodePattern(Regex);
      // A function, so that $ in the content stands for itself.
      return (text) => text.replaceAll(search, () => String(config.content));
    }
    default:
      return undefined;
  }
}

/** A pattern of Oniguruma's: JavaScript's \d and \w are of ASCII, and its \s has U+FEFF and lacks U+0085. */
const UNICODE_CLASSES: Readonly<Record<string, string>> = {
  '\\s': '\\p{White_Space}',
  '\\S': '\\P{White_Space}',
  '\\d': '\\p{Nd}',
  '\\D': '\\P{Nd}',
  '\\w': '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]',
};
const unicodePattern = (pattern: string): RegExp =>
  new RegExp(
    pattern.replace(/\\./gsu, (part) => UNICODE_CLASSES[part] ?? part),
    'gu',
  );

function strip(text: string, left: boolean, right: boolean): string {
  let [start, end] = [0, text.length];
  while (left && start < end && WHITE_SPACE.test(text[start]!)) start++;
  while (right && end > start && WHITE_SPACE.test(text[end - 1]!)) end--;
  return text.slice(start, end);
}

function mendPreTokenizer(preTokenizer: XenovaPreTokenizer | null, config: Part | null): void {
  if (!preTokenizer || !config) return;
  const parts = config.pretokenizers as Part[] | undefined;
  preTokenizer.tokenizers?.forEach((inner, i) => mendPreTokenizer(inner, parts![i]!));
  if (config.type === 'ByteLevel') preTokenizer.pre_tokenize_text = byteLevel(config);
  if (config.type === 'BertPreTokenizer') preTokenizer.pre_tokenize_text = splitBertWords;
  if (config.type === 'WhitespaceSplit') preTokenizer.pre_tokenize_text = (text) => text.match(/\P{White_Space}+/gu) ?? [];
  if (config.type === 'Whitespace') preTokenizer.pre_tokenize_text = (text) => text.match(WORDS) ?? [];
  if (config.type === 'Digits') preTokenizer.pre_tokenize_text = (text) => text.match(config.individual_digits ? DIGITS : NUMBERS) ?? [];
  if (config.type === 'Punctuation' && config.behavior === 'Isolated')
    preTokenizer.pre_tokenize_text = (text) => text.match(PUNCTUATION_APART) ?? [];
  if (config.type === 'Metaspace') preTokenizer.pre_tokenize_text = metaspace(config);
}

/** GPT-2's words, each byte of their UTF-8 written as a printable character. */
function byteLevel({ add_prefix_space, use_regex }: Part): Splitter {
  const characters = byteCharacters();
  const write = (word: string): string => {
    // Printable ASCII stands for itself; only the space before a word does not.
    if (PRINTABLE.test(word)) return word;
    if (word[0] === ' ' && PRINTABLE.test(word.slice(1))) return characters[32] + word.slice(1);
    let out = '';
    for (const byte of Buffer.from(word)) out += characters[byte];
    return out;
  };
  return (text) => {
    const begun = add_prefix_space === true && !text.startsWith(' ') ? ` ${text}` : text;
    return (use_regex === false ? [begun] : (begun.match(BYTE_LEVEL_WORDS) ?? [])).map(write);
  };
}

/** By byte: itself where it is printable in Latin-1, else the next free character from U+0100. */
function byteCharacters(): string[] {
  let free = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    return String.fromCharCode(printable ? byte : free++);
  });
}

/** SentencePiece's words, which begin with the sign of a space. */
function metaspace({ replacement, prepend_scheme, add_prefix_space, split }: Part): Splitter {
  const sign = String(replacement ?? '▁');
  const scheme = add_prefix_space === false ? 'never' : (prepend_scheme ?? 'always');
  const border = new RegExp(`(?=${sign})`, 'u');
  return (text, { section_index }) => {
    const signed = text.replaceAll(' ', sign);
    const prepend = (scheme === 'always' || (scheme === 'first' && section_index === 0)) && !signed.startsWith(sign);
    const begun = prepend ? sign + signed : signed;
    return split === false ? [begun] : begun.split(border);
  };
}
