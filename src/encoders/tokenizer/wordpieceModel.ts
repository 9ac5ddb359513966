/** WordPiece with a given vocabulary: the tokens of words by greedy longest match (Devlin et al. 2019), and how tokens relate. */
import type { TokenizerJson } from './wordpiece.js';

interface Vocabulary {
  /** By id; ids may be missing. */
  readonly vocab: readonly (string | undefined)[];
  readonly tokens_to_ids: ReadonlyMap<string, number>;
}

const DEFAULT_PREFIX = '##';
const DEFAULT_MOST_CHARACTERS = 100;

/** The token ids of a word. Added tokens are no part of the model: they are found before, and nowhere else. */
export function wordPieceEncoder({ model }: TokenizerJson): (word: string) => number[] {
  const ids = new Map(Object.entries(model.vocab));
  const prefix = String(model.continuing_subword_prefix ?? DEFAULT_PREFIX);
  const mostCharacters = Number(model.max_input_chars_per_word ?? DEFAULT_MOST_CHARACTERS);
  const unknown = ids.get(String(model.unk_token));
  if (unknown === undefined) throw new Error(`the unknown token ${model.unk_token} is not in model.vocab`);
  return (word) => {
    if (isLonger(word, mostCharacters)) return [unknown];
    const tokens: number[] = [];
    for (let start = 0; start < word.length; ) {
      let end = word.length;
      let id: number | undefined;
      for (; end > start && id === undefined; end--) id = ids.get(start > 0 ? prefix + word.slice(start, end) : word.slice(0, end));
      if (id === undefined) return [unknown];
      tokens.push(id);
      start = end + 1;
    }
    return tokens;
  };
}

/** Whether the word has more code points than `most`. */
function isLonger(word: string, most: number): boolean {
  return word.length > most && (word.length > 2 * most || Array.from(word).length > most);
}

/** By id, 1 for the tokens that continue a word. */
export function continuingTokens({ model }: TokenizerJson, { vocab }: Vocabulary): Uint8Array {
  const prefix = String(model.continuing_subword_prefix);
  return Uint8Array.from(vocab, (token) => (model.type === 'WordPiece' && token?.startsWith(prefix) ? 1 : 0));
}

/** un·happy and unh·##appy of unhappy, where both parts are entries of the vocabulary: by id, left, right, left, right … */
export function halvesOf(json: TokenizerJson, { vocab, tokens_to_ids }: Vocabulary): Int32Array[] {
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
