import { expect, test } from 'vitest';
import { describeSchema } from '../../src/config/keys.js';
import { hitLines } from '../../src/report/hits.js';
import { keyList } from '../../src/report/keyList.js';
import { table } from '../../src/report/table.js';
import { wrap } from '../../src/report/wrap.js';

test('a table has its first column to the left, numbers to the right, and no colours', () => {
  const printed = table(
    ['test', 'recall@10', 'mrr@10'],
    [
      ['BM25', '0.5410', '0.3280'],
      ['untrained', '0.0100', '0.0040'],
      ['trained', '0.6021', '0.3999'],
    ],
  );
  expect(printed).toMatchInlineSnapshot(`
    "test       recall@10  mrr@10
    ─────────  ─────────  ──────
    BM25          0.5410  0.3280
    untrained     0.0100  0.0040
    trained       0.6021  0.3999"
  `);
});

test('text is broken between words', () => {
  expect(wrap('one two  three\nfour', 9)).toEqual(['one two', 'three', 'four']);
  expect(wrap('a verylongword b', 5)).toEqual(['a', 'verylongword', 'b']);
  expect(wrap('  ', 5)).toEqual([]);
});

test('hits are shown with rank, score and the beginning of their text', () => {
  const long = 'word '.repeat(40).trim();
  expect(
    hitLines(
      [
        { id: 'p1', text: 'a short text', score: 12.34567 },
        { id: 'p2', text: long, score: -1 },
      ],
      40,
    ),
  ).toMatchInlineSnapshot(`
    " 1  12.346  p1
        a short text
     2  -1.000  p2
        word word word word word word word
        word word word word word word word …"
  `);
  expect(hitLines([], 80)).toBe('nothing found');
});

test('the list of keys fits the columns', () => {
  const list = keyList(describeSchema(), 80);
  for (const line of list.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  expect(list).toContain('train.steps: 1000 [steps]\n    Optimizer steps of the whole job. Expects a whole number ≥ 1.\n');
  expect(list).toContain('sampler.pool: 100 [passages] (not none, random, given)\n');
});
