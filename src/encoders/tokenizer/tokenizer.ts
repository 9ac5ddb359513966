/**
 * The token ids of texts, the same as Hugging Face's `tokenizers` gives, for the tokenizers of BERT's family: WordPiece (BERT, DistilBERT,
 * ELECTRA, ERNIE), byte-level BPE (RoBERTa) and Unigram (XLM-R). tokenizer.json is read with @xenova/transformers, which also decodes;
 * mends.ts says which of its parts are replaced. Other parts are the package's own and may differ. (Golden ids:
 * tests/golden/tokenizer.json, tests/golden/tokenizers.)
 */
import { messageOf, UserError } from '../../core/errors.js';
import { sha256 } from '../../core/files.js';
import { addedTokenFinder } from './addedTokens.js';
import { visitPieces } from './bertText.js';
import { readTokenizerFiles } from './files.js';
import { mend, useOlderForms, wordEncoder, type XenovaTokenizer } from './mends.js';
import { longestFirst, specialIds, templateOf } from './template.js';
import { IDENTIFIER_BORDER, type NormalizerJson, type TokenizerJson } from './wordpiece.js';
import { continuingTokens, halvesOf } from './wordpieceModel.js';

export interface Tokenizer {
  /** SHA-256 of tokenizer.json. */
  readonly fingerprint: string;
  /** The text of tokenizer.json. */
  readonly json: string;
  /** One more than the highest token id. */
  readonly vocabSize: number;
  readonly padId: number;
  readonly clsId: number;
  readonly sepId: number;
  readonly unkId: number;
  /** By id, 1 for the tokens that continue a word (WordPiece's ##…); in other models no token is known to. */
  readonly continues: Uint8Array;
  /** By id, the ways to write a WordPiece as two smaller ones: left, right, left, right, …; empty for other models. */
  readonly halves: readonly Int32Array[];
  /** [CLS] … [SEP] of the text, at most `maxTokens` (≥ 2) ids; what is too long loses its end, never [SEP]. */
  encode(text: string, maxTokens: number): number[];
  /** [CLS] first [SEP] second … [SEP], as DPR reads a title and a text; what is too long loses its end. */
  encodeFields(fields: readonly string[], maxTokens: number): number[];
  /**
   * Both texts as one sequence, as the tokenizer's post-processor joins them ([CLS] a [SEP] b [SEP]), at most `maxTokens` ids; what is too long loses
   * the end of the longer text first. `second` is the place of the second text's first token.
   */
  encodePair(first: string, second: string, maxTokens: number): { ids: number[]; second: number };
  /** The text of the ids, without special tokens. */
  decode(ids: readonly number[]): string;
}

/** Not the package's root, which loads sharp and fails where sharp's install script did not run. */
const XENOVA_MODULE: string = '@xenova/transformers/src/tokenizers.js';
/** Mends an install that left the package out. */
export const XENOVA_INSTALL = 'npm pkg set overrides.sharp=^0.34.0 && npm i';

const MOST_CACHED_PIECES = 1 << 18;
const LONGEST_CACHED_PIECE = 64;

/** Reads the tokenizer of a folder (files.ts says of which files). Throws a UserError naming the file and what to do. */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const { file, content, json, config } = readTokenizerFiles(folder);
  if (typeof json?.model?.vocab !== 'object') {
    throw new UserError(`${file}: found no model.vocab; expected a Hugging Face tokenizer.json; get the file again.`);
  }
  json.model.type ??= modelType(json.model);
  useOlderForms(json);
  const xenova = await createXenova(file, json);
  mend(xenova, json, file);
  const special = specialIds(xenova.model.tokens_to_ids, json, config, file);
  const template = templateOf(json, special);
  let halves: Int32Array[] | undefined;
  const encodeBody = usable(file, () => bodyEncoder(xenova, json));
  return {
    fingerprint: sha256(content),
    json: content,
    vocabSize: xenova.model.vocab.length,
    ...special,
    continues: continuingTokens(json, xenova.model),
    // Made when first asked for: training with piece dropout alone needs them, and a large vocabulary has many.
    get halves() {
      halves ??= halvesOf(json, xenova.model);
      return halves;
    },
    encode: (text, maxTokens) => {
      const [before, after] = template.single;
      return [...before, ...encodeBody(text, maxTokens - before.length - after.length), ...after];
    },
    encodeFields: (fields, maxTokens) => {
      const [before, after] = template.single;
      const room = maxTokens - before.length - after.length;
      const body = fields.flatMap((field, i) => (i === 0 ? encodeBody(field, room) : [special.sepId, ...encodeBody(field, room)]));
      return [...before, ...body.slice(0, room), ...after];
    },
    encodePair: (first, second, maxTokens) => {
      const [a, b] = [encodeBody(first), encodeBody(second)];
      const [before, between, after] = template.pair;
      const kept = longestFirst(a.length, b.length, maxTokens - before.length - between.length - after.length);
      const head = [...before, ...a.slice(0, kept[0]), ...between];
      return { ids: [...head, ...b.slice(0, kept[1]), ...after], second: head.length };
    },
    // The decoder of tokenizer.json cleans up token by token, as `tokenizers` does; @xenova/transformers would do it again on the whole text.
    decode: (ids) => (ids.length === 0 ? '' : xenova.decode(ids, { skip_special_tokens: true, clean_up_tokenization_spaces: false })),
  };
}

