import { describe, expect, it } from 'vitest';
import { deriveKey, uniform } from '../../src/core/random.js';
import { compare, extremes } from '../../src/eval/compare.js';
import { type Result, requireComparable } from '../../src/eval/result.js';
import { meanOfSeeds, resampledMeans, type Seeds, seedsDifference } from '../../src/eval/seedsBootstrap.js';
import { holm, pairedBootstrap, randomisedTukey } from '../../src/eval/significance.js';

const N = 60;
const values = (name: string, shift: number) => Float64Array.from({ length: N }, (_, i) => 0.5 * uniform(deriveKey(1, name), i, 0) + shift);
const key = deriveKey(3, 'test');

describe('holm', () => {
  it('multiplies the smallest by their number, the next by one less, and never falls', () => {
    expect(holm([0.01, 0.04, 0.03]).map((p) => Number(p.toFixed(6)))).toEqual([0.03, 0.06, 0.06]);
    expect(holm([0.5, 0.9])).toEqual([1, 1]);
  });
});

describe('randomised Tukey', () => {
  const [a, b, c] = [values('a', 0), values('b', 0), values('c', 0.3)];

  it('finds what is far and not what is near, symmetrically', () => {
    const p = randomisedTukey([a!, b!, c!], key, 2000);
    expect(p[0]![1]).toBe(p[1]![0]);
    expect(p[0]![1]).toBeGreaterThan(0.1);
    expect(p[0]![2]).toBeLessThan(0.01);
    expect(p[1]![1]).toBe(1);
  });

  it('of two systems is the paired randomisation test, up to its draws', () => {
    const [[, p]] = randomisedTukey([a!, values('b', 0.05)], key, 20_000) as [[number, number]];
    const [{ p: other }] = compare(
      [
        { name: 'b', seeds: [values('b', 0.05)] },
        { name: 'a', seeds: [a!] },
      ],
      'randomisation',
      3,
    ) as unknown as [{ p: number }];
    expect(Math.abs(p - other)).toBeLessThan(0.02);
  });

  it('is level: of equal systems a twentieth is found at .05, in the mean over draws', () => {
    let found = 0;
    for (let trial = 0; trial < 100; trial++) {
      const systems = ['x', 'y', 'z'].map((name) => Float64Array.from({ length: 20 }, (_, i) => uniform(deriveKey(trial, name), i, 0)));
      if (Math.min(...randomisedTukey(systems, deriveKey(trial, 't'), 400).flat()) < 0.05) found++;
    }
    expect(found).toBeLessThan(13); // 5 expected; 13 or more has a chance below .001
  });
});

describe('seeds and queries resampled', () => {
  const differenceOf = (a: Seeds, b: Seeds) => {
    const [ofA, ofB] = resampledMeans([a, b], key, 2000) as [Float64Array, Float64Array];
    return seedsDifference(a, b, ofA, ofB);
  };
  const base = values('a', 0);
  const better = base.map((value) => value + 0.1);

  it('widens the interval where seeds differ', () => {
    const calm = differenceOf([better, better, better], [base, base, base]);
    const wide = differenceOf(
      [-0.2, 0, 0.2].map((shift) => better.map((value) => value + shift)),
      [base, base, base],
    );
    expect(calm.difference).toBeCloseTo(0.1, 10);
    expect(wide.difference).toBeCloseTo(0.1, 10);
    expect(calm.high - calm.low).toBeLessThan(0.001);
    expect(wide.high - wide.low).toBeGreaterThan(0.1);
    expect(calm.p).toBe(2 / 2001); // the smallest that 2,000 resamples can give
    expect(wide.p).toBeGreaterThan(calm.p);
  });

  it('of one seed is the bootstrap over queries, and p is 1 where nothing differs', () => {
    const other = values('b', 0);
    const found = differenceOf([base], [other]);
    const once = pairedBootstrap(base, other, key, 2000);
    expect(found.difference).toBeCloseTo(once.difference, 12);
    expect(Math.abs(found.low - once.low)).toBeLessThan(0.01);
    expect(Math.abs(found.high - once.high)).toBeLessThan(0.01);
    expect(differenceOf([base], [base]).p).toBe(1);
  });

  it('has the error of the mean: of queries and of seeds', () => {
    const seeds = [0, 0.02, 0.07, 0.11].map((shift) => base.map((value) => value + shift));
    const [means] = resampledMeans([seeds], key, 4000) as [Float64Array];
    const middle = means.reduce((sum, value) => sum + value, 0) / means.length;
    const deviation = Math.sqrt(means.reduce((sum, value) => sum + (value - middle) ** 2, 0) / means.length);
    const variance = (list: readonly number[]) => {
      const centre = list.reduce((sum, value) => sum + value, 0) / list.length;
      return list.reduce((sum, value) => sum + (value - centre) ** 2, 0) / list.length;
    };
    expect(middle).toBeCloseTo(meanOfSeeds(seeds), 2);
    expect(deviation / Math.sqrt(variance([...base]) / N + variance([0, 0.02, 0.07, 0.11]) / 4)).toBeCloseTo(1, 1);
  });
});

describe('compare', () => {
  const systems = ['a', 'b', 'c'].map((name, i) => ({ name, seeds: [values(name, i / 10)] }));

  it('sets the others against the first, or each against each', () => {
    expect(compare(systems, 't', 1).map(({ system, baseline }) => `${system}-${baseline}`)).toEqual(['b-a', 'c-a']);
    expect(compare(systems, 'tukey', 1).map(({ system, baseline }) => `${system}-${baseline}`)).toEqual(['b-a', 'c-a', 'c-b']);
  });

  it('corrects the p-values of several seeds by Holm', () => {
    const several = systems.map(({ name, seeds: [one] }) => ({ name, seeds: [one!, one!.map((value) => value + 0.001)] }));
    const found = compare(several, 'randomisation', 1);
    expect(found.map(({ method }) => method)).toEqual(Array(2).fill('bootstrap over seeds and queries, Holm'));
    expect(found[1]!.p).toBe((2 * 2) / 10_001);
  });

  it('gives the same for the same seed', () => {
    expect(compare(systems, 'randomisation', 5)).toEqual(compare(systems, 'randomisation', 5));
  });
});

describe('extremes', () => {
  it('are the largest changes, none of them nought', () => {
    expect(extremes([1, 0, 0.5, 0.5], [0, 1, 0.5, 0.1], 3)).toEqual({ gained: [0, 3], lost: [1] });
  });
});

describe('requireComparable', () => {
  const policy: Result['policy'] = {
    qrels: 'a'.repeat(64),
    corpus: null,
    split: 'test',
    relevanceLevel: 1,
    precision: 'float32',
    depth: 100,
    text: 'title text',
    removeSelf: false,
    answerRule: null,
    queriesOutsideCorpus: 0,
  };
  const result = (changes: Partial<Result['policy']> = {}, queries = ['q']): Result => ({
    format: 1,
    data: 'd',
    policy: { ...policy, ...changes },
    queries,
    systems: {},
  });
  const against = (other: Result) => () =>
    requireComparable([
      { place: 'one', result: result() },
      { place: 'two', result: other },
    ]);

  it('lets equals pass and names every rule that differs', () => {
    expect(against(result())).not.toThrow();
    expect(against(result({ relevanceLevel: 2, text: 'text' }))).toThrow(
      /two cannot be compared with one: they differ in relevanceLevel 2, there 1; text text, there title text/,
    );
    expect(against(result({ qrels: 'b'.repeat(64) }))).toThrow(/qrels b{12}, there a{12}/);
    expect(against(result({}, ['r']))).toThrow(/the queries/);
  });
});
