import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { probeBackends, selectBackend } from '../../src/backend/index.js';
import { deriveKey, integer, normal } from '../../src/core/random.js';
import { ExactIndex, type Hits, scoreOf } from '../../src/index/exact.js';
import { startSearch } from '../../src/index/runningSearch.js';
import type { Vectors } from '../../src/index/vectors.js';

const probes = await probeBackends();
const usable = probes.filter((probe) => probe.usable).map(({ name }) => name);

/** Vectors of small whole numbers: products are exact in fp32, and equal scores are the rule. */
function wholeVectors(rows: number, width: number, seed: number): Vectors {
  const key = deriveKey(seed, 'vectors');
  return { values: Float32Array.from({ length: rows * width }, (_, i) => integer(key, 0, i, 5) - 2), width };
}

function normalVectors(rows: number, width: number, seed: number): Vectors {
  const key = deriveKey(seed, 'vectors');
  return { values: Float32Array.from({ length: rows * width }, (_, i) => normal(key, 0, i)), width };
}

const product = (a: Vectors, i: number, b: Vectors, j: number): number =>
  Array.from({ length: a.width }, (_, d) => a.values[i * a.width + d]! * b.values[j * a.width + d]!).reduce((sum, value) => sum + value, 0);

const searchExact = (queries: Vectors, rows: Int32Array, passages: Vectors, k: number, scale: number): Promise<Hits> =>
  new ExactIndex(passages).search(queries, rows, k, scale);

/** Every score, sorted: best first, ties to the lower row. */
function bruteForce(queries: Vectors, row: number, passages: Vectors, k: number, scale: number) {
  const size = passages.values.length / passages.width;
  const scored = Array.from({ length: size }, (_, passage) => ({ passage, score: scale * product(queries, row, passages, passage) }));
  const best = scored.sort((a, b) => b.score - a.score || a.passage - b.passage).slice(0, k);
  return { passages: best.map(({ passage }) => passage), scores: best.map(({ score }) => score) };
}

async function expectBruteForce(queries: Vectors, rows: Int32Array, passages: Vectors, k: number, scale: number): Promise<void> {
  const hits = await searchExact(queries, rows, passages, k, scale);
  rows.forEach((row, i) => {
    const expected = bruteForce(queries, row, passages, k, scale);
    const found = expected.passages.length;
    expect([...hits.passages.subarray(i * k, i * k + found)]).toEqual(expected.passages);
    expect([...hits.scores.subarray(i * k, i * k + found)]).toEqual(expected.scores);
    expect([...hits.passages.subarray(i * k + found, (i + 1) * k)]).toEqual(Array(k - found).fill(-1));
  });
}

async function expectBruteForceRows(queries: Vectors, rows: Int32Array, passages: Vectors, k: number): Promise<void> {
  const hits = await searchExact(queries, rows, passages, k, 1);
  rows.forEach((row, i) =>
    expect([...hits.passages.subarray(i * k, (i + 1) * k)]).toEqual(bruteForce(queries, row, passages, k, 1).passages),
  );
}

describe.each(usable)('ExactIndex on %s', (backend) => {
  beforeAll(async () => {
    await selectBackend(backend);
  });

  it('equals brute force, ties to the lower row, −1 behind the last of a smaller corpus', async () => {
    const sizes = fc.record({
      corpus: fc.integer({ min: 1, max: 40 }),
      width: fc.integer({ min: 1, max: 6 }),
      k: fc.integer({ min: 1, max: 50 }),
      seed: fc.nat(1000),
    });
    await fc.assert(
      fc.asyncProperty(sizes, async ({ corpus, width, k, seed }) => {
        await expectBruteForce(wholeVectors(5, width, seed), Int32Array.of(3, 0, 4), wholeVectors(corpus, width, seed + 1), k, 2);
      }),
      { numRuns: 60 },
    );
  });

  it('searches beyond one block of passages', async () => {
    const passages = wholeVectors(9000, 3, 5);
    await expectBruteForce(wholeVectors(2, 3, 6), Int32Array.of(0, 1), passages, 700, 1);
  });

  it('ranks any numbers as sums of 64 bits do, passages of one text by their row wherever they lie', async () => {
    const [rows, width, k] = [1300, 37, 60];
    const passages = normalVectors(rows, width, 7);
    // One text fifteen times, at all places of blocks and in the smaller last one.
    for (let copy = 1; copy < 15; copy++) passages.values.copyWithin((copy * 92 + 10) * width, 10 * width, 11 * width);
    const queries = normalVectors(4, width, 8);
    queries.values.set(passages.values.subarray(10 * width, 11 * width), 3 * width);
    await expectBruteForceRows(queries, Int32Array.of(0, 1, 2, 3), passages, k);
  });

  it('does not depend on the pieces in which passages come', async () => {
    const [passages, queries, rows] = [normalVectors(1000, 9, 1), normalVectors(3, 9, 2), Int32Array.of(0, 1, 2)];
    const found: Int32Array[][] = [];
    for (const piece of [1000, 1, 100, 257]) {
      const search = startSearch(queries, rows, 30);
      for (let row = 0; row < 1000; row += piece)
        await search.meet({ values: passages.values.subarray(row * 9, (row + piece) * 9), width: 9 });
      found.push(await search.candidates());
    }
    for (const one of found) expect(one).toEqual(found[0]);
  });

  it('refuses NaN, naming the passage', async () => {
    const passages = wholeVectors(4, 2, 1);
    passages.values[5] = Number.NaN;
    const search = searchExact(wholeVectors(1, 2, 2), Int32Array.of(0), passages, 2, 1);
    await expect(search).rejects.toThrow(/passage row 2 has the score NaN/);
  });
});

describe('scoreOf', () => {
  it('is the score that the search gives the pair', async () => {
    const queries = wholeVectors(3, 4, 1);
    const passages = wholeVectors(10, 4, 2);
    const hits = await searchExact(queries, Int32Array.of(2), passages, 10, 0.5);
    hits.passages.forEach((passage, rank) => expect(scoreOf(queries, 2, passages, passage, 0.5)).toBe(hits.scores[rank]));
  });
});

describe.each(probes.filter((probe) => !probe.usable))('$name', ({ whyNot }) => {
  it.skip(`not searched: ${whyNot}`, () => {});
});
