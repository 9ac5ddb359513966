import { describe, expect, it } from 'vitest';
import { knownPositives } from '../../src/sampling/filters.js';
import { cutPool, type Pools, placeOf, poolAt, removedArrays, removedAt } from '../../src/sampling/pools.js';

const known = (...passages: number[]) => [knownPositives(new Set(passages))];

describe('cutPool', () => {
  it('keeps the k best that are no positives, with their scores', () => {
    const { passages, scores, removed } = cutPool(Int32Array.of(4, 9, 2, 7, 1), Float32Array.of(5, 4, 3, 2, 1), 3, known(9), 6);
    expect(removed).toEqual([{ passage: 9, score: 4, by: 'known' }]);
    expect([...passages]).toEqual([4, 2, 7]);
    expect([...scores]).toEqual([5, 3, 2]);
  });

  it('leaves −1 behind the last where fewer were found', () => {
    expect([...cutPool(Int32Array.of(4, 9, -1), Float32Array.of(5, 4, 0), 3, known(4), 6).passages]).toEqual([9, -1, -1]);
  });
});

describe('the pools of a refresh', () => {
  const pools: Pools = {
    k: 2,
    rows: Int32Array.of(3, 8),
    passages: Int32Array.of(10, 11, 12, -1),
    scores: Float32Array.of(4, 3, 2, 0),
    positiveScores: Float32Array.of(3.5, 1, 2.5),
    positiveOffsets: Uint32Array.of(0, 1, 3),
    ...removedArrays([[], [{ passage: 4, score: 1.5, by: 'answer' }]]),
  };

  it('are found by query row', () => {
    expect([3, 8, 0, 5, 9].map((row) => placeOf(pools, row))).toEqual([0, 1, -1, -1, -1]);
  });

  it('keep what filters removed, and why', () => {
    expect([removedAt(pools, 0), removedAt(pools, 1)]).toEqual([[], [{ passage: 4, score: 1.5, by: 'answer' }]]);
  });

  it('hold what was found and the score of the chosen positive', () => {
    const pool = poolAt(pools, 1, 1, { query: 'q8', positives: Int32Array.of(0, 6), corpusSize: 50 });
    expect([...pool.passages]).toEqual([12]);
    expect([...pool.scores]).toEqual([2]);
    expect(pool).toMatchObject({ query: 'q8', positiveScore: 2.5, corpusSize: 50 });
  });
});
