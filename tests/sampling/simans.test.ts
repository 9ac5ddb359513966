import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.js';
import { deriveKey, uniform } from '../../src/core/random.js';
import { gumbelKey, gumbelTopK } from '../../src/sampling/gumbelTopK.js';
import { createSampler } from '../../src/sampling/index.js';
import { simansLogWeights, simansProbabilities, simansSampler } from '../../src/sampling/simans.js';
import { densityOf, golden, poolOf } from './golden.js';

const key = deriveKey(1, 'simans test');
const uniformsOf = (row: number) => (element: number) => uniform(key, row, element);

describe('simansProbabilities', () => {
  it.each(golden.probabilityCases)('$name', ({ name, scores, positive, peak, probabilities, logProbabilities, argmax, ...rest }) => {
    const density = densityOf({ name, scores, positive, ...rest }, peak);
    const p = simansProbabilities(scores, positive, density, name);
    const logWeights = simansLogWeights(scores, positive, density, name);
    for (let i = 0; i < scores.length; i++) {
      expect(Math.abs(p[i] - probabilities[i])).toBeLessThan(golden.tolerance.probabilities);
      const logP = logWeights[i] - logWeights[argmax] + Math.log(p[argmax]);
      const allowed = logProbabilities[i] > -1e3 ? 1e-9 : 1e-12 * Math.abs(logProbabilities[i]);
      expect(Math.abs(logP - logProbabilities[i])).toBeLessThanOrEqual(allowed);
    }
  });

  it('adds up to 1 and does not care for the order of the candidates', () => {
    const scores = fc.array(fc.float({ min: -200, max: 200, noNaN: true }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(scores, fc.float({ min: -200, max: 200, noNaN: true }), fc.double({ min: 0, max: 50, noNaN: true }), (s, positive, a) => {
        const density = { a, b: 0.25, kernel: 'squared' } as const;
        const p = simansProbabilities(s, positive, density, 'q');
        expect(p.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 12);
        const backwards = simansProbabilities([...s].reverse(), positive, density, 'q').reverse();
        p.forEach((x, i) => expect(backwards[i]).toBeCloseTo(x, 12));
      }),
    );
  });
});

describe('what is refused, with a UserError', () => {
  const ofTheSettings = ['nan_a', 'negative_a', 'infinite_a', 'nan_b', 'infinite_b', 'unknown_kernel'];

  it.each(golden.mustError)('$name: $why', (refused) => {
    const positive = refused.positive === null ? (null as unknown as number) : Number(refused.positive);
    const draw = () => {
      const sampler = createSampler({ kind: 'simans', pool: 100, ...densityOf(refused) });
      return sampler.draw(poolOf(refused.scores, positive, 'the-query'), refused.m, uniformsOf(0));
    };
    expect(draw).toThrow(UserError);
    // A mistake in the job file is named by its key, one in the data by its query.
    expect(draw).toThrow(ofTheSettings.includes(refused.name) ? /sampler\.(a|b|kernel)/ : /the-query/);
  });

  it('the squared gap of doubles that overflows', () => {
    expect(() => simansLogWeights([1e200, -1e200], 0, { a: 0.5, b: 0, kernel: 'squared' }, 'the-query')).toThrow(/the-query.*overflow/);
  });

  it('a K that is no whole number', () => {
    for (const pool of [0, 2.5, Number.NaN])
      expect(() => createSampler({ kind: 'simans', pool, a: 1, b: 0, kernel: 'squared' })).toThrow(/sampler\.pool/);
  });
});

describe('a = 0', () => {
  it('draws exactly what topkUniform draws under the same key', () => {
    const scores = fc.array(fc.float({ min: -50, max: 50, noNaN: true }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(scores, fc.nat(1000), fc.nat(), (s, row, size) => {
        const K = 1 + (size % s.length);
        const pool = poolOf(s, 3, 'q');
        const simans = createSampler({ kind: 'simans', pool: K, a: 0, b: 1, kernel: 'squared' });
        const even = createSampler({ kind: 'topkUniform', pool: K });
        for (let m = 1; m <= K; m++) expect([...simans.draw(pool, m, uniformsOf(row))]).toEqual([...even.draw(pool, m, uniformsOf(row))]);
      }),
    );
  });
});

describe('gumbelTopK', () => {
  const { scores, positive, gumbel } = golden.deterministic;
  const logWeights = simansLogWeights(scores, positive, densityOf(golden.deterministic), 'q');

  it.each(gumbel)('gives the reference keys and order for u = $u', ({ u, keys, orderByKeyDescending }) => {
    const got = logWeights.map((logWeight, i) => gumbelKey(logWeight, u[i]!));
    keys.forEach((expected, i) => expect(Math.abs(got[i] - expected)).toBeLessThan(golden.tolerance.keys));
    for (let m = 1; m <= scores.length; m++) expect([...gumbelTopK(logWeights, m, (i) => u[i])]).toEqual(orderByKeyDescending.slice(0, m));
  });

  it('gives ties to the lower index', () => {
    expect([...gumbelTopK(new Float64Array(4), 3, () => 0.5)]).toEqual([0, 1, 2]);
  });
});

describe('the sampler', () => {
  const scoresAndM = fc
    .uniqueArray(fc.integer({ min: -40, max: 40 }), { minLength: 1, maxLength: 30 })
    .chain((scores) =>
      fc.record({ scores: fc.constant(scores.sort((x, y) => y - x)), m: fc.integer({ min: 1, max: scores.length }), row: fc.nat() }),
    );

  it('draws m distinct passages of the pool, all of them for m = its size, and the same ones again', () => {
    const sampler = simansSampler(100, { a: 0.1, b: 0, kernel: 'squared' });
    fc.assert(
      fc.property(scoresAndM, ({ scores, m, row }) => {
        const pool = poolOf(scores, 0);
        const drawn = sampler.draw(pool, m, uniformsOf(row));
        expect(new Set(drawn).size).toBe(m);
        for (const passage of drawn) expect(pool.passages).toContain(passage);
        expect(sampler.draw(pool, m, uniformsOf(row))).toEqual(drawn);
        expect([...sampler.draw(pool, scores.length, uniformsOf(row))].sort()).toEqual([...pool.passages].sort());
      }),
    );
  });

  it('never looks behind the best K', () => {
    const sampler = simansSampler(3, { a: 0.5, b: 0, kernel: 'squared' });
    const pool = poolOf([9, 8, 7, 1, 0], 0); // the nearest to the positive are out of reach
    expect(sampler.capacity(pool)).toBe(3);
    for (let row = 0; row < 50; row++) for (const passage of sampler.draw(pool, 2, uniformsOf(row))) expect(passage).toBeLessThan(103);
  });

  it('takes the m nearest to s⁺ + b for a large a', () => {
    fc.assert(
      fc.property(scoresAndM, ({ scores, m, row }) => {
        const peak = 0.3; // no two whole numbers are equally far from it
        const drawn = simansSampler(100, { a: 1e6, b: 0.1, kernel: 'absolute' }).draw(poolOf(scores, 0.2), m, uniformsOf(row));
        const nearest = scores.map((score, i) => [Math.abs(score - peak), 100 + i]).sort(([x], [y]) => x - y);
        expect(new Set(drawn)).toEqual(new Set(nearest.slice(0, m).map(([, passage]) => passage)));
      }),
    );
  });

  it('draws the same set from a shuffled pool when the uniforms are shuffled along', () => {
    const scores = [4, 3, 2.5, 1, 0];
    const order = [3, 0, 4, 1, 2];
    const density = { a: 0.5, b: 0, kernel: 'squared' } as const;
    for (let row = 0; row < 200; row++) {
      const straight = gumbelTopK(simansLogWeights(scores, 2, density, 'q'), 3, uniformsOf(row));
      const shuffled = gumbelTopK(
        simansLogWeights(
          order.map((i) => scores[i]),
          2,
          density,
          'q',
        ),
        3,
        (i) => uniform(key, row, order[i]),
      );
      expect([...shuffled].map((i) => order[i])).toEqual([...straight]);
    }
  });
});
