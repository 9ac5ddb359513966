/**
 * Where @xenova/transformers computes otherwise than Hugging Face's `tokenizers`: its parts are replaced by ones with the same ids on all 10,000 texts of
 * tests/encoders/tokenizer/family.test.ts, and newer forms of tokenizer.json are written as it reads them.
 */
import { normalizeBert } from './bertText.js';
import { precompiledNormalizer } from './precompiled.js';
import { unigramEncoder } from './unigram.js';
import type { TokenizerJson } from './wordpiece.js';

/** What is used of @xenova/transformers, which comes without types for this file. */
export interface XenovaTokenizer {
  normalizer: XenovaNormalizer | null;
  pre_tokenizer: XenovaPreTokenizer;
  model: {
    (words: string[]): string[];
    encode(words: string[]): string[];
    fuse_unk: boolean;
    convert_tokens_to_ids(tokens: string[]): number[];
    tokens_to_ids: Map<string, number>;
    /** By id; ids may be missing. */
    vocab: (string | undefined)[];
  };
  added_tokens_regex: RegExp | null;
  _encode_text(text: string): string[];
  decode(ids: readonly number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
}

interface XenovaNormalizer {
  (text: string): string;
  config: { type: string; [key: string]: unknown };
  normalizers?: XenovaNormalizer[];
  normalize(text: string): string;
}

interface XenovaPreTokenizer {
  (text: string): string[];
  config?: { type: string; [key: string]: unknown };
  tokenizers?: XenovaPreTokenizer[];
  pattern?: RegExp;
  pre_tokenize_text(text: string): string[];
}

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

export function mend(xenova: XenovaTokenizer, json: TokenizerJson, file: string): void {
  mendNormalizer(xenova.normalizer, file);
  mendPreTokenizer(xenova.pre_tokenizer);
  // Tokens that take the white space beside them along.
  if (xenova.added_tokens_regex)
    xenova.added_tokens_regex = new RegExp(xenova.added_tokens_regex.source.replaceAll('\\s*', '\\p{White_Space}*'), 'u');
  if (json.model.type !== 'Unigram') return;
  const { vocab, unk_id } = json.model as unknown as { vocab: [string, number][]; unk_id: number };
  const cut = unigramEncoder(vocab, unk_id);
  xenova.model.fuse_unk = false; // done within each word, not over their borders
  xenova.model.encode = (words) => words.flatMap(cut);
}

function mendNormalizer(normalizer: XenovaNormalizer | null, file: string): void {
  if (!normalizer) return;
  for (const inner of normalizer.normalizers ?? []) mendNormalizer(inner, file);
  const { type, precompiled_charsmap, clean_text, handle_chinese_chars, strip_accents, lowercase } = normalizer.config;
  if (type === 'Precompiled') normalizer.normalize = precompiledNormalizer(String(precompiled_charsmap), file);
  if (type !== 'BertNormalizer') return;
  const options = {
    cleanText: clean_text !== false,
    separateCjk: handle_chinese_chars !== false,
    stripAccents: (strip_accents ?? lowercase) === true,
    lowercase: lowercase === true,
  };
  normalizer.normalize = (text) => normalizeBert(text, options);
}

function mendPreTokenizer(preTokenizer: XenovaPreTokenizer | null): void {
  if (!preTokenizer) return;
  for (const inner of preTokenizer.tokenizers ?? []) mendPreTokenizer(inner);
  if (preTokenizer.pattern && preTokenizer.config?.type === 'ByteLevel') preTokenizer.pattern = BYTE_LEVEL_WORDS;
  if (preTokenizer.constructor.name === 'WhitespaceSplit')
    preTokenizer.pre_tokenize_text = (text) => text.match(/\P{White_Space}+/gu) ?? [];
}
