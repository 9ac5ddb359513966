import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Cell, cellsOf, cellText, configHashOf, fileOf, readCell, settingsOf, storedCells } from '../../claims/comparison.mjs';
import { meanInterval, pairedDifference, tableText } from '../../claims/table.mjs';

const results = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-results-'));
afterAll(() => fs.rmSync(results, { recursive: true }));

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function cell(sampler: Cell['sampler'], seed: number, recalls: number[]): Cell {
  const name = { table: 'apidocs', sampler, seed } as const;
  const perQuery = { 'recall@10': recalls, 'mrr@10': recalls.map((value) => value / 2) };
  return {
    ...name,
    configHash: configHashOf(name),
    commit: 'c0ffee',
    cpu: 'abacus',
    backend: 'cpu',
    versions: { simans: '0', node: 'v20', platform: 'p' },
    dataFingerprint: {},
    steps: 1,
    bestStep: 1,
    seconds: {},
    dev: {},
    test: { 'recall@10': mean(recalls), 'mrr@10': mean(recalls) / 2 },
    queries: recalls.map((_, i) => `q${i}`),
    perQuery,
  };
}

function store(made: Cell): void {
  const file = fileOf(made, results);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, JSON.stringify(made));
}

test('the tables hold every sampler with every seed once', () => {
  expect(cellsOf('apidocs')).toHaveLength(25);
  expect(cellsOf('wordnet')).toHaveLength(9);
  expect(new Set(cellsOf('apidocs').map((name) => fileOf(name))).size).toBe(25);
  expect(new Set([...cellsOf('apidocs'), ...cellsOf('wordnet')].map(configHashOf)).size).toBe(34);
});

test('cells of a table differ in sampler and seed alone', () => {
  const [first, second] = [
    settingsOf({ table: 'apidocs', sampler: 'random', seed: 1 }),
    settingsOf({ table: 'apidocs', sampler: 'simans', seed: 2 }),
  ];
  const keys = (settings: string[]) => settings.map((setting) => setting.split('=')[0]);
  expect(keys(first)).toEqual(keys(second));
  expect(first.filter((setting, i) => setting !== second[i]).map((setting) => setting.split('=')[0])).toEqual(['seed', 'sampler']);
  expect(configHashOf({ table: 'apidocs', sampler: 'random', seed: 1 })).not.toBe(
    configHashOf({ table: 'apidocs', sampler: 'topk', seed: 1 }),
  );
});

test('a cell of another configuration, or one that lost values, does not count', () => {
  store(cell('random', 1, [0, 1, 1, 0]));
  store({ ...cell('simans', 1, [1, 1, 1, 0]), configHash: 'older' });
  const cut = cell('topk', 1, [1, 0, 0, 0]);
  store({ ...cut, perQuery: { ...cut.perQuery, 'recall@10': [1, 0, 0] } });
  store({ ...cell('none', 1, [1, 0, 0, 0]), test: { 'recall@10': 0.9, 'mrr@10': 0.125 } });
  expect(storedCells('apidocs', results).map(({ sampler }) => sampler)).toEqual(['random']);
});

test('the interval over seeds is Student’s', () => {
  // mean 3, s = √2.5, t(4) = 2.776, n = 5
  const { mean: middle, half } = meanInterval([1, 2, 3, 4, 5]);
  expect(middle).toBe(3);
  expect(half).toBeCloseTo((2.776 * Math.sqrt(2.5)) / Math.sqrt(5), 12);
  expect(meanInterval([7])).toEqual({ mean: 7 });
});

test('differences are paired by seed and query', () => {
  const base = [cell('random', 1, [0, 0, 1, 1]), cell('random', 2, [0, 1, 0, 1])];
  const better = [cell('simans', 1, [0.5, 0.5, 1, 1]), cell('simans', 2, [0, 1, 1, 1]), cell('simans', 3, [0, 0, 0, 0])];
  const interval = pairedDifference(better, base, 'recall@10')!;
  expect(interval.difference).toBeCloseTo(0.25, 12); // seed 3 has no partner
  expect(interval.low).toBeLessThanOrEqual(0.25);
  expect(interval.high).toBeGreaterThanOrEqual(0.25);
  expect(pairedDifference(base, base, 'recall@10')).toEqual({ difference: 0, low: 0, high: 0 });
  expect(pairedDifference(better, [], 'recall@10')).toBeUndefined();
});

test('cells tested on other queries are not compared', () => {
  const other = { ...cell('random', 1, [0, 1]), queries: ['x', 'y'] };
  expect(() => pairedDifference([cell('simans', 1, [0, 1])], [other], 'recall@10')).toThrow('other queries');
});

test('an unfinished table says what was not run', () => {
  const text = tableText('apidocs', [cell('random', 1, [0, 1, 1, 0]), cell('random', 2, [0, 1, 1, 1]), cell('simans', 1, [1, 1, 1, 0])]);
  expect(text).toContain('3 of 25 cells');
  expect(text).toMatch(/\| topk \| 0 \| not run \| not run \| not run \| not run \|/);
  expect(text).toMatch(/\| random \| 2 \| 0\.6250 ± 1\.588[23] \|/);
  expect(text).toMatch(/\| simans \| 1 \| 0\.7500 \| 0\.3750 \| \+0\.2500 \(/);
});

test('a cell is read from its finished job and survives its file', () => {
  const job = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-cell-'));
  const summary = {
    backend: { name: 'cpu' },
    versions: { node: 'v20' },
    data: { fingerprint: { test: 'f' } },
    steps: 20,
    best: { step: 10 },
    seconds: { train: 3 },
    refreshes: [
      { step: 0, dev: { 'recall@10': 0.1 } },
      { step: 10, dev: { 'recall@10': 0.6 } },
    ],
    test: { bm25: { 'recall@10': 0.9 }, trained: { 'recall@10': 0.75, 'mrr@10': 2 / 3 } },
  };
  fs.writeFileSync(path.join(job, 'summary.json'), JSON.stringify(summary));
  fs.mkdirSync(path.join(job, 'eval'));
  fs.writeFileSync(
    path.join(job, 'eval', 'test.trained.tsv'),
    'query\tmrr@10\trecall@1\trecall@10\nq "1"\t0.3333333333333333\t0\t0.5\nq2\t1\t1\t1\n',
  );
  const made = readCell({ table: 'apidocs', sampler: 'topk', seed: 3 }, job);
  fs.rmSync(job, { recursive: true });
  expect(made.queries).toEqual(['q "1"', 'q2']);
  expect(made.perQuery).toEqual({ 'recall@10': [0.5, 1], 'mrr@10': [0.333333, 1] });
  expect(made.test).toEqual({ 'recall@10': 0.75, 'mrr@10': 2 / 3 });
  expect(made.dev).toEqual({ 'recall@10': 0.6 });
  expect(JSON.parse(cellText(made))).toEqual(made);
  fs.writeFileSync(fileOf(made, results), cellText(made));
  expect(storedCells('apidocs', results)).toContainEqual(made);
});
