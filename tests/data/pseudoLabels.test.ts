import { describe, expect, it } from 'vitest';
import { withPseudoLabels } from '../../src/data/pseudoLabels.js';
import { notNegatives } from '../../src/data/texts.js';
import type { Dataset } from '../../src/data/types.js';
import { documentsOf } from '../../src/data/windows.js';
import { toyDataset } from '../train/fixtures.js';

const label = (positive: string) => [{ id: 'new', text: 'new query', positive }];

describe('withPseudoLabels', () => {
  it('adds the query behind the judged ones, with its passage as the only one that is no negative', () => {
    const dataset = toyDataset();
    const { train } = withPseudoLabels(dataset, label('p3'), 'labels.jsonl').splits;
    const place = train.rows.length - 1;
    expect(train.rows[place]).toBe(dataset.queries.size);
    expect([...notNegatives(train, place)]).toEqual([3]);
  });

  it('of documents in windows keeps the other windows of the document from being negatives', () => {
    const toy = toyDataset();
    const id = (row: number) => `d${Math.floor(row / 4)}#${row % 4}`;
    const corpus = {
      ...toy.corpus,
      id,
      rowOf: (wanted: string) => Array.from({ length: toy.corpus.size }, (_, row) => id(row)).indexOf(wanted),
    };
    const dataset: Dataset = { ...toy, corpus, documents: documentsOf(corpus) };
    const { train } = withPseudoLabels(dataset, label('d1#2'), 'labels.jsonl').splits;
    const place = train.rows.length - 1;
    expect([...train.positives[place]!]).toEqual([6]);
    expect([...train.judged[place]!]).toEqual([1]);
    expect([...notNegatives(train, place)]).toEqual([4, 5, 6, 7]);
    expect([...notNegatives(train, 0)]).toEqual([0]);
  });
});
