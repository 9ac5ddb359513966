import { expect, test } from 'vitest';
import { sampleDataset } from '../../src/data/sample.js';
import { toyDataset } from '../train/fixtures.js';

const dataset = toyDataset(60);
const sample = sampleDataset(dataset, { queries: 8, passages: 20 }, 3);

test('keeps the right passages of its queries, and others up to the size', () => {
  expect(sample.splits.train.rows).toHaveLength(8);
  expect(sample.corpus.size).toBe(20);
  sample.splits.train.rows.forEach((row, place) => {
    const right = dataset.splits.train.positives[dataset.splits.train.rows.indexOf(row)]!;
    const ids = (of: typeof dataset.corpus, rows: Int32Array) => Array.from(rows, (passage) => of.id(passage));
    expect(ids(sample.corpus, sample.splits.train.positives[place]!)).toEqual(ids(dataset.corpus, right));
  });
});

test('has the texts of the whole, found by their ids', () => {
  for (let row = 0; row < sample.corpus.size; row++) {
    const id = sample.corpus.id(row);
    expect(sample.corpus.rowOf(id)).toBe(row);
    expect(sample.corpus.text(row)).toBe(dataset.corpus.text(dataset.corpus.rowOf(id)!));
  }
});

test('is all of a data set that is smaller, and the same under the same seed', () => {
  const whole = sampleDataset(dataset, { queries: 1000, passages: 1000 }, 3);
  expect([whole.corpus.size, whole.splits.train.rows.length]).toEqual([60, dataset.splits.train.rows.length]);
  expect(sampleDataset(dataset, { queries: 8, passages: 20 }, 3).splits).toEqual(sample.splits);
});
