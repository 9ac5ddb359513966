import { expect, it } from 'vitest';
import type { Pools } from '../../../src/sampling/pools.js';
import { sampleOf, turnedPairs } from '../../../src/train/refresh/staleness.js';

it('pairs have turned: none, one of three, all; half of them in the mean; single candidates say nothing', () => {
  expect(turnedPairs([Float32Array.of(3, 2, 1)])).toBe(0);
  expect(turnedPairs([Float32Array.of(3, 1, 2)])).toBeCloseTo(1 / 3, 12);
  expect(turnedPairs([Float32Array.of(1, 2, 3)])).toBe(1);
  expect(turnedPairs([Float32Array.of(2, 1), Float32Array.of(1, 2), Float32Array.of(1), Float32Array.of()])).toBe(0.5);
  expect(turnedPairs([Float32Array.of(1, 1)])).toBe(0); // equal ones have not turned
});

it('a sample holds candidates from the whole of each pool, in its order, of queries from all', () => {
  const [k, queries] = [60, 300];
  const passages = Int32Array.from({ length: k * queries }, (_, i) => (i % k < 45 ? i : -1)); // 45 of 60 places are filled
  const sample = sampleOf({ k, rows: Int32Array.from({ length: queries }, (_, i) => 7 * i), passages } as unknown as Pools);
  expect(sample.rows.length).toBe(100);
  expect([...sample.rows.subarray(0, 3), sample.rows.at(-1)]).toEqual([0, 21, 42, 2079]);
  expect(sample.k).toBe(20);
  sample.rows.forEach((row, i) => {
    const own = [...sample.passages.subarray(i * 20, (i + 1) * 20)].map((passage) => passage - (row / 7) * k);
    expect(own[0]).toBe(0);
    expect(own.at(-1)).toBe(42);
    expect(own).toEqual([...own].sort((a, b) => a - b));
    expect(new Set(own).size).toBe(20);
  });
});
