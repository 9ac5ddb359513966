import { expect, it } from 'vitest';
import { deriveKey, normal } from '../../src/core/random.js';
import { deviationsOf, smallestDifference } from '../../src/eval/detectable.js';
import { resampledMeans, seedsDifference } from '../../src/eval/seedsBootstrap.js';

it('is (1.96 + 0.84) standard errors, less with more queries and seeds, more with more comparisons', () => {
  const of = (queries: number, seeds: number, comparisons: number) =>
    smallestDifference(queries, seeds, comparisons, { query: 0.3, seed: 0.01 });
  expect(of(900, 1, 1)).toBeCloseTo((1.959964 + 0.841621) * Math.sqrt(0.3 ** 2 / 900 + 2 * 0.01 ** 2), 5);
  expect(of(900, 3, 10)).toBeCloseTo((2.807034 + 0.841621) * Math.sqrt(0.3 ** 2 / 2700 + (2 * 0.01 ** 2) / 3), 5);
  expect(of(1800, 3, 1)).toBeLessThan(of(900, 3, 1));
});

it('finds the deviations that values were made with', () => {
  const N = 20_000;
  const system = (name: string) =>
    [0.01, -0.02, 0.03].map((shift, seed) =>
      Float64Array.from({ length: N }, (_, i) => 0.2 * normal(deriveKey(1, name, seed), i, 0) + shift),
    );
  const { query, seed } = deviationsOf([system('a'), system('b')]);
  expect(query).toBeCloseTo(0.2 * Math.SQRT2, 2);
  expect(seed).toBeCloseTo(0.025, 2);
  expect(deviationsOf([system('a').slice(0, 1), system('b').slice(0, 1)]).seed).toBeUndefined();
  expect(deviationsOf([system('a').slice(0, 1)])).toEqual({});
});

it('is what four of five comparisons of such size find', () => {
  const [queries, query] = [200, 0.3];
  const difference = smallestDifference(queries, 1, 1, { query, seed: 0 });
  let found = 0;
  for (let trial = 0; trial < 300; trial++) {
    const a = Float64Array.from({ length: queries }, (_, i) => query * normal(deriveKey(2, 'power', trial), i, 0) + difference);
    const zero = new Float64Array(queries);
    const [ofA, ofZero] = resampledMeans([[a], [zero]], deriveKey(trial, 'draws'), 500) as [Float64Array, Float64Array];
    if (seedsDifference([a], [zero], ofA, ofZero).p <= 0.05) found++;
  }
  expect(Math.abs(found - 240)).toBeLessThan(5 * Math.sqrt(300 * 0.8 * 0.2)); // binomial: five standard deviations
});
