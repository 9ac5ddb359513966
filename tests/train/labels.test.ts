import { describe, expect, it } from 'vitest';
import { type RunConfig, runConfigSchema } from '../../src/config/schema.js';
import { type Reporter, silentReporter } from '../../src/core/reporter.js';
import { createTexts, splitOfPositives } from '../../src/data/texts.js';
import type { Dataset } from '../../src/data/types.js';
import { createJudge } from '../../src/eval/judge.js';
import { labelByAnswers, requireServing, withPositives } from '../../src/train/labels.js';
import { toyDataset } from './fixtures.js';

const corpus = createTexts(
  ['p0', 'p1', 'p2', 'p3'],
  ['the capital of France is Paris', 'Paris in France is large', 'the capital of Italy is Rome', 'nothing of the kind'],
  'passage',
);
const queries = createTexts(['q0', 'q1', 'q2'], ['capital of France', 'capital of Italy', 'capital of Spain'], 'query');
const none = splitOfPositives(new Int32Array(0), []);
const dataset: Dataset = {
  ...toyDataset(),
  corpus,
  queries,
  splits: {
    train: splitOfPositives(Int32Array.of(0, 1, 2), [new Int32Array(0), Int32Array.of(3), new Int32Array(0)]),
    dev: none,
    test: none,
  },
  answers: new Map([
    [0, ['Paris']],
    [1, ['Rome']],
    [2, ['Madrid']],
  ]),
};

describe('labelByAnswers', () => {
  it('takes what BM25 finds and an answer is in, keeps positives that are given, leaves out what has none, and says so', () => {
    const lines: string[] = [];
    const reporter: Reporter = { ...silentReporter, line: (text) => lines.push(text) };
    const { splits } = labelByAnswers(dataset, createJudge(dataset, { relevanceLevel: 1, answerRule: 'tokens' }), reporter);
    expect([...splits.train.rows]).toEqual([0, 1]);
    expect(splits.train.positives.map((rows) => [...rows])).toEqual([[0, 1], [3]]);
    expect(splits.train.judged).toEqual(splits.train.positives);
    expect(lines.join()).toContain('2 of 3 training questions have a passage with an answer');
  });
});

it('labelByAnswers looks in the windows of documents, and judges the documents', () => {
  const documents = { size: 2, id: (row: number) => `d${row}`, rowOf: () => undefined, of: Int32Array.of(0, 1, 1, 1) };
  const windowed: Dataset = { ...dataset, documents };
  const { splits } = labelByAnswers(windowed, createJudge(windowed, { relevanceLevel: 1, answerRule: 'tokens' }), silentReporter);
  expect(splits.train.positives.map((rows) => [...rows])).toEqual([[0, 1], [3]]);
  expect(splits.train.judged.map((rows) => [...rows])).toEqual([[0, 1], [1]]);
});

describe('withPositives', () => {
  it('leaves out training queries that have none, says so, and keeps a mix aligned', () => {
    const lines: string[] = [];
    const reporter: Reporter = { ...silentReporter, line: (text) => lines.push(text) };
    const mixed = withPositives({ ...dataset, mix: { names: ['a', 'b'], weights: [1, 1], of: Int32Array.of(0, 1, 0) } }, reporter);
    expect([...mixed.splits.train.rows]).toEqual([1]);
    expect([...mixed.mix!.of]).toEqual([1]);
    expect(lines.join()).toContain('2 of 3 training queries have no right passage');
    expect(withPositives(toyDataset(), reporter).splits).toEqual(toyDataset().splits);
  });
});

describe('requireServing', () => {
  const config = (sections: object): RunConfig => runConfigSchema.parse({ name: 'x', ...sections });
  const toy = toyDataset();

  it.each([
    ['no training query', {}, { ...toy, splits: { ...toy.splits, train: none } }, /found no training query/],
    ['no dev query', {}, { ...toy, splits: { ...toy.splits, dev: none } }, /found no dev query/],
    ['negatives that are not there', { sampler: { kind: 'given' } }, toy, /found no negatives in the data/],
    [
      'negatives that are not there as one of several sources',
      { sampler: { kind: 'topkUniform', source: ['bm25', 'given'], pool: 10, negatives: 2 } },
      toy,
      /found no negatives in the data; expected some, for sampler\.source has given/,
    ],
    ['answers that are not there', { eval: { measures: ['answer@5', 'recall@10'] } }, toy, /found no answers in the data/],
    ['a sample of dev from documents', { refresh: { when: { dev: 0.1 } } }, { ...toy, documents: {} }, /found documents in windows/],
    [
      'a selection that nothing is judged for',
      {},
      { ...toy, splits: { ...toy.splits, dev: { ...toy.splits.dev, positives: toy.splits.dev.positives.map(() => new Int32Array(0)) } } },
      /expected eval\.selection answer@k instead of recall@10/,
    ],
    ['an id that no run can hold', {}, { ...toy, corpus: { size: 1, id: () => 'a b' } }, /found the passage id "a b"; expected one that/],
    [
      'more negatives than there are passages',
      { sampler: { kind: 'random', negatives: 40 } },
      toy,
      'toy: found 39 passages that may be negatives of query q0; expected at least sampler.negatives (40); lower it.',
    ],
    ['a query without an id', {}, { ...toy, queries: { size: 1, id: () => '' } }, /found the query id ""; expected one that/],
  ])('refuses %s', (_, sections, data, message) => {
    expect(() => requireServing(config(sections), data as Dataset)).toThrow(message);
  });

  it.each([
    [
      'msmarco-passage',
      'expected qidpidtriples.train.full.2.tsv.gz or msmarco-hard-negatives.jsonl.gz beside the collection (docs/data.md), for',
    ],
    ['dpr', 'expected hard_negative_ctxs or negative_ctxs of the examples, for'],
    ['beir', 'expected some, for'],
  ])('names what negatives of %s would be read from, and the key of a stage that asks for them', (format, expected) => {
    const stage = config({ data: { format, path: 'x' }, sampler: { kind: 'given' } });
    expect(() => requireServing(stage, toy, 'recipe.warmup')).toThrow(`${expected} recipe.warmup.sampler.kind is given`);
  });

  it('lets the usual pass', () => {
    const drawn = (sampler: object) => config({ sampler });
    expect(() => requireServing(config({}), toy)).not.toThrow();
    expect(() => requireServing(drawn({ kind: 'random', negatives: 39 }), toy)).not.toThrow();
    expect(() => requireServing(drawn({ kind: 'simans', replacement: true, pool: 50, negatives: 40 }), toy)).not.toThrow();
  });
});
