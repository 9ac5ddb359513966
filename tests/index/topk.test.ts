import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.js';
import { TopKBuffer } from '../../src/index/topk.js';

/** The definition: sort everything, score descending, row ascending. */
const sorted = (pairs: readonly (readonly [number, number])[], k: number) =>
  [...pairs].sort(([r1, s1], [r2, s2]) => s2 - s1 || r1 - r2).slice(0, k);

const held = (buffer: TopKBuffer) => {
  const { rows, scores } = buffer.sorted();
  return Array.from(rows, (row, i) => [row, scores[i]]);
};

// Few distinct scores, so that ties are the rule.
const coarseScores = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 80 });

describe('TopKBuffer', () => {
  it('equals a full sort for any order of the offers', () => {
    fc.assert(
      fc.property(coarseScores, fc.integer({ min: 1, max: 20 }), fc.infiniteStream(fc.nat()), (scores, k, keys) => {
        const pairs = scores.map((score, row) => [row, score] as const);
        const offers = pairs.map((pair) => ({ pair, key: keys.next().value as number })).sort((x, y) => x.key - y.key);
        const buffer = new TopKBuffer(k);
        for (const { pair } of offers) buffer.offer(...pair);
        expect(held(buffer)).toEqual(sorted(pairs, k));
      }),
    );
  });

  it('holds fewer than k where fewer were offered', () => {
    const buffer = new TopKBuffer(5);
    buffer.offer(3, 1);
    buffer.offer(1, 2);
    expect(held(buffer)).toEqual([
      [1, 2],
      [3, 1],
    ]);
  });

  it('refuses NaN, +∞ and a k that is no positive whole number', () => {
    const buffer = new TopKBuffer(1);
    buffer.offer(0, 1);
    expect(() => buffer.offer(7, Number.NaN)).toThrow(/row 7.*NaN/);
    expect(() => buffer.offer(7, Infinity)).toThrow(UserError);
    for (const k of [0, -1, 1.5, Number.NaN]) expect(() => new TopKBuffer(k)).toThrow(UserError);
  });
});
