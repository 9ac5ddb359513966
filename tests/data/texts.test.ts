import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTexts, fingerprintDataset, fingerprintTexts, splitGrouped, splitOfPositives } from '../../src/data/texts.js';
import type { Split } from '../../src/data/types.js';

describe('createTexts', () => {
  it('finds rows by id and back', () => {
    const texts = createTexts(['a', 'b'], ['first', 'second'], 'passage');
    expect(texts.size).toBe(2);
    expect(texts.rowOf('b')).toBe(1);
    expect(texts.rowOf('c')).toBeUndefined();
    expect([texts.id(1), texts.text(1)]).toEqual(['b', 'second']);
  });

  it('refuses a repeated id', () => {
    expect(() => createTexts(['a', 'b', 'a'], ['x', 'y', 'z'], 'passage')).toThrow('passage 3: found the passage id "a" again');
  });
});

describe('fingerprints', () => {
  const print = (ids: string[], texts: string[]) => fingerprintTexts(createTexts(ids, texts, 'passage'));

  it('tell apart texts that differ only in where one field ends', () => {
    const prints = [print(['a', 'b'], ['c', 'd']), print(['ac', 'b'], ['', 'd']), print(['a'], ['c\nbd']), print(['b', 'a'], ['d', 'c'])];
    expect(new Set(prints).size).toBe(prints.length);
    expect(print(['a', 'b'], ['c', 'd'])).toBe(prints[0]);
  });

  it('are of the content, not of the blocks it is hashed in', () => {
    const long = 'x'.repeat(70_000);
    expect(print(['a', 'b'], [long, 'y'])).not.toBe(print(['a', 'b'], [long, 'z']));
  });

  const corpus = createTexts(['p', 'q'], ['one', 'two'], 'passage');
  const queries = createTexts(['a'], ['which?'], 'query');
  const one = splitOfPositives(Int32Array.of(0), [Int32Array.of(0)]);
  const of = (split: Partial<Split>, answers?: string[]) => {
    const train = { ...one, ...split };
    const splits = { train, dev: one, test: one };
    return fingerprintDataset({ corpus, queries, splits, ...(answers && { answers: new Map([[0, answers]]) }) }).train;
  };

  it('of a split see the grades and the positives', () => {
    const split = (passage: number, grade: number) =>
      of({ ...splitOfPositives(Int32Array.of(0), [Int32Array.of(passage)]), grades: [Int32Array.of(grade)] });
    expect(new Set([split(0, 1), split(0, 2), split(1, 1)]).size).toBe(3);
  });

  it('of a split see the answers, which decide what is no negative, and a teacher’s scores', () => {
    const scored = (...scores: number[]) => of({ scores: { positives: [Float32Array.from(scores)], negatives: [new Float32Array(0)] } });
    expect(new Set([of({}), of({}, ['one']), of({}, ['two']), scored(1), scored(2)]).size).toBe(5);
  });
});

describe('splitGrouped', () => {
  const items = fc.array(fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 3 }), { maxLength: 60 });

  it('never divides items that share a label and never overfills a part', () => {
    fc.assert(
      fc.property(items, fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 }), fc.integer(), (labels, dev, test, seed) => {
        const parts = splitGrouped(labels, [dev, test], seed, 'trial');
        for (let i = 0; i < labels.length; i++) {
          for (let j = 0; j < i; j++) {
            if (labels[i]!.some((label) => labels[j]!.includes(label))) expect(parts[i]).toBe(parts[j]);
          }
        }
        const sizeOf = (part: number) => parts.filter((p) => p === part).length;
        expect(sizeOf(1)).toBeLessThanOrEqual(dev);
        expect(sizeOf(2)).toBeLessThanOrEqual(test);
        expect(sizeOf(0) + sizeOf(1) + sizeOf(2)).toBe(labels.length);
      }),
    );
  });

  it('fills the parts exactly when nothing is shared', () => {
    const parts = splitGrouped(
      Array.from({ length: 100 }, (_, i) => [i]),
      [10, 25],
      3,
      'trial',
    );
    expect([0, 1, 2].map((part) => parts.filter((p) => p === part).length)).toEqual([65, 10, 25]);
  });

  it('follows the seed and the purpose, and nothing else', () => {
    const labels = Array.from({ length: 200 }, (_, i) => [i]);
    const parts = splitGrouped(labels, [50], 1, 'trial');
    expect(splitGrouped(labels, [50], 1, 'trial')).toEqual(parts);
    expect(splitGrouped(labels, [50], 2, 'trial')).not.toEqual(parts);
    expect(splitGrouped(labels, [50], 1, 'other')).not.toEqual(parts);
  });
});
