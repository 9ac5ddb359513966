import { describe, expect, it } from 'vitest';
import { maxP, searchDocuments } from '../../src/eval/documents.js';
import { reciprocalRankFusion, weightedFusion } from '../../src/eval/fusion.js';
import { type Run, rankingAt } from '../../src/eval/run.js';

const run = (rows: number[], rankings: number[][], scores: number[][]): Run => {
  const k = Math.max(...rankings.map(({ length }) => length));
  return {
    k,
    rows: Int32Array.from(rows),
    passages: Int32Array.from(rankings.flatMap((ranking) => [...ranking, ...Array(k - ranking.length).fill(-1)])),
    scores: Float32Array.from(scores.flatMap((values) => [...values, ...Array(k - values.length).fill(0)])),
  };
};

describe('reciprocal rank fusion', () => {
  it('adds 1 / (60 + rank) of each ranking, of queries that either has', () => {
    const fused = reciprocalRankFusion([run([0, 1], [[5, 6], [7]], [[2, 1], [1]]), run([0], [[6, 8]], [[9, 3]])], 3);
    expect([...fused.rows]).toEqual([0, 1]);
    expect([...rankingAt(fused, 0)]).toEqual([6, 5, 8]);
    expect(fused.scores[0]).toBeCloseTo(1 / 62 + 1 / 61, 6);
    expect([...rankingAt(fused, 1)]).toEqual([7]);
  });
});

describe('weighted fusion', () => {
  it('adds weighted scores from 0 (the last) to 1 (the first) of each ranking', () => {
    const fused = weightedFusion([run([0], [[1, 2, 3]], [[30, 20, 10]]), run([0], [[3, 1]], [[0.9, 0.8]])], [0.25, 0.75], 3);
    expect([...rankingAt(fused, 0)]).toEqual([3, 1, 2]);
    expect([...fused.scores].map((score) => Number(score.toFixed(4)))).toEqual([0.75, 0.25, 0.125]);
  });

  it('needs a weight for each run', () => {
    expect(() => weightedFusion([run([0], [[1]], [[1]])], [1, 2], 1)).toThrow(/2 weights/);
  });
});

describe('maxP', () => {
  const documents = { size: 3, id: String, rowOf: Number, of: Int32Array.of(0, 0, 1, 2, 2, 2) };

  it('takes each document once, at its best window, then cuts', () => {
    const found = maxP(run([4], [[1, 0, 3, 4, 2]], [[5, 4, 3, 2, 1]]), documents, 2);
    expect([...rankingAt(found, 0)]).toEqual([0, 2]);
    expect([...found.scores]).toEqual([5, 3]);
  });

  it('is searched deeper until k documents are there', async () => {
    const depths: number[] = [];
    const all = [
      [3, 4, 5, 1, 0, 2],
      [2, 3, 0, 1, 4, 5],
    ];
    const found = await searchDocuments(Int32Array.of(0, 1), 2, documents, (rows, depth) => {
      depths.push(depth);
      return run(
        [...rows],
        all.map((one) => one.slice(0, depth)),
        all.map((one) => one.slice(0, depth).map((_, i) => 10 - i)),
      );
    });
    expect(depths).toEqual([4]);
    expect([...found.passages]).toEqual([2, 0, 1, 2]);
    const deeper: number[] = [];
    await searchDocuments(Int32Array.of(0), 3, documents, (rows, depth) => {
      deeper.push(depth);
      return run([...rows], [all[0]!.slice(0, depth)], [all[0]!.slice(0, depth).map((_, i) => 10 - i)]);
    });
    expect(deeper).toEqual([6]);
  });

  it('searches deeper for those alone that may have more, and keeps the places of all', async () => {
    // Windows of documents 0, 0, …: query 7 needs two depths; query 8 finds one window and no more; query 9 has all at once.
    const many = { ...documents, size: 5, of: Int32Array.from({ length: 100 }, (_, row) => (row < 80 ? 0 : 1 + (row % 4))) };
    const rankings: Record<number, number[]> = { 7: [...Array(100).keys()], 8: [81], 9: [99, 98, 97, 0, 1, 2, 3, 4] };
    const asked: [number[], number][] = [];
    const found = await searchDocuments(Int32Array.of(7, 8, 9), 2, many, (rows, depth) => {
      asked.push([[...rows], depth]);
      const cut = [...rows].map((row) => [...rankings[row]!, ...Array(100).fill(-1)].slice(0, depth));
      return run(
        [...rows],
        cut,
        cut.map((one) => one.map((_, i) => 100 - i)),
      );
    });
    expect(asked).toEqual([
      [[7, 8, 9], 4],
      [[7], 16],
      [[7], 64],
      [[7], 100],
    ]);
    expect([...found.rows]).toEqual([7, 8, 9]);
    expect([...found.passages]).toEqual([0, 1, 2, -1, 4, 3]);
    expect([...found.scores]).toEqual([100, 20, 100, 0, 100, 99]);
  });
});
