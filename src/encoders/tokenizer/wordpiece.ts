/**
 * Learns a WordPiece vocabulary and gives it as a Hugging Face `tokenizer.json`. Learning is by merges of the most frequent pair of neighbouring
 * symbols (Sennrich et al. 2016), what `tokenizers` does for WordPiece too; encoding is greedy longest match (Devlin et al. 2019).
 */
import { UserError } from '../../core/errors.js';
import type { AddedToken } from './addedTokens.js';
import { normalizeBert, splitBertWords, visitPieces } from './bertText.js';
import { type CountedWord, createPairCounts } from './pairCounts.js';

export interface WordPieceOptions {
  /** The most entries the vocabulary may have, special tokens and single characters included. */
  readonly vocabSize: number;
  /** A character or pair must occur this often to enter the vocabulary. */
  readonly minFrequency: number;
  /** Break identifiers at the borders of camelCase and between letters and digits (ASCII); underscores are punctuation and always break. */
  readonly splitIdentifiers: boolean;
}

export interface NormalizerJson {
  type: string;
  /** Of a Sequence. */
  normalizers?: NormalizerJson[];
  /** Of a Replace. */
  pattern?: { Regex?: string; String?: string };
  [key: string]: unknown;
}

/** The parts of a Hugging Face tokenizer.json that are written and read here. */
export interface TokenizerJson {
  normalizer: NormalizerJson | null;
  pre_tokenizer: { type: string; [key: string]: unknown } | null;
  post_processor: unknown;
  decoder: unknown;
  added_tokens: (AddedToken & { special: boolean })[];
  model: { type?: string; vocab: Record<string, number>; [key: string]: unknown };
  [key: string]: unknown;
}

/** Zero-width, so that replacing it by a space inserts one; the same matches in JavaScript and in `tokenizers` (Oniguruma). */
export const IDENTIFIER_BORDER = '(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])';

const SPECIAL_TOKENS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const PREFIX = '##';
/** Rarer characters than these give [UNK]; the same limit as BERT's trainer in `tokenizers`. */
const MOST_CHARACTERS = 1000;
const NORMALIZATION = { cleanText: true, separateCjk: true, stripAccents: true, lowercase: true };

/**
 * A tokenizer.json with at most `vocabSize` entries learned from the texts; the same for the same texts in any order. The special tokens are ids
 * 0–4, then come the characters, alone and with `##`, then the merges. Throws a UserError when the characters alone do not fit.
 */
export function learnWordPiece(texts: Iterable<string>, options: WordPieceOptions): TokenizerJson {
  const wordCounts = countWords(texts, options.splitIdentifiers);
  const characters = frequentCharacters(wordCounts, options.minFrequency);
  const symbols = characters.concat(characters.map((character) => PREFIX + character));
  if (SPECIAL_TOKENS.length + symbols.length > options.vocabSize) {
    throw new UserError(
      `encoder.vocabulary.size is ${options.vocabSize}; expected at least ${SPECIAL_TOKENS.length + symbols.length}, ` +
        'the special tokens and the single characters of these texts; raise it.',
    );
  }
  mergePairs(wordCounts, symbols, options);
  return tokenizerJson([...SPECIAL_TOKENS, ...symbols], options.splitIdentifiers);
}

function countWords(texts: Iterable<string>, splitIdentifiers: boolean): Map<string, number> {
  const pieceCounts = new Map<string, number>();
  for (const text of texts) {
    visitPieces(text, (piece) => {
      pieceCounts.set(piece, (pieceCounts.get(piece) ?? 0) + 1);
      return true;
    });
  }
  const border = new RegExp(IDENTIFIER_BORDER, 'gu');
  const wordCounts = new Map<string, number>();
  for (const [piece, count] of pieceCounts) {
    const text = splitIdentifiers ? piece.replace(border, ' ') : piece;
    for (const word of splitBertWords(normalizeBert(text, NORMALIZATION))) wordCounts.set(word, (wordCounts.get(word) ?? 0) + count);
  }
  return wordCounts;
}

/** The characters that occur often enough, the most frequent first chosen, in the order of their code points. */
function frequentCharacters(wordCounts: ReadonlyMap<string, number>, minFrequency: number): string[] {
  const counts = new Map<string, number>();
  for (const [word, count] of wordCounts) {
    for (const character of word) counts.set(character, (counts.get(character) ?? 0) + count);
  }
  return [...counts]
    .filter(([, count]) => count >= minFrequency)
    .sort(([a, countA], [b, countB]) => countB - countA || compareCodePoints(a, b))
    .slice(0, MOST_CHARACTERS)
    .map(([character]) => character)
    .sort(compareCodePoints);
}

/** Appends to `symbols` what merging the most frequent pairs gives, until the vocabulary is full or no pair is frequent enough. */
function mergePairs(wordCounts: ReadonlyMap<string, number>, symbols: string[], { vocabSize, minFrequency }: WordPieceOptions): void {
  const idOf = new Map(symbols.map((symbol, id) => [symbol, id]));
  const words: CountedWord[] = [];
  for (const [word, count] of wordCounts) {
    const ids = Array.from(word, (character, i) => idOf.get(i === 0 ? character : PREFIX + character));
    // A word with a character outside the vocabulary will be [UNK] whole: nothing to learn from it.
    if (ids.every((id) => id !== undefined)) words.push({ symbols: ids, count });
  }
  const pairs = createPairCounts(words);
  while (SPECIAL_TOKENS.length + symbols.length < vocabSize) {
    const best = pairs.mostFrequent();
    if (!best || best.count < minFrequency) return;
    const merged = symbols[best.left]! + symbols[best.right]!.slice(PREFIX.length);
    // Different pairs can give the same string, as ab+c and a+bc do.
    const id = idOf.get(merged) ?? symbols.push(merged) - 1;
    idOf.set(merged, id);
    pairs.merge(best.left, best.right, id);
  }
}

function tokenizerJson(vocabulary: readonly string[], splitIdentifiers: boolean): TokenizerJson {
  const bert = { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: true, lowercase: true };
  const border = { type: 'Replace', pattern: { Regex: IDENTIFIER_BORDER }, content: ' ' };
  const special = (id: string, typeId: number) => ({ SpecialToken: { id, type_id: typeId } });
  const sequence = (id: string, typeId: number) => ({ Sequence: { id, type_id: typeId } });
  const single = [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0)];
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map((content, id) => ({ id, content, ...flags })),
    normalizer: splitIdentifiers ? { type: 'Sequence', normalizers: [border, bert] } : bert,
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single,
      pair: [...single, sequence('B', 1), special('[SEP]', 1)],
      special_tokens: Object.fromEntries(['[CLS]', '[SEP]'].map((id) => [id, { id, ids: [SPECIAL_TOKENS.indexOf(id)], tokens: [id] }])),
    },
    decoder: { type: 'WordPiece', prefix: PREFIX, cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: PREFIX,
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
    },
  };
}

function compareCodePoints(a: string, b: string): number {
  return a.codePointAt(0)! - b.codePointAt(0)!;
}
