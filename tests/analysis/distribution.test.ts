import { expect, test } from 'vitest';
import { titlesOf } from '../../src/analysis/distribution.js';
import { createTexts } from '../../src/data/texts.js';

test('queries that begin alike have panels of their own', () => {
  const begin = 'a question whose first words are the same as of others';
  const queries = createTexts(['q1', 'q2', 'q3'], [`${begin}, one`, 'short', `${begin}, two`], 'query');
  expect(titlesOf([0, 1, 2], queries)).toEqual([
    'q1: a question whose first words are the same as of…',
    'short',
    'q3: a question whose first words are the same as of…',
  ]);
  expect(titlesOf([0, 1], queries)[0]).toBe('a question whose first words are the same as of…');
});
