/** What is claimed of asynchronous refreshes from the cells that are stored. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { type Cell, hashOf, storedRefreshes } from '../../claims/refresh.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-refresh-claims-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));
let results = '';
beforeEach(() => {
  results = fs.mkdtempSync(path.join(folder, 'results-'));
});

const QUERIES = 400;
/** Reciprocal ranks of queries; asynchronous ones differ by `shift`, and by chance. */
const valuesOf = (mode: Cell['mode'], seed: number, shift: number) =>
  Array.from({ length: QUERIES }, (_, i) => 0.5 + 0.4 * Math.sin(i) + (mode === 'async' ? shift + 0.02 * Math.cos(7 * i + seed) : 0));

function store(mode: Cell['mode'], seed: number, shift = 0, changed: Partial<Cell> = {}): void {
  const perQuery = valuesOf(mode, seed, shift);
  const cell: Cell = {
    mode,
    seed,
    configHash: hashOf({ mode, seed }),
    commit: 'c0ffee',
    cpu: 'abacus',
    bestStep: 1,
    seconds: { train: 96, wait: 4 },
    refreshShare: mode === 'async' ? 0.01 : 0.04,
    test: { 'mrr@10': perQuery.reduce((sum, value) => sum + value, 0) / QUERIES },
    queries: perQuery.map((_, i) => `q${i}`),
    perQuery,
    ...changed,
  };
  fs.mkdirSync(path.join(results, 'refresh'), { recursive: true });
  fs.writeFileSync(path.join(results, 'refresh', `${mode}-${seed}.json`), JSON.stringify(cell));
}

function storeAll(shift: number): void {
  for (const seed of [1, 2, 3, 4, 5]) for (const mode of ['sync', 'async'] as const) store(mode, seed, shift);
}

it('the share of waiting over that of standing still', () => {
  storeAll(0);
  const { 'index.asyncWaiting': waiting, 'index.asyncEquivalence': equivalence } = storedRefreshes(results);
  expect(waiting!.value).toBeCloseTo(0.25, 12);
  expect(waiting!.note).toContain('1.0 % of 100 s instead of 4.0 % of 100 s, 5 seeds');
  expect(equivalence!.value).toBeLessThan(0.05);
  expect(equivalence!.note).toContain(': equivalent');
});

it('a difference as large as the margin is not shown to be none', () => {
  storeAll(0.01);
  const { 'index.asyncEquivalence': equivalence } = storedRefreshes(results);
  expect(equivalence!.value).toBeGreaterThan(0.05);
  expect(equivalence!.note).toContain('equivalence not shown');
});

it('cells that are missing, of another configuration or cut do not count; equivalence needs all', () => {
  expect(storedRefreshes(results)['index.asyncWaiting']!.value).toBeUndefined();
  storeAll(0);
  store('async', 2, 0, { configHash: 'other' });
  store('sync', 3, 0, { perQuery: [1] });
  const { 'index.asyncWaiting': waiting, 'index.asyncEquivalence': equivalence } = storedRefreshes(results);
  expect(waiting!.note).toContain('3 seeds; 4 synchronous and 4 asynchronous cells stored of 5 each');
  expect(equivalence!.value).toBeUndefined();
});
