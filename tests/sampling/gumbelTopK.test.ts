/** The fast way against the definition: all keys, sorted. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveKey, uniform } from '../../src/core/random.js';
import { rowUniforms } from '../../src/core/threefrySimd.js';
import { gumbelTopK } from '../../src/sampling/gumbelTopK.js';

const key = deriveKey(6, 'keys');

function sorted(logWeights: ArrayLike<number>, m: number, row: number): number[] {
  const keys = Array.from(logWeights, (logWeight, i) => logWeight - Math.log(-Math.log(uniform(key, row, i))));
  return [...keys.keys()].sort((i, j) => (keys[i] === keys[j] ? i - j : keys[j] - keys[i])).slice(0, m);
}

function expectSame(logWeights: ArrayLike<number>, m: number, row: number) {
  const weights = Float64Array.from(logWeights);
  const wanted = sorted(weights, m, row);
  expect([...gumbelTopK(weights, m, rowUniforms(key, row))]).toEqual(wanted);
  expect([...gumbelTopK(weights, m, (element) => uniform(key, row, element))]).toEqual(wanted);
}

describe('gumbelTopK takes the m largest keys', () => {
  const scale = fc.constantFrom(0, 1e-300, 1e-3, 1, 5, 40, 1000, 1e9, 1e15, 1e300);
  const offset = fc.constantFrom(0, -3, 700, -1e6, 1e15, -1e300);

  it('of log weights of any size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 260 }), fc.nat(), fc.nat(1e6), scale, offset, (n, size, row, by, from) => {
        const logWeights = Array.from({ length: n }, (_, i) => from - by * uniform(key, row, 5000 + i));
        expectSame(logWeights, 1 + (size % Math.min(n, 40)), row);
      }),
      { numRuns: 2000 },
    );
  });

  it('of arbitrary doubles', () => {
    const double = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e308, max: 1e308 });
    fc.assert(
      fc.property(fc.array(double, { minLength: 1, maxLength: 120 }), fc.nat(), fc.nat(1e6), (logWeights, size, row) => {
        expectSame(logWeights, 1 + (size % logWeights.length), row);
      }),
      { numRuns: 1000 },
    );
  });

  it('of pools as SimANS sees them', () => {
    for (let row = 0; row < 3000; row++) {
      const falls = 10 * uniform(key, row, 9000);
      const logWeights = Array.from(
        { length: 200 },
        (_, i) => -0.5 * (2 + falls * Math.sqrt(i / 200) * (1 + uniform(key, row, 9001))) ** 2,
      );
      expectSame(logWeights, 15, row);
    }
  });

  it('where a few weights have it all', () => {
    for (const gap of [1, 30, 80, 100, 1e4, 1e300])
      for (const few of [1, 5, 14, 15, 16])
        for (let row = 0; row < 20; row++)
          expectSame(
            Float64Array.from({ length: 200 }, (_, i) => ((i * 37) % 200 < few ? 0 : -gap)),
            15,
            row,
          );
  });

  it('with equal keys in order: gaps that swallow all noise', () => {
    for (let row = 0; row < 50; row++)
      expectSame(
        Float64Array.from({ length: 100 }, (_, i) => 1e18 * (i % 7)),
        40,
        row,
      );
  });

  it.each([1, 2, 15, 16, 17, 199, 200, 1000, 4096, 4097])('of %i candidates', (n) => {
    for (const m of [1, 2, 15, 100, n]) {
      if (m > n) continue;
      const logWeights = Float64Array.from({ length: n }, (_, i) => -3 * uniform(key, m, 10_000 + i));
      for (let row = 0; row < 5; row++) expectSame(logWeights, m, row);
    }
  });
});
