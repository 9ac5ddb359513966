/** Finds the added tokens (special ones among them) that are written out in a text, as Hugging Face's `tokenizers` does. */

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Found only where no letter or digit stands beside it. */
  readonly single_word?: boolean;
  /** Takes the white space on its left, or right, with it. */
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
  /** Looked for in the normalised text. */
  readonly normalized?: boolean;
}

/** A stretch of text, or the id of the added token that stood there. */
export type Section = string | number;

const WORD = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]';
const ENDS_WITH_WORD = new RegExp(`${WORD}$`, 'u');
const STARTS_WITH_WORD = new RegExp(`^${WORD}`, 'u');
const WHITE_SPACE = /\p{White_Space}/u;

export interface AddedTokens {
  /** Whether the text may have one of the tokens: quicker to know than where. */
  mayOccurIn(text: string): boolean;
  /** Cuts the text at the tokens; the longest of those that begin at a place wins. */
  cut(text: string): Section[];
}

export function addedTokenFinder(tokens: readonly AddedToken[]): AddedTokens {
  const byContent = new Map(tokens.filter(({ content }) => content !== '').map((token) => [token.content, token]));
  if (byContent.size === 0) return { mayOccurIn: () => false, cut: (text) => [text] };
  const longestFirst = [...byContent.keys()].sort((a, b) => b.length - a.length);
  const source = longestFirst.map((content) => content.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|');
  const [anywhere, everywhere] = [new RegExp(source), new RegExp(source, 'gu')];
  const cut = (text: string): Section[] => {
    const sections: Section[] = [];
    let done = 0;
    for (const { 0: content, index } of text.matchAll(everywhere)) {
      const token = byContent.get(content)!;
      const after = index + content.length;
      if (token.single_word && standsInWord(text, index, after)) continue;
      let start = index;
      while (token.lstrip && start > done && WHITE_SPACE.test(text[start - 1]!)) start--;
      if (start > done) sections.push(text.slice(done, start));
      sections.push(token.id);
      done = after;
      while (token.rstrip && done < text.length && WHITE_SPACE.test(text[done]!)) done++;
    }
    if (done < text.length) sections.push(text.slice(done));
    return sections;
  };
  return { mayOccurIn: (text) => anywhere.test(text), cut };
}

function standsInWord(text: string, start: number, end: number): boolean {
  return ENDS_WITH_WORD.test(text.slice(Math.max(0, start - 2), start)) || STARTS_WITH_WORD.test(text.slice(end, end + 2));
}
