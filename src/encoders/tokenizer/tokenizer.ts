/**
 * Reads a Hugging Face tokenizer.json with @xenova/transformers and gives the token ids of texts, the same as Hugging Face's `tokenizers` gives
 * (golden ids in tests/golden/tokenizer.json).
 */
import { messageOf, UserError } from '../../core/errors.js';
import { sha256 } from '../../core/files.js';
import { visitPieces } from './bertText.js';
import { readTokenizerFiles } from './files.js';
import { mend, useOlderForms, type XenovaTokenizer } from './mends.js';
import { IDENTIFIER_BORDER, type NormalizerJson, type TokenizerJson } from './wordpiece.js';

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
  const xenova = await createXenova(file, json, config);
  mend(xenova, json, file);
  const { padId, clsId, sepId, unkId } = specialIds(xenova, file);
  let halves: Int32Array[] | undefined;
  const encodeBody = isPieceLocal(json) ? cachedEncoder(xenova) : wholeTextEncoder(xenova);
  return {
    fingerprint: sha256(content),
    json: content,
    vocabSize: xenova.model.vocab.length,
    padId,
    clsId,
    sepId,
    unkId,
    continues: continuingTokens(json, xenova.model.vocab),
    // Made when first asked for: training with piece dropout alone needs them, and a large vocabulary has many.
    get halves() {
      halves ??= halvesOf(json, xenova.model);
      return halves;
    },
    encode: (text, maxTokens) => [clsId, ...encodeBody(text, maxTokens - 2), sepId],
    encodePair: (first, second, maxTokens) => {
      const between = json.post_processor !== null && separatorsOf(json) > 1 ? [sepId, sepId] : [sepId];
      const [a, b] = truncatedPair(encodeBody(first, maxTokens), encodeBody(second, maxTokens), maxTokens - 2 - between.length);
      const head = [clsId, ...a, ...between];
      return { ids: [...head, ...b, sepId], second: head.length };
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

async function createXenova(file: string, json: TokenizerJson, config: Record<string, unknown>): Promise<XenovaTokenizer> {
  const PreTrainedTokenizer = await requireTokenizerPackage();
  try {
    return new PreTrainedTokenizer(json, config);
  } catch (error) {
    throw new UserError(
      `${file}: @xenova/transformers cannot use it (${messageOf(error)}); expected a tokenizer of a BERT-like encoder; take another.`,
    );
  }
}

function specialIds(xenova: XenovaTokenizer, file: string): { padId: number; clsId: number; sepId: number; unkId: number } {
  const find = (...names: string[]): number => {
    const name = names.find((candidate) => xenova.model.tokens_to_ids.has(candidate));
    if (name === undefined) {
      throw new UserError(
        `${file}: found none of the tokens ${names.join(', ')}; expected one of them; take the tokenizer of a BERT-like encoder.`,
      );
    }
    return xenova.model.tokens_to_ids.get(name)!;
  };
  return { padId: find('[PAD]', '<pad>'), clsId: find('[CLS]', '<s>'), sepId: find('[SEP]', '</s>'), unkId: find('[UNK]', '<unk>') };
}

/** How many separators stand between two texts: RoBERTa's family has two. */
function separatorsOf({ post_processor }: TokenizerJson): number {
  const { type, pair } = post_processor as { type: string; pair?: ({ Sequence?: { id: string } } | { SpecialToken: object })[] };
  if (type !== 'TemplateProcessing') return type === 'RobertaProcessing' ? 2 : 1;
  const place = (id: string) => pair!.findIndex((part) => 'Sequence' in part && part.Sequence?.id === id);
  return place('B') - place('A') - 1;
}

/** As `tokenizers` truncates pairs (longest_first): the shorter text stays whole as long as it takes no more than half. */
function truncatedPair(a: number[], b: number[], limit: number): [number[], number[]] {
  if (a.length + b.length <= limit) return [a, b];
  const shorter = Math.min(a.length, b.length);
  const halves: [number, number] = [Math.floor(limit / 2), limit - Math.floor(limit / 2)];
  const [small, large] = shorter + Math.max(shorter, limit - shorter) > limit ? halves : [shorter, Math.max(shorter, limit - shorter)];
  return a.length > b.length ? [a.slice(0, large), b.slice(0, small)] : [a.slice(0, small), b.slice(0, large)];
}

function continuingTokens(json: TokenizerJson, vocabulary: readonly (string | undefined)[]): Uint8Array {
  const prefix = json.model.continuing_subword_prefix;
  return Uint8Array.from(vocabulary, (token) => (json.model.type === 'WordPiece' && token?.startsWith(String(prefix)) ? 1 : 0));
}

/** un·happy and unh·##appy of unhappy, where both parts are entries of the vocabulary. */
function halvesOf(json: TokenizerJson, { vocab, tokens_to_ids }: XenovaTokenizer['model']): Int32Array[] {
  if (json.model.type !== 'WordPiece') return Array.from(vocab, () => new Int32Array(0));
  const prefix = String(json.model.continuing_subword_prefix);
  const special = new Set((json.added_tokens ?? []).map(({ content }) => content));
  return Array.from(vocab, (token = '') => {
    if (special.has(token)) return new Int32Array(0);
    const begin = token.startsWith(prefix) ? prefix : '';
    const characters = [...token.slice(begin.length)];
    const ways = characters.slice(1).map((_, i) => {
      const left = tokens_to_ids.get(begin + characters.slice(0, i + 1).join(''));
      const right = tokens_to_ids.get(prefix + characters.slice(i + 1).join(''));
      return left === undefined || right === undefined ? [] : [left, right];
    });
    return Int32Array.from(ways.flat());
  });
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
type BodyEncoder = (text: string, limit: number) => number[];

function wholeTextEncoder(xenova: XenovaTokenizer): BodyEncoder {
  return (text, limit) => xenova.model.convert_tokens_to_ids(xenova._encode_text(text)).slice(0, limit);
}

/** Remembers the ids of each piece: natural text repeats few pieces often. */
function cachedEncoder(xenova: XenovaTokenizer): BodyEncoder {
  const cache = new Map<string, number[]>();
  const encodeWhole = wholeTextEncoder(xenova);
  const encodePiece = (piece: string): number[] => {
    const cached = cache.get(piece);
    if (cached) return cached;
    const normalized = xenova.normalizer!(piece);
    const ids = xenova.model.convert_tokens_to_ids(xenova.model(xenova.pre_tokenizer(normalized)));
    if (piece.length <= LONGEST_CACHED_PIECE) {
      if (cache.size >= MOST_CACHED_PIECES) cache.clear();
      cache.set(piece, ids);
    }
    return ids;
  };
  return (text, limit) => {
    // A special token written out in the text is that token, and may stand inside a piece.
    if (xenova.added_tokens_regex?.test(text)) return encodeWhole(text, limit);
    const ids: number[] = [];
    visitPieces(text, (piece) => {
      for (const id of encodePiece(piece)) ids.push(id);
      return ids.length < limit;
    });
    if (ids.length > limit) ids.length = limit;
    return ids;
  };
}
