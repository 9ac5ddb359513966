/** The family around SimANS: what each sampler draws, what they have in common, and what keeps a passage out of a pool. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PRESETS, presetOf } from '../../src/config/samplerPresets.js';
import { deriveKey, uniform } from '../../src/core/random.js';
import { drawWithReplacement } from '../../src/sampling/draw.js';
import {
  answerInText,
  type Candidate,
  duplicateText,
  knownPositives,
  percentOfPositive,
  removedBy,
  rerankerMargin,
  scoreMargin,
} from '../../src/sampling/filters.js';
import { createSampler, type SamplerConfig } from '../../src/sampling/index.js';
import { KERNEL_NAMES, KERNELS } from '../../src/sampling/kernels.js';
import { simansProbabilities } from '../../src/sampling/simans.js';
import type { Pool, Sampler } from '../../src/sampling/types.js';
import { poolOf } from './golden.js';

const key = deriveKey(11, 'family');
const draws = (sampler: Sampler, pool: Pool, m: number, row = 0) => [...sampler.draw(pool, m, (element) => uniform(key, row, element))];
const scoresOf = fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: 4, maxLength: 12 });
const positive = fc.double({ min: -20, max: 20, noNaN: true });

const POOLED: SamplerConfig[] = [
  { kind: 'given' },
  { kind: 'topk' },
  { kind: 'topkUniform', pool: 100 },
  { kind: 'rankWindow', from: 1, to: 100 },
  { kind: 'nearestK', pool: 100, b: 0 },
  ...KERNEL_NAMES.flatMap((kernel) =>
    (['score', 'spread'] as const).map((unit): SamplerConfig => ({ kind: 'simans', pool: 100, a: 0.5, b: 0, kernel, unit })),
  ),
  { kind: 'docSim', pool: 100, a: 0.5, b: 0, kernel: 'squared' },
];

/** With similarities that are the scores the other way round. */
const withSimilarities = (pool: Pool): Pool => ({ ...pool, similarities: pool.scores.slice().reverse() });

describe.each(POOLED.map((config) => [JSON.stringify(config), config] as const))('%s', (_, config) => {
  const sampler = createSampler(config);

  it('draws m distinct candidates of the pool, never a positive, the same for the same key', () => {
    fc.assert(
      fc.property(scoresOf, positive, fc.nat(1000), (scores, s, row) => {
        const pool = withSimilarities(poolOf(scores, s));
        const m = Math.min(3, sampler.capacity(pool));
        const drawn = draws(sampler, pool, m, row);
        expect(new Set(drawn).size).toBe(m);
        for (const passage of drawn) {
          expect([...pool.passages]).toContain(passage);
          expect([...pool.positives]).not.toContain(passage);
        }
        expect(draws(sampler, pool, m, row)).toEqual(drawn);
      }),
    );
  });

  it('has a law that sums to 1, if it has one', () => {
    fc.assert(
      fc.property(scoresOf, positive, (scores, s) => {
        const law = sampler.probabilities?.(withSimilarities(poolOf(scores, s)));
        if (law) expect(law.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 12);
      }),
    );
  });

  it('refuses more than it has', () => {
    const pool = withSimilarities(poolOf([3, 2, 1], 2));
    expect(() => draws(sampler, pool, sampler.capacity(pool) + 1)).toThrow(/negatives asked for/);
  });
});

describe('SimANS', () => {
  const density = { a: 0.7, b: 0.3, kernel: 'squared' } as const;

  it('does not see a constant added to all scores and to the positive’s', () => {
    fc.assert(
      fc.property(scoresOf, positive, fc.integer({ min: -50, max: 50 }), (scores, s, shift) => {
        const law = simansProbabilities(scores, s, density, 'q');
        simansProbabilities(
          scores.map((score) => score + shift),
          s + shift,
          density,
          'q',
        ).forEach((p, i) => expect(p).toBeCloseTo(law[i]!, 9));
      }),
    );
  });

  it('gives a permuted pool the permuted law', () => {
    fc.assert(
      fc.property(scoresOf, positive, (scores, s) => {
        const law = simansProbabilities(scores, s, density, 'q');
        simansProbabilities([...scores].reverse(), s, density, 'q')
          .reverse()
          .forEach((p, i) => expect(p).toBeCloseTo(law[i]!, 12));
      }),
    );
  });

  it('in units of the spread does not see the scale of the scores', () => {
    fc.assert(
      fc.property(scoresOf, positive, fc.double({ min: 0.01, max: 100, noNaN: true }), (scores, s, scale) => {
        const spread = { a: 0.7, b: 0, kernel: 'squared', unit: 'spread' } as const;
        const law = simansProbabilities(scores, s, spread, 'q');
        simansProbabilities(
          scores.map((score) => score * scale),
          s * scale,
          spread,
          'q',
        ).forEach((p, i) => expect(p).toBeCloseTo(law[i]!, 6));
      }),
    );
  });

  it('with a = 0 and b anywhere is even; with a large goes to the nearest, as nearestK does', () => {
    const pool = poolOf([9, 7, 4.2, 3.9, 1], 4);
    expect([...simansProbabilities(pool.scores, 4, { a: 0, b: 7, kernel: 'squared' }, 'q')]).toEqual(Array(5).fill(0.2));
    const sharp = createSampler({ kind: 'simans', pool: 100, a: 1e6, b: 0, kernel: 'squared' });
    expect(draws(sharp, pool, 2)).toEqual(draws(createSampler({ kind: 'nearestK', pool: 100, b: 0 }), pool, 2));
  });

  it('with replacement draws each time from the whole law', () => {
    const sampler = createSampler({ kind: 'simans', pool: 100, a: 0.5, b: 0, kernel: 'squared', replacement: true });
    const pool = poolOf([3, 2], 2);
    expect(sampler.capacity(pool)).toBeGreaterThan(1000);
    const law = sampler.probabilities!(pool);
    const drawn = draws(sampler, pool, 20_000);
    expect(drawn.filter((passage) => passage === 100).length / 20_000).toBeCloseTo(law[0]!, 1);
  });
});

