/** Training-time changes of token sequences; each a pure function of (key, row, token). */
import { integer, type Key, uniform } from '../../core/random.js';

export interface SpecialTokens {
  readonly clsId: number;
  readonly sepId: number;
  /** 1 for tokens that continue a word (“##…”), by id. */
  readonly continues: Uint8Array;
  /** By id, the ways to write a piece as two smaller ones: left, right, left, right, … */
  readonly halves: readonly Int32Array[];
}

/** Leaves out whole words with probability `share`, never all of them; [CLS] and [SEP], between fields too, stay. */
export function dropWords(tokens: Int32Array, share: number, key: Key, row: number, special: SpecialTokens): Int32Array {
  if (share === 0) return tokens;
  return keepWords(tokens, special, (word) => uniform(key, row, word) >= share);
}

/**
 * Writes each piece with probability `share` as two smaller ones, any way that the vocabulary has (after BPE-dropout, Provilkov
 * et al. 2020): the small pieces of rare words are then trained by frequent ones. At most `maxTokens`: what is over is cut before [SEP].
 */
export function splitPieces(
  tokens: Int32Array,
  share: number,
  maxTokens: number,
  key: Key,
  row: number,
  special: SpecialTokens,
): Int32Array {
  if (share === 0) return tokens;
  const { halves, sepId } = special;
  const pieces = Array.from(tokens).flatMap((token, i) => {
    const ways = halves[token]!;
    if (ways.length === 0 || uniform(key, row, 2 * i) >= share) return token;
    const way = 2 * integer(key, row, 2 * i + 1, ways.length / 2);
    return [ways[way]!, ways[way + 1]!];
  });
  return pieces.length <= maxTokens ? Int32Array.from(pieces) : Int32Array.of(...pieces.slice(0, maxTokens - 1), sepId);
}

/**
 * A query made of a passage's own words, in a random order (after the Inverse Cloze Task, Lee et al. 2019): a share of
 * the words drawn uniformly between 0.2 and 0.6 is kept. Needs no judgments, so all passages of the corpus serve.
 */
export function clozeTokens(passage: Int32Array, maxTokens: number, key: Key, row: number, special: SpecialTokens): Int32Array {
  const share = 0.2 + 0.4 * uniform(key, row, 1);
  const words = partsOf(
    keepWords(passage, special, (word) => uniform(key, row, 2 + 2 * word) < share),
    special,
  ).filter(isWord(special));
  for (let i = words.length - 1; i > 0; i--) {
    const j = integer(key, row, 3 + 2 * i, i + 1);
    [words[i], words[j]] = [words[j]!, words[i]!];
  }
  return Int32Array.of(special.clsId, ...words.flat().slice(0, maxTokens - 2), special.sepId);
}

/** The sequence with only the words that `keeps` accepts; at least its first word. */
function keepWords(tokens: Int32Array, special: SpecialTokens, keeps: (word: number) => boolean): Int32Array {
  const parts = partsOf(tokens, special);
  const words = parts.filter(isWord(special));
  const kept = words.filter((_, word) => keeps(word));
  const chosen = new Set(kept.length > 0 ? kept : words.slice(0, 1));
  const stay = parts.filter((part) => chosen.has(part) || !isWord(special)(part));
  return Int32Array.of(special.clsId, ...stay.flat(), special.sepId);
}

/** What stands between [CLS] and the last [SEP]: words, and each [SEP] between fields. */
function partsOf(tokens: Int32Array, special: SpecialTokens): number[][] {
  const parts: number[][] = [];
  for (const token of tokens.subarray(1, -1)) {
    if (special.continues[token] && parts.length > 0) parts.at(-1)!.push(token);
    else parts.push([token]);
  }
  return parts;
}

const isWord =
  ({ sepId }: SpecialTokens) =>
  ([first]: readonly number[]): boolean =>
    first !== sepId;
