/** What is said of a refresh's pools. */
import { describe, expect, it } from 'vitest';
import type { Dataset } from '../../src/data/types.js';
import { loadSampler } from '../../src/sampling/index.js';
import { removedArrays } from '../../src/sampling/pools.js';
import { densityWarning, drawsText, poolFigures, poolsLine, smallPoolsWarning } from '../../src/train/diagnostics.js';
import type { BuiltPools } from '../../src/train/refresh/pools.js';

const K = 4;
const dataset = { queries: { id: String }, corpus: { size: 100 } } as unknown as Dataset;
const NEGATIVES = 2;

/** Pools of so many candidates, all of one score, each with as many removed as it lacks. */
function built(sizes: readonly number[]): BuiltPools {
  const slots = sizes.flatMap((size) => Array.from({ length: K }, (_, i) => (i < size ? i : -1)));
  const pools = {
    k: K,
    rows: Int32Array.from(sizes.keys()),
    passages: Int32Array.from(slots),
    scores: new Float32Array(slots.length),
    positiveScores: new Float32Array(sizes.length),
    positiveOffsets: Uint32Array.from([...sizes, 0].keys()),
    ...removedArrays(
      sizes.map((size) => Array.from({ length: K - size }, (_, i) => ({ passage: 50 + i, score: 1, by: 'reranker' as const }))),
    ),
  };
  return { pools, scoreError: 0 } as unknown as BuiltPools;
}

async function figuresOf(sizes: readonly number[]) {
  const density = { kind: 'simans', negatives: NEGATIVES, pool: K, a: 0.5, b: 0, kernel: 'squared', unit: 'score', replacement: false };
  const sampler = await loadSampler(density as Parameters<typeof loadSampler>[0]);
  return poolFigures(built(sizes), undefined, { sampler, negatives: NEGATIVES }, dataset)!;
}

describe('pools of which some are empty', () => {
  it('never have more candidates in effect than candidates: both are of the pools that have any', async () => {
    const figures = await figuresOf([4, 0, 0, 4]);
    expect(figures).toMatchObject({ queries: 4, tooSmall: 2, candidates: 4 });
    expect(figures.effectiveSize).toBeCloseTo(4, 6);
    expect(poolsLine(figures, 'simans')).toBe('simans draws from 4.0 of 4.0 candidates in effect (1/Σp²); removed: reranker 8');
    expect(densityWarning(figures, 'simans', NEGATIVES)).toContain('almost evenly (4.0 of 4.0)');
  });
});

describe('a density', () => {
  const warned = async (effectiveSize: number, candidates: number) =>
    densityWarning({ ...(await figuresOf([4])), effectiveSize, candidates }, 'simans', 15);

  it('is too narrow or too wide for its pool', async () => {
    expect(await warned(20, 100)).toMatch(/20\.0 candidates in effect for 15 negatives.*lower sampler\.a/);
    expect(await warned(99, 100)).toMatch(/almost evenly.*raise sampler\.a/);
    expect(await warned(60, 100)).toBeUndefined();
  });

  it('is not to blame for a pool with hardly more candidates than negatives', async () => {
    for (const effectiveSize of [10, 16])
      expect(await warned(effectiveSize, 16)).toMatch(/^warning: pools have 16\.0 candidates for 15 negatives.*raise sampler\.pool/);
  });
});

describe('pools with fewer candidates than negatives', () => {
  it('are warned of, with the filter that took most and its key', async () => {
    expect(smallPoolsWarning(await figuresOf([0, 0, 1, 4]), NEGATIVES)).toBe(
      'warning: 3 of 4 pools have fewer candidates than the 2 negatives that are drawn, the others are random passages; ' +
        'reranker removed 11: look at sampler.filters.reranker or recipe.negativesBelow',
    );
  });

  it('without a filter to blame point to where candidates come from', async () => {
    const figures = { ...(await figuresOf([0, 0, 0, 0])), removed: { known: 3 } };
    expect(smallPoolsWarning(figures, NEGATIVES)).toMatch(/look at sampler\.pool and sampler\.source$/);
  });

  it('are no news where they are few', async () => {
    const sizes = Array.from({ length: 20 }, (_, i) => (i < 2 ? 1 : 4));
    expect(smallPoolsWarning(await figuresOf(sizes), NEGATIVES)).toBeUndefined();
    expect(smallPoolsWarning(await figuresOf([1, ...sizes]), NEGATIVES)).toContain('3 of 21 pools');
  });
});

it('draws of random passages alone are called that', () => {
  expect(drawsText({ drawn: 1280, padded: 1280, age: 0 })).toBe('random passages, 1,280 random where a pool was too small');
  expect(drawsText({ drawn: 8, padded: 0, age: 0, gapMean: -1.5, gapVariance: 1, aboveThePositive: 0.25 })).toBe(
    'mean score gap -1.50, 25.0 % above their positive (likely false)',
  );
});
