import fs from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerTokens, createPatternMatcher, holdsAnswer } from '../../src/eval/answers.js';

interface Golden {
  answerMatch: { cases: { name: string; answers: string[]; text: string; expected: boolean }[] };
}

const golden: Golden = JSON.parse(fs.readFileSync(new URL('../golden/metrics.json', import.meta.url), 'utf8'));

describe('holdsAnswer is DPR’s match', () => {
  it.each(golden.answerMatch.cases)('$name', ({ answers, text, expected }) => {
    expect(holdsAnswer(text, answers)).toBe(expected);
  });

  it('finds what a search among the tokens finds, in any script and case', () => {
    const letters = [...'aAéE\u0301İıIiΣσςßẞ가\u1100\u1161ǅ1²ﬁ.,- \n\u00a0\u200b'];
    const texts = (most: number) => fc.array(fc.constantFrom(...letters), { maxLength: most }).map((of) => of.join(''));
    const inARow = (text: string, answer: string) => {
      const [tokens, run] = [answerTokens(text), answerTokens(answer)];
      return run.length === 0 || tokens.some((_, begin) => run.every((token, i) => tokens[begin + i] === token));
    };
    const property = fc.property(texts(20), fc.array(texts(4), { maxLength: 3 }), (text, answers) => {
      expect(holdsAnswer(text, answers)).toBe(answers.some((answer) => inARow(text, answer)));
    });
    fc.assert(property, { seed: 1, numRuns: 5000 });
  });
});

describe('regular expressions, as CuratedTREC’s answers', () => {
  it('match anywhere, whatever the case, after NFD', () => {
    const { holds } = createPatternMatcher();
    expect(holds('Built in 1889 by Eiffel.', ['18\\d\\d'])).toBe(true);
    expect(holds('PARIS', ['paris|london'])).toBe(true);
    expect(holds('caf\u00e9', ['cafe\u0301'])).toBe(true);
    expect(holds('first\nsecond', ['^second$'])).toBe(true);
  });

  it('count as no match, and are named, where they do not compile', () => {
    const matcher = createPatternMatcher();
    expect(matcher.holds('(', ['('])).toBe(false);
    expect([...matcher.broken]).toEqual(['(']);
  });
});
