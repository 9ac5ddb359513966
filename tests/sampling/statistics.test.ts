import { describe, expect, it } from 'vitest';
import { DrawStatistics, effectivePoolSize, entropyOf, HiddenStatistics } from '../../src/sampling/statistics.js';
import type { Pool } from '../../src/sampling/types.js';
import { poolOf } from './golden.js';

function drawStatistics(pools: readonly Pool[], drawn: readonly Int32Array[]) {
  const statistics = new DrawStatistics();
  pools.forEach((pool, i) => statistics.add(pool, drawn[i]!));
  return statistics.figures();
}

function hiddenStatistics(pool: Pool, passages: Int32Array, hidden: Int32Array) {
  const statistics = new HiddenStatistics();
  statistics.add(pool, passages, hidden);
  return statistics.figures();
}

describe('drawStatistics', () => {
  it('averages over the drawn negatives that stand in the pool', () => {
    const pools = [poolOf([5, 3, 1], 4), poolOf([2, 0], 1)];
    const drawn = [Int32Array.of(100, 102, 7), Int32Array.of(101)]; // 7 was padded
    // Gaps: 5 − 4, 1 − 4, 0 − 1.
    expect(drawStatistics(pools, drawn)).toEqual({ scored: 3, scoreGap: -1, gapVariance: 11 / 3 - 1, aboveThePositive: 1 / 3 });
  });

  it('does not count a negative that equals the positive as above it', () => {
    expect(drawStatistics([poolOf([4], 4)], [Int32Array.of(100)])).toEqual({ scored: 1, scoreGap: 0, gapVariance: 0, aboveThePositive: 0 });
  });

  it('leaves the means out where nothing drawn has a score', () => {
    expect(drawStatistics([poolOf([5], 4)], [Int32Array.of(7)])).toEqual({ scored: 0 });
  });
});

describe('effective pool size', () => {
  it('is the number of candidates where all are equally likely and 1 where one has it all', () => {
    expect(effectivePoolSize(Float64Array.of(0.25, 0.25, 0.25, 0.25))).toBe(4);
    expect(effectivePoolSize(Float64Array.of(0, 1, 0))).toBe(1);
  });

  it('has an entropy beside it: ln n where all are equally likely, 0 where one has it all', () => {
    expect(entropyOf(Float64Array.of(0.25, 0.25, 0.25, 0.25))).toBeCloseTo(Math.log(4), 12);
    expect(entropyOf(Float64Array.of(0, 1, 0))).toBe(0);
  });
});

describe('hiddenStatistics', () => {
  it('counts hidden positives among the drawn, with the softmax weight of each', () => {
    const pool = poolOf([2, 1, 0], 1);
    const found = hiddenStatistics(pool, Int32Array.of(100, 102), Int32Array.of(100));
    const total = Math.exp(1) + Math.exp(2) + Math.exp(0);
    expect(found.share).toBe(0.5);
    expect(found.gradient).toBeCloseTo(Math.exp(2) / total, 12);
    expect(found.otherGradient).toBeCloseTo(Math.exp(0) / total, 12);
  });

  it('has no gradient of what has no score', () => {
    expect(hiddenStatistics(poolOf([2], 1), Int32Array.of(7), Int32Array.of(7))).toEqual({ share: 1 });
  });
});
