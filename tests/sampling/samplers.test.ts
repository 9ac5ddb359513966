import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.js';
import { deriveKey, uniform } from '../../src/core/random.js';
import { createSampler, type SamplerConfig } from '../../src/sampling/index.js';
import { drawNegatives } from '../../src/sampling/negatives.js';
import type { Pool } from '../../src/sampling/types.js';
import { poolOf } from './golden.js';

const key = deriveKey(3, 'sampler test');
const uniformsOf = (row: number) => (element: number) => uniform(key, row, element);
const configs: SamplerConfig[] = [
  { kind: 'random' },
  { kind: 'topk' },
  { kind: 'topkUniform', pool: 4 },
  { kind: 'simans', pool: 4, a: 0.5, b: 0, kernel: 'squared' },
];

/** A pool in a corpus of `corpusSize`: which rows are positives and which candidates, the rest is elsewhere. */
const anyPool = fc.integer({ min: 1, max: 25 }).chain((corpusSize) =>
  fc.shuffledSubarray(Array.from({ length: corpusSize }, (_, i) => i)).chain((rows) =>
    fc.integer({ min: 0, max: Math.min(3, rows.length) }).map(
      (positives): Pool => ({
        query: 'q7',
        passages: Int32Array.from(rows.slice(positives)),
        scores: Float32Array.from(rows.slice(positives), (_, i) => 5 - i / 2),
        positiveScore: 2.2,
        positives: Int32Array.from(rows.slice(0, positives)).sort(),
        corpusSize,
      }),
    ),
  ),
);

describe.each(configs)('drawNegatives with $kind', (config) => {
  const sampler = createSampler(config);

  it('gives m distinct rows of the corpus, never a positive, or refuses naming the query', () => {
    fc.assert(
      fc.property(anyPool, fc.integer({ min: 1, max: 12 }), fc.nat(), (pool, m, row) => {
        const draw = () => drawNegatives(sampler, pool, m, uniformsOf(row));
        if (m > pool.corpusSize - pool.positives.length) {
          expect(draw).toThrow(UserError);
          expect(draw).toThrow(/q7/);
          return;
        }
        const { passages, padded } = draw();
        expect(new Set(passages).size).toBe(m);
        for (const passage of passages) {
          expect(passage).toBeGreaterThanOrEqual(0);
          expect(passage).toBeLessThan(pool.corpusSize);
          expect(pool.positives).not.toContain(passage);
        }
        expect(padded).toBe(Math.max(0, m - sampler.capacity(pool)));
        if (config.kind !== 'random') for (const passage of passages.subarray(0, m - padded)) expect(pool.passages).toContain(passage);
        expect(draw().passages).toEqual(passages);
      }),
      { numRuns: 300 },
    );
  });

  it('refuses an m that is no positive whole number', () => {
    for (const m of [0, -1, 1.5, Number.NaN])
      expect(() => drawNegatives(sampler, poolOf([3, 2, 1], 2), m, uniformsOf(0))).toThrow(/q7.*negatives/);
  });

  it('alone refuses to draw more than its capacity', () => {
    const pool = poolOf([3, 2, 1], 2);
    expect(() => sampler.draw(pool, sampler.capacity(pool) + 1, uniformsOf(0))).toThrow(/q7/);
  });
});

describe('drawNegatives on an empty pool', () => {
  it('pads every place with random passages', () => {
    const { passages, padded } = drawNegatives(createSampler(configs[3]), { ...poolOf([], 2), corpusSize: 6 }, 4, uniformsOf(0));
    expect([...passages].sort()).toEqual([1, 2, 3, 4]);
    expect(padded).toBe(4);
  });
});

describe('topk', () => {
  it('takes the best m in their order, whatever the uniforms', () => {
    const sampler = createSampler({ kind: 'topk' });
    for (let row = 0; row < 5; row++) expect([...sampler.draw(poolOf([9, 8, 7, 6], 8), 3, uniformsOf(row))]).toEqual([100, 101, 102]);
  });
});

describe('topkUniform', () => {
  it('reaches each of the best K about equally often and nothing behind them', () => {
    const sampler = createSampler({ kind: 'topkUniform', pool: 4 });
    const counts = new Map<number, number>();
    for (let row = 0; row < 8000; row++)
      for (const passage of sampler.draw(poolOf([9, 8, 7, 6, 5, 4], 8), 2, uniformsOf(row)))
        counts.set(passage, (counts.get(passage) ?? 0) + 1);
    expect([...counts.keys()].sort()).toEqual([100, 101, 102, 103]);
    // Binomial(8000, 1/2): standard deviation 45.
    for (const count of counts.values()) expect(Math.abs(count - 4000)).toBeLessThan(5 * 45);
  });
});

describe('random', () => {
  it('reaches every passage but the positives about equally often', () => {
    const pool = { ...poolOf([9, 8], 8), corpusSize: 10, passages: Int32Array.of(1, 2) };
    const counts = new Int32Array(10);
    for (let row = 0; row < 8000; row++)
      for (const passage of createSampler({ kind: 'random' }).draw(pool, 2, uniformsOf(row))) counts[passage]++;
    counts.forEach((count, passage) => {
      if (passage === 0 || passage === 5) expect(count).toBe(0);
      else expect(Math.abs(count - 2000)).toBeLessThan(5 * 39); // Binomial(8000, 1/4): standard deviation 39
    });
  });
});

describe('createSampler', () => {
  it('refuses an unknown kind', () => {
    expect(() => createSampler({ kind: 'hardest' } as unknown as SamplerConfig)).toThrow(/sampler\.kind is hardest/);
  });
});