describe('drawWithReplacement', () => {
  it('takes the first whose cumulative probability exceeds u', () => {
    const us = [0, 0.1999999, 0.2, 0.7, 0.999999];
    expect([...drawWithReplacement(Float64Array.of(0.2, 0.5, 0.3), 5, (i) => us[i]!)]).toEqual([0, 0, 1, 2, 2]);
  });
});

describe('kernels', () => {
  it('are even, 0 at 0, and never fall with the distance', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...KERNEL_NAMES),
        fc.double({ min: 0, max: 1e3, noNaN: true }),
        fc.double({ min: 0, max: 1e3, noNaN: true }),
        (name, x, y) => {
          const g = KERNELS[name];
          expect(g(0)).toBeCloseTo(0, 12);
          expect(g(-x)).toBe(g(x));
          expect(g(Math.max(x, y))).toBeGreaterThanOrEqual(g(Math.min(x, y)) - 1e-12);
        },
      ),
    );
  });
});

describe('rankWindow', () => {
  it('draws from the window alone, fewer where the pool ends in it', () => {
    const sampler = createSampler({ kind: 'rankWindow', from: 2, to: 4 });
    const pool = poolOf([5, 4, 3, 2, 1], 4);
    expect(draws(sampler, pool, 3).sort()).toEqual([101, 102, 103]);
    expect(sampler.capacity(poolOf([5, 4], 4))).toBe(1);
    expect([...sampler.probabilities!(pool)]).toEqual([0, 1 / 3, 1 / 3, 1 / 3]);
    expect(() => createSampler({ kind: 'rankWindow', from: 3, to: 2 })).toThrow(/1 ≤ from ≤ to/);
  });
});

describe('docSim', () => {
  it('looks at the similarity to the positive instead of the score', () => {
    const sampler = createSampler({ kind: 'docSim', pool: 100, a: 1e6, b: 0, kernel: 'squared' });
    expect(draws(sampler, { ...poolOf([9, 5, 1], 4), similarities: Float32Array.of(0, 1, 4) }, 1)).toEqual([102]);
  });
});

describe('presets', () => {
  it('are the paper’s, and its scripts’ with their own signs and kernels', () => {
    expect(presetOf({ preset: 'nq', compat: 'simxns' })).toEqual({ a: 0.5, b: -1, kernel: 'squared', pool: 100, negatives: 15 });
    expect(PRESETS.simxns['ms-pas']).toMatchObject({ kernel: 'absolute', a: 3, pool: 200 });
    expect(presetOf({ preset: 'ms-doc', compat: 'paper' })).toMatchObject({ a: 0.5, b: 0, pool: 100 });
    expect(presetOf({ preset: 'none' })).toBeUndefined();
  });
});

describe('filters', () => {
  const candidate = (changes: Partial<Candidate> = {}): Candidate => ({ passage: 7, score: 4, positiveScore: 5, ...changes });

  it.each([
    ['known', knownPositives(new Set([7])), candidate(), candidate({ passage: 8 })],
    ['duplicate', duplicateText(({ passage }) => passage === 7), candidate(), candidate({ passage: 8 })],
    ['answer', answerInText((passage) => passage === 7), candidate(), candidate({ passage: 8 })],
    ['margin', scoreMargin(0.5), candidate({ score: 4.6 }), candidate({ score: 4.5 })],
    ['percentOfPositive', percentOfPositive(0.95), candidate({ score: 4.8 }), candidate({ score: 4.7 })],
    ['reranker', rerankerMargin((passage) => passage, 7.5, 1), candidate(), candidate({ passage: 6 })],
  ])('%s', (name, filter, out, kept) => {
    expect(removedBy([filter], out)).toBe(name);
    expect(removedBy([filter], kept)).toBeUndefined();
  });

  it('a share of a positive that scores below 0 removes nothing', () => {
    expect(removedBy([percentOfPositive(0.95)], candidate({ score: 3, positiveScore: -1 }))).toBeUndefined();
  });

  it('the first that removes is the reason', () => {
    expect(removedBy([scoreMargin(0), knownPositives(new Set([7]))], candidate({ score: 9 }))).toBe('margin');
  });
});
