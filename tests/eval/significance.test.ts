import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.js';
import { deriveKey, normal } from '../../src/core/random.js';
import { equivalence, pairedBootstrap, pairedRandomization, pairedT } from '../../src/eval/significance.js';

const key = deriveKey(5, 'significance test');
const noise = (row: number, n: number, shift = 0) => Float64Array.from({ length: n }, (_, i) => normal(key, row, i) + shift);
const zeros = (n: number) => new Float64Array(n);

describe('pairedBootstrap', () => {
  it('gives the normal interval for many queries', () => {
    const a = noise(1, 2001, 0.3);
    const { difference, low, high } = pairedBootstrap(a, zeros(2001), key);
    const mean = a.reduce((sum, x) => sum + x, 0) / 2001;
    const error = Math.sqrt(a.reduce((sum, x) => sum + (x - mean) ** 2, 0)) / 2001;
    expect(difference).toBeCloseTo(mean, 12);
    expect(Math.abs(low - (mean - 1.96 * error))).toBeLessThan(0.1 * error);
    expect(Math.abs(high - (mean + 1.96 * error))).toBeLessThan(0.1 * error);
  });

  it('covers the true difference in about 95 of 100 data sets', () => {
    let covered = 0;
    for (let row = 0; row < 400; row++) {
      const { low, high } = pairedBootstrap(noise(10 + row, 60, 0.5), zeros(60), deriveKey(6, 'coverage', row), 500);
      if (low <= 0.5 && 0.5 <= high) covered++;
    }
    // Binomial(400, 0.95): standard deviation 4.4; percentile intervals of 60 values are a little short.
    expect(covered).toBeGreaterThan(380 - 20);
    expect(covered).toBeLessThan(380 + 18);
  });

  it('is the same again, changes sign with the order, and is a point where all differences are equal', () => {
    const a = noise(2, 40);
    const b = noise(3, 40);
    const forth = pairedBootstrap(a, b, key, 1000);
    expect(pairedBootstrap(a, b, key, 1000)).toEqual(forth);
    const back = pairedBootstrap(b, a, key, 1000);
    expect(back.difference).toBeCloseTo(-forth.difference, 12);
    expect(back.low).toBeCloseTo(-forth.high, 12);
    expect(pairedBootstrap(Float64Array.of(0.75, 0.5), Float64Array.of(0.5, 0.25), key, 100)).toEqual({
      difference: 0.25,
      low: 0.25,
      high: 0.25,
    });
  });

  it('refuses values of different or no queries', () => {
    expect(() => pairedBootstrap(zeros(3), zeros(4), key)).toThrow(UserError);
    expect(() => pairedBootstrap(zeros(0), zeros(0), key)).toThrow(UserError);
  });
});

describe('pairedRandomization', () => {
  /** All 2^n exchanges. */
  function exact(differences: readonly number[]): number {
    const observed = Math.abs(differences.reduce((sum, d) => sum + d, 0));
    let extreme = 0;
    for (let signs = 0; signs < 2 ** differences.length; signs++) {
      const sum = differences.reduce((total, d, i) => total + ((signs >> i) & 1 ? d : -d), 0);
      if (Math.abs(sum) >= observed - 1e-9) extreme++;
    }
    return extreme / 2 ** differences.length;
  }

  it.each([[[1, 1, 1, 1, 1, 0]], [[0.5, 0.25, -0.125, 1, 0.3, 0.1, 0.7]], [[1, -1, 1, -1, 1, 1, 1, 0, 1]]])(
    'approaches the exact test on %j',
    (differences) => {
      const p = exact(differences);
      const got = pairedRandomization(Float64Array.from(differences), zeros(differences.length), key, 20_000);
      expect(Math.abs(got - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / 20_000) + 1e-4);
    },
  );

  it('gives 1 for equal systems and its smallest value for a clear difference', () => {
    expect(pairedRandomization(noise(4, 50), noise(4, 50), key)).toBe(1);
    expect(pairedRandomization(noise(5, 200, 2), zeros(200), key)).toBe(1 / 10_001);
  });

  it('finds about 5 of 100 equal pairs significant at 5 %', () => {
    let found = 0;
    for (let row = 0; row < 400; row++)
      if (pairedRandomization(noise(1000 + row, 70), zeros(70), deriveKey(7, 'level', row), 500) <= 0.05) found++;
    expect(Math.abs(found - 20)).toBeLessThan(5 * 4.4);
  });
});

describe('equivalence', () => {
  const a = Float64Array.of(0.5, 0.25, 1, 0, 0.333, 0.2, 0.9, 0.45);
  const b = Float64Array.of(0.45, 0.3, 0.95, 0.02, 0.4, 0.15, 0.88, 0.5);

  // scipy: the larger of stats.t.sf((mean + margin) / error, 7) and stats.t.cdf((mean − margin) / error, 7).
  it.each([
    { margin: 0.05, p: 0.015568512435708275 },
    { margin: 0.02, p: 0.1744219842597224 },
    { margin: 0.001, p: 0.5243071015778145 },
  ])('is the larger p of two one-sided tests, margin $margin', ({ margin, p }) => {
    for (const found of [equivalence(a, b, margin), equivalence(b, a, margin)]) {
      expect(found.p).toBeCloseTo(p, 9);
      // Below 0.05 just where the 90 % interval lies within the margin.
      expect(found.low > -margin && found.high < margin).toBe(found.p < 0.05);
    }
    expect(equivalence(a, b, margin).low).toBeCloseTo(-0.03585784437485311, 9);
    expect(equivalence(a, b, margin).high).toBeCloseTo(0.03160784437485313, 9);
  });

  it('of equal values is certain, of a constant difference as the margin says', () => {
    expect(equivalence(a, a, 0.01).p).toBe(0);
    const shifted = Float64Array.of(2, 3, 4);
    expect(equivalence(shifted, Float64Array.of(1, 2, 3), 0.5).p).toBe(1);
  });
});

describe('pairedT', () => {
  it('refuses one query, whose difference has no spread', () => {
    expect(() => pairedT(Float64Array.of(0.4), Float64Array.of(0.1))).toThrow(/t-test of one query .* expected two or more/);
  });
});
