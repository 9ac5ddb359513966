import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.js';
import { splitOfPositives } from '../../src/data/texts.js';
import { createAnalyzer } from '../../src/eval/analyzer.js';
import { Bm25Index, searchBm25Run, tuneBm25 } from '../../src/eval/bm25.js';
import { createJudge } from '../../src/eval/judge.js';
import { datasetOf, textsOf } from './texts.js';

const analyze = createAnalyzer();

describe('the analyzer', () => {
  it.each([
    ['readFileSync', ['read', 'file', 'sync']],
    ['HTMLInputElement.prototype', ['html', 'input', 'element', 'prototyp']],
    ['MAX_SAFE_INTEGER', ['max', 'safe', 'integ']],
    ['utf8 x2y', ['utf', '8', 'x', '2', 'y']],
    ['Crème brûlée, naïvely', ['creme', 'brule', 'naiv']],
    ['«Ελλάδα» 東京 ﬁn', ['ελλαδα', '東京', 'fin']],
    ['The length of an Array', ['length', 'arrai']],
    ['', []],
    ['—!?', []],
  ])('%s', (text, terms) => {
    expect(analyze(text)).toEqual(terms);
  });

  it('gives a word and its plural the same term, whatever the case', () => {
    expect(analyze('Sockets SOCKET socket')).toEqual(['socket', 'socket', 'socket']);
  });
});

/** The formula, word for word. */
function score(query: string, corpus: readonly string[], row: number, k1: number, b: number): number {
  const documents = corpus.map(analyze);
  const meanLength = documents.reduce((sum, { length }) => sum + length, 0) / documents.length;
  return analyze(query).reduce((sum, term) => {
    const df = documents.filter((document) => document.includes(term)).length;
    const tf = documents[row].filter((other) => other === term).length;
    const idf = Math.log(1 + (corpus.length - df + 0.5) / (df + 0.5));
    return tf === 0 ? sum : sum + (idf * tf) / (tf + k1 * (1 - b + (b * documents[row].length) / meanLength));
  }, 0);
}

const words = ['sun', 'moon', 'star', 'tide', 'rock'];
const textOf = fc.array(fc.constantFrom(...words), { maxLength: 8 }).map((parts) => parts.join(' '));
const corpusOf = fc.array(textOf, { minLength: 1, maxLength: 12 }).filter((texts) => texts.some((text) => text !== ''));

describe('Bm25Index', () => {
  it('ranks by the formula and finds what shares a term, nothing else', () => {
    fc.assert(
      fc.property(corpusOf, textOf, fc.constantFrom(0, 0.9, 2), fc.constantFrom(0, 0.4, 1), (corpus, query, k1, b) => {
        const { rows, scores } = Bm25Index.build(textsOf(corpus)).withParameters({ k1, b }).search(query, 20);
        const shares = corpus
          .map((_, row) => row)
          .filter((row) => words.some((word) => query.includes(word) && corpus[row].includes(word)));
        expect([...rows].sort((x, y) => x - y)).toEqual(shares);
        rows.forEach((row, i) => expect(scores[i]).toBeCloseTo(score(query, corpus, row, k1, b), 5));
        for (let i = 1; i < rows.length; i++) {
          expect(scores[i - 1]).toBeGreaterThanOrEqual(scores[i]);
          if (scores[i - 1] === scores[i]) expect(rows[i - 1]).toBeLessThan(rows[i]);
        }
      }),
    );
  });

  it('keeps nothing of one search for the next', () => {
    const index = Bm25Index.build(textsOf(['sun moon', 'moon', 'tide']));
    const first = index.search('moon', 3);
    index.search('sun tide', 3);
    expect(index.search('moon', 3)).toEqual(first);
    expect(index.search('unknown', 3).rows.length).toBe(0);
  });

  it('does not stumble over words that are members of objects', () => {
    const index = Bm25Index.build(textsOf(['constructor', '__proto__ toString']));
    expect([...index.search('constructor', 5).rows]).toEqual([0]);
    expect([...index.search('proto', 5).rows]).toEqual([1]);
  });

  it('refuses an empty corpus and parameters out of range', () => {
    expect(() => Bm25Index.build(textsOf([]))).toThrow(UserError);
    for (const parameters of [
      { k1: -1, b: 0 },
      { k1: 1, b: 1.1 },
      { k1: Number.NaN, b: 0 },
    ]) {
      expect(() => Bm25Index.build(textsOf(['sun']), parameters)).toThrow(UserError);
    }
  });
});

describe('searchBm25Run', () => {
  it('fills the places behind the last hit with −1', () => {
    const index = Bm25Index.build(textsOf(['sun moon', 'moon', 'tide']));
    const run = searchBm25Run(index, textsOf(['moon', 'tide', 'none']), Int32Array.of(2, 1, 0), 2);
    expect([...run.rows]).toEqual([2, 1, 0]);
    expect([...run.passages]).toEqual([-1, -1, 2, -1, 1, 0]);
  });
});

describe('tuneBm25', () => {
  // The query's own passage is the long one: length normalisation can only hurt here.
  const corpus = textsOf(['moon moon tide rock rock rock rock rock rock rock rock', 'moon star', 'sun sun sun', 'tide']);
  const queries = textsOf(['moon']);
  const split = splitOfPositives(Int32Array.of(0), [Int32Array.of(0)]);
  const dataset = datasetOf(corpus, queries, split);
  const judge = createJudge(dataset, { relevanceLevel: 1, answerRule: 'tokens' });

  it('takes the point of the grid that is best on the split', async () => {
    const { best, table } = await tuneBm25(Bm25Index.build(corpus), dataset, split, 'recall@1', judge, { k1: [1.2], b: [1, 0] });
    expect(table).toEqual([
      { k1: 1.2, b: 1, value: 0 },
      { k1: 1.2, b: 0, value: 1 },
    ]);
    expect(best).toEqual({ k1: 1.2, b: 0 });
  });

  it('needs a measure with a cut-off', async () => {
    await expect(tuneBm25(Bm25Index.build(corpus), dataset, split, 'map', judge)).rejects.toThrow(UserError);
  });
});
