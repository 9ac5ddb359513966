import { expect, test } from 'vitest';
import { flopsOf, productsOf, SHAPES } from '../../bench/shapes.mjs';
import { median } from '../../bench/timing.mjs';

test('operations of one small layer, by hand', () => {
  // D 2, F 4, one layer of B 2 sequences of T 3 tokens: only [CLS] asks, and no token has a key or a value.
  const rows = { sequences: 1, tokens: 3 };
  const shape = { layers: 1, width: 2, heads: 1, feedForward: 4, vocabulary: 9, queries: rows, passages: rows };
  const dense = 2 * (2 * 2 * 2 + 2 * 2 * 2 + 2 * 2 * 4 + 2 * 4 * 2);
  const attention = 2 * (2 * 2 * 2 + 2 * 2 * 3 + 2 * 3 * 2 + 2 * 2 * 2);
  expect(flopsOf(shape)).toBe(3 * (dense + attention));
  // A layer below it: all tokens ask.
  const below = 2 * (6 * 2 * 2 + 6 * 2 * 4 + 6 * 2 * 2 + 6 * 2 * 4 + 6 * 4 * 2) + 2 * 2 * (2 * 3 * 2 * 3);
  expect(flopsOf({ ...shape, layers: 2 })).toBe(3 * (dense + attention + below));
});

test('all tokens ask in all layers but the last', () => {
  const rows = productsOf(SHAPES['MiniLM-L6 16×64']).map(({ dense }) => dense[0].rows);
  expect(rows).toEqual([1024, 1024, 1024, 1024, 1024, 16]);
});

test('medians of odd and even counts', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
});
