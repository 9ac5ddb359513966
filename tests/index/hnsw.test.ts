import { beforeAll, describe, expect, test } from 'vitest';
import { selectBackend } from '../../src/backend/index.js';
import { deriveKey, normal } from '../../src/core/random.js';
import { silentReporter } from '../../src/core/reporter.js';
import { chooseIndex } from '../../src/index/choice.js';
import { ExactIndex, type Hits } from '../../src/index/exact.js';
import { HnswIndex, loadHnswLibrary } from '../../src/index/hnsw.js';
import type { Vectors } from '../../src/index/vectors.js';

const D = 16;
const options = { connectivity: 16, addExpansion: 64, searchExpansion: 100, threads: 2 };
const phase = silentReporter.phase('build', 1, 'passages');

/** Unit vectors around a tenth as many centres, as encoded passages are. */
function vectors(rows: number, purpose: string): Vectors {
  const [centre, own] = [deriveKey(1, 'centres'), deriveKey(1, purpose)];
  const values = new Float32Array(rows * D);
  for (let row = 0; row < rows; row++) {
    const vector = Array.from({ length: D }, (_, d) => normal(centre, row % 200, d) + 0.4 * normal(own, row, d));
    const norm = Math.hypot(...vector);
    values.set(
      vector.map((value) => value / norm),
      row * D,
    );
  }
  return { values, width: D };
}

/** An optional package: not every platform has it prebuilt. */
const installed = await loadHnswLibrary().then(
  () => true,
  () => false,
);

describe.skipIf(!installed)('HnswIndex (with usearch)', () => {
  const passages = vectors(2000, 'passages');
  const queries = vectors(50, 'queries');
  const rows = Int32Array.from({ length: 50 }, (_, row) => row);
  const k = 20;
  let found: Hits;
  let exact: Hits;
  beforeAll(async () => {
    await selectBackend('cpu');
    found = (await HnswIndex.build(passages, options, phase)).search(queries, rows, k, 20);
    exact = await new ExactIndex(passages).search(queries, rows, k, 20);
  });

  test('finds nearly all of the exact best', () => {
    let common = 0;
    for (const row of rows) {
      const best = new Set(exact.passages.subarray(row * k, (row + 1) * k));
      for (const passage of found.passages.subarray(row * k, (row + 1) * k)) if (best.has(passage)) common++;
    }
    expect(common / (rows.length * k)).toBeGreaterThan(0.95);
  });

  test('scores what it finds as the exact index does, best first', () => {
    for (const row of rows) {
      const scoreOf = new Map(
        Array.from(exact.passages.subarray(row * k, (row + 1) * k), (passage, i) => [passage, exact.scores[row * k + i]!]),
      );
      for (let i = 0; i < k; i++) {
        const at = row * k + i;
        if (i > 0) expect(found.scores[at]!).toBeLessThanOrEqual(found.scores[at - 1]!);
        const score = scoreOf.get(found.passages[at]!);
        if (score !== undefined) expect(found.scores[at]).toBeCloseTo(score, 4);
      }
    }
  });

  test('has -1 behind the last where fewer are there than asked for', async () => {
    const few = await HnswIndex.build({ values: passages.values.slice(0, 3 * D), width: D }, options, phase);
    const hits = few.search(queries, Int32Array.of(0), 5, 1);
    expect([...hits.passages.slice(0, 3)].sort()).toEqual([0, 1, 2]);
    expect([...hits.passages.slice(3)]).toEqual([-1, -1]);
  });
});

describe('chooseIndex', () => {
  const size = { passages: 1e6, queries: 1000, width: 384, expansion: 200 };

  test('takes a graph where many queries pay for building it, and never for few', () => {
    expect(chooseIndex({ ...size, queries: 10 }).kind).toBe('exact');
    expect(chooseIndex({ ...size, queries: 1e6 }).kind).toBe('hnsw');
  });

  test('estimates more for more of anything', () => {
    const { seconds } = chooseIndex(size);
    for (const name of ['passages', 'queries', 'width'] as const) {
      const more = chooseIndex({ ...size, [name]: 2 * size[name] }).seconds;
      expect(more.exact).toBeGreaterThan(seconds.exact);
      expect(more.hnsw).toBeGreaterThan(seconds.hnsw);
    }
  });
});
