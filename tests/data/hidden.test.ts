import { describe, expect, test } from 'vitest';
import { deriveKey } from '../../src/core/random.js';
import { hidePositives, paraphrase } from '../../src/data/hidden.js';
import { notNegatives } from '../../src/data/texts.js';
import type { Dataset } from '../../src/data/types.js';
import { toyDataset } from '../train/fixtures.js';

/** The toy set whose training query i has the positives i and i + 1. */
function severalPositives(): Dataset {
  const dataset = toyDataset();
  const { train } = dataset.splits;
  const positives = Array.from(train.rows, (row) => Int32Array.of(row, row + 1));
  return { ...dataset, splits: { ...dataset.splits, train: { ...train, positives } } };
}

const hide = (dataset: Dataset, hidden: number, paraphrases = false) => hidePositives(dataset, { hidden, paraphrases }, 5);
const countOf = (lists: readonly Int32Array[] | undefined) => (lists ?? []).reduce((sum, { length }) => sum + length, 0);

describe('hidePositives', () => {
  test('learns from the first positive whatever is hidden, and each further one is either hidden or known', () => {
    const dataset = severalPositives();
    for (const share of [0, 0.4, 1]) {
      const { train } = hide(dataset, share).splits;
      train.positives.forEach((rows, place) => {
        expect([...rows]).toEqual([train.rows[place]]);
        expect([...train.known![place]!, ...train.hidden![place]!]).toEqual([train.rows[place]! + 1]);
        expect(notNegatives(train, place).includes(train.rows[place]! + 1)).toBe(train.hidden![place]!.length === 0);
      });
    }
    expect(countOf(hide(dataset, 0).splits.train.hidden)).toBe(0);
    expect(countOf(hide(dataset, 1).splits.train.known)).toBe(0);
    const some = countOf(hide(dataset, 0.4).splits.train.hidden);
    expect(some).toBeGreaterThan(0);
    expect(some).toBeLessThan(dataset.splits.train.rows.length);
  });

  test('hides more of the same: what is hidden at a smaller share is at a larger one', () => {
    const [few, many] = [0.2, 0.6].map((share) => hide(severalPositives(), share).splits.train.hidden!);
    few!.forEach((rows, place) => expect([...many![place]!]).toEqual(expect.arrayContaining([...rows])));
  });

  test('plants the same paraphrases at every share, behind the corpus, found by their ids', () => {
    const dataset = toyDataset();
    const [none, all] = [0, 1].map((share) => hide(dataset, share, true));
    expect(none!.corpus.size).toBe(dataset.corpus.size + dataset.splits.train.rows.length);
    for (let row = 0; row < none!.corpus.size; row++) {
      expect(all!.corpus.text(row)).toBe(none!.corpus.text(row));
      expect(none!.corpus.rowOf(none!.corpus.id(row))).toBe(row);
    }
    expect(none!.corpus.rowOf('p39#paraphrase')).toBeUndefined(); // no training query's passage
    expect(none!.fingerprint.corpus).not.toBe(dataset.fingerprint.corpus);
    expect(none!.fingerprint.train).not.toBe(all!.fingerprint.train);
    const [first] = all!.splits.train.hidden![0]!;
    expect(all!.corpus.id(first!)).toBe(`${dataset.corpus.id(dataset.splits.train.rows[0]!)}#paraphrase`);
  });

  test('leaves dev and test as they are', () => {
    const dataset = toyDataset();
    const { dev, test: tested } = hide(dataset, 1, true).splits;
    expect([dev, tested]).toEqual([dataset.splits.dev, dataset.splits.test]);
  });
});

describe('paraphrase', () => {
  const key = deriveKey(1, 'words');

  test('leaves out about a fifth of the words, at least one, and keeps their order', () => {
    const words = Array.from({ length: 400 }, (_, i) => `w${i}`);
    const kept = paraphrase(words.join(' '), key, 3)!.split(' ');
    expect(kept).toEqual(words.filter((word) => kept.includes(word)));
    expect(kept.length).toBeGreaterThan(290);
    expect(kept.length).toBeLessThan(350);
    for (let row = 0; row < 50; row++) expect(paraphrase('one two three', key, row)!.split(' ').length).toBeLessThan(3);
  });

  test('is none of a text too short to be said otherwise', () => {
    expect(paraphrase('two words', key, 0)).toBeUndefined();
  });
});
