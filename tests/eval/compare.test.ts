import { describe, expect, it } from 'vitest';
import { deriveKey, uniform } from '../../src/core/random.js';
import { compare, extremes } from '../../src/eval/compare.js';
import { type Result, requireComparable } from '../../src/eval/result.js';
import { holm, randomisedTukey, seedsBootstrap } from '../../src/eval/significance.js';

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
  it('widens the interval where seeds differ', () => {
    const base = values('a', 0);
    const better = base.map((value) => value + 0.1);
    const calm = seedsBootstrap([better, better, better], [base, base, base], key, 2000);
    const spread = [-0.2, 0, 0.2].map((shift) => better.map((value) => value + shift));
    const wide = seedsBootstrap(spread, [base, base, base], key, 2000);
    expect(calm.difference).toBeCloseTo(0.1, 10);
    expect(wide.difference).toBeCloseTo(0.1, 10);
    expect(calm.high - calm.low).toBeLessThan(0.001);
    expect(wide.high - wide.low).toBeGreaterThan(0.1);
  });
});

describe('compare', () => {
  const systems = ['a', 'b', 'c'].map((name, i) => ({ name, seeds: [values(name, i / 10)] }));

  it('sets the others against the first, or each against each', () => {
    expect(compare(systems, 't', 1).map(({ system, baseline }) => `${system}-${baseline}`)).toEqual(['b-a', 'c-a']);
    expect(compare(systems, 'tukey', 1).map(({ system, baseline }) => `${system}-${baseline}`)).toEqual(['b-a', 'c-a', 'c-b']);
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