/** Older files, bert-base-uncased's among them, do not name their model, and @xenova/transformers then drops words silently. */
function modelType(model: TokenizerJson['model']): string {
  if (Array.isArray(model.vocab)) return 'Unigram';
  return 'merges' in model ? 'BPE' : 'WordPiece';
}

/** Loads the optional package. Throws a UserError with the line to run where it is missing: before long work, not after it. */
export async function requireTokenizerPackage(): Promise<new (json: TokenizerJson, config: Record<string, unknown>) => XenovaTokenizer> {
  try {
    return (await import(XENOVA_MODULE)).PreTrainedTokenizer;
  } catch (error) {
    throw new UserError(`@xenova/transformers: cannot be loaded (${messageOf(error)}); it reads tokenizer.json; run: ${XENOVA_INSTALL}`);
  }
}

async function createXenova(file: string, json: TokenizerJson): Promise<XenovaTokenizer> {
  const PreTrainedTokenizer = await requireTokenizerPackage();
  // Without tokenizer_config.json: the package refuses some forms of it, and nothing used here depends on it.
  return usable(file, () => new PreTrainedTokenizer(json, {}));
}

function usable<T>(file: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new UserError(`${file}: cannot use it (${messageOf(error)}); expected a tokenizer of a BERT-like encoder; take another.`);
  }
}

/** Whether the ids of a text are those of its pieces between white space, one after the other. */
function isPieceLocal(json: TokenizerJson): boolean {
  const isLocal = (normalizer: NormalizerJson | null): boolean => {
    if (normalizer?.type === 'Sequence') return normalizer.normalizers!.every(isLocal);
    return normalizer?.type === 'BertNormalizer' || (normalizer?.type === 'Replace' && normalizer.pattern?.Regex === IDENTIFIER_BORDER);
  };
  return json.model.type === 'WordPiece' && json.pre_tokenizer?.type === 'BertPreTokenizer' && isLocal(json.normalizer);
}

/** Ids of a text without [CLS] and [SEP], at most `limit`. */
type BodyEncoder = (text: string, limit?: number) => number[];

function bodyEncoder(xenova: XenovaTokenizer, json: TokenizerJson): BodyEncoder {
  const idsOfWord = wordEncoder(xenova, json);
  const normalize = (text: string): string => (xenova.normalizer ? xenova.normalizer(text) : text);
  const words = (text: string, section_index: number): string[] =>
    xenova.pre_tokenizer ? xenova.pre_tokenizer(text, { section_index }) : [text];
  const [raw, normalized] = [false, true].map((flag) => json.added_tokens.filter((token) => (token.normalized ?? !token.special) === flag));
  const inRaw = addedTokenFinder(raw!);
  const inNormalized = addedTokenFinder(normalized!.map((token) => ({ ...token, content: normalize(token.content) })));
  const idsOfWordCached = remembered(idsOfWord);
  const encodeWhole: BodyEncoder = (text, limit = Number.POSITIVE_INFINITY) => {
    const ids: number[] = [];
    let section = 0;
    for (const stretch of inRaw.cut(text)) {
      for (const part of typeof stretch === 'number' ? [stretch] : inNormalized.cut(normalize(stretch))) {
        if (typeof part === 'number') ids.push(part);
        else if (part !== '') for (const word of words(part, section)) for (const id of idsOfWordCached(word)) ids.push(id);
        section++;
      }
      if (ids.length >= limit) break;
    }
    return ids.length > limit ? ids.slice(0, limit) : ids;
  };
  if (!isPieceLocal(json) || normalized!.length > 0) return encodeWhole;
  const idsOfPiece = remembered((piece: string) => words(normalize(piece), 0).flatMap(idsOfWord));
  return (text, limit = Number.POSITIVE_INFINITY) => {
    // A special token written out in the text is that token, and may stand inside a piece.
    if (inRaw.mayOccurIn(text)) return encodeWhole(text, limit);
    const ids: number[] = [];
    visitPieces(text, (piece) => {
      for (const id of idsOfPiece(piece)) ids.push(id);
      return ids.length < limit;
    });
    if (ids.length > limit) ids.length = limit;
    return ids;
  };
}

/** Natural text repeats few pieces often. */
function remembered(encode: (piece: string) => number[]): (piece: string) => number[] {
  const cache = new Map<string, number[]>();
  return (piece) => {
    const cached = cache.get(piece);
    if (cached) return cached;
    const ids = encode(piece);
    if (piece.length <= LONGEST_CACHED_PIECE) {
      if (cache.size >= MOST_CACHED_PIECES) cache.clear();
      cache.set(piece, ids);
    }
    return ids;
  };
}
