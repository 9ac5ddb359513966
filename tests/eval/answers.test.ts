import fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createPatternMatcher, holdsAnswer } from '../../src/eval/answers.js';

interface Golden {
  answerMatch: { cases: { name: string; answers: string[]; text: string; expected: boolean }[] };
}

const golden: Golden = JSON.parse(fs.readFileSync(new URL('../golden/metrics.json', import.meta.url), 'utf8'));

describe('holdsAnswer is DPR’s match', () => {
  it.each(golden.answerMatch.cases)('$name', ({ answers, text, expected }) => {
    expect(holdsAnswer(text, answers)).toBe(expected);
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
