/**
 * The law of the draw, by chi-square on unordered sets, N = 100,000 keyed draws a case.
 * Critical values for a false alarm of 1e-6 a case; since the keys are fixed the outcome never changes anyway.
 */
import { describe, expect, it } from 'vitest';
import { deriveKey, uniform } from '../../src/core/random.js';
import { uniformSubset } from '../../src/sampling/draw.js';
import { gumbelTopK } from '../../src/sampling/gumbelTopK.js';
import { simansLogWeights } from '../../src/sampling/simans.js';
import type { Uniforms } from '../../src/sampling/types.js';
import { densityOf, golden } from './golden.js';

const N = 100_000;
const ALPHA = '1e-6';

/** How often each set of indices (a bit mask) came out of N draws. */
function countSets(purpose: string, draw: (uniforms: Uniforms) => Iterable<number>): Map<number, number> {
  const key = deriveKey(2, purpose);
  const counts = new Map<number, number>();
  for (let row = 0; row < N; row++) {
    let set = 0;
    for (const i of draw((element) => uniform(key, row, element))) set |= 1 << i;
    counts.set(set, (counts.get(set) ?? 0) + 1);
  }
  return counts;
}

const maskOf = (items: readonly number[]) => items.reduce((set, i) => set | (1 << i), 0);

/** P(X ≥ x) for X ~ Binomial(N, p), with p small: the sum of the terms from x on. */
function binomialTail(x: number, p: number): number {
  if (x === 0) return 1;
  let logTerm = 0;
  for (let i = 0; i < x; i++) logTerm += Math.log((N - i) / (i + 1));
  logTerm += x * Math.log(p) + (N - x) * Math.log1p(-p);
  let term = Math.exp(logTerm);
  let sum = 0;
  for (let i = x; i <= N && term > sum * 1e-17; i++) {
    sum += term;
    term *= ((N - i) / (i + 1)) * (p / (1 - p));
  }
  return sum;
}

/** Whether the counts are refused as draws from the law; sets expected fewer than 10 times join the smallest cell of at least 10. */
function isRefused(counts: Map<number, number>, law: readonly { items: readonly number[]; p: number }[]): boolean {
  const cells = law.map(({ items, p }) => ({ expected: N * p, observed: counts.get(maskOf(items)) ?? 0 }));
  const outside = N - cells.reduce((sum, { observed }) => sum + observed, 0);
  if (outside > 0) return true; // sets that the law does not know
  const large = cells.filter(({ expected }) => expected >= 10).sort((x, y) => x.expected - y.expected);
  const rest = cells.filter(({ expected }) => expected < 10);
  const restExpected = rest.reduce((sum, { expected }) => sum + expected, 0);
  const restObserved = rest.reduce((sum, { observed }) => sum + observed, 0);
  if (large.length === 1) return restObserved > 0 && binomialTail(restObserved, restExpected / N) < Number(ALPHA);
  large[0].expected += restExpected;
  large[0].observed += restObserved;
  const statistic = large.reduce((sum, { expected, observed }) => sum + (observed - expected) ** 2 / expected, 0);
  return statistic > golden.chiSquareCritical[large.length - 1][ALPHA];
}

describe('gumbelTopK draws by successive sampling', () => {
  it.each(golden.draws)('$name', ({ name, scores, positive, m, subsets, ...rest }) => {
    const logWeights = simansLogWeights(scores, positive, densityOf({ name, scores, positive, ...rest }), name);
    expect(
      isRefused(
        countSets(name, (uniforms) => gumbelTopK(logWeights, m, uniforms)),
        subsets,
      ),
    ).toBe(false);
  });
});

describe('the test itself', () => {
  const { scores, positive, m, subsets, ...rest } = golden.draws.find(({ name }) => name === 'around_the_positive_m2')!;

  it('refuses slightly wrong weights', () => {
    const wrong = simansLogWeights(scores, positive, { ...densityOf({ scores, positive, ...rest }), a: 0.53 }, 'q');
    expect(
      isRefused(
        countSets('wrong', (uniforms) => gumbelTopK(wrong, m, uniforms)),
        subsets,
      ),
    ).toBe(true);
  });

  it('refuses draws with replacement', () => {
    const logWeights = simansLogWeights(scores, positive, densityOf({ scores, positive, ...rest }), 'q');
    const withReplacement = (uniforms: Uniforms) => [0, 1].map((draw) => gumbelTopK(logWeights, 1, (i) => uniforms(10 * draw + i))[0]);
    expect(isRefused(countSets('with replacement', withReplacement), subsets)).toBe(true);
  });
});

describe('uniformSubset', () => {
  it('gives every set the same chance', () => {
    const law = [
      [0, 1],
      [0, 2],
      [0, 3],
      [0, 4],
      [1, 2],
      [1, 3],
      [1, 4],
      [2, 3],
      [2, 4],
      [3, 4],
    ].map((items) => ({ items, p: 0.1 }));
    expect(
      isRefused(
        countSets('uniform', (uniforms) => uniformSubset(5, 2, uniforms)),
        law,
      ),
    ).toBe(false);
  });
});
