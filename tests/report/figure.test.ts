import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { curveSvg, ticks } from '../../src/report/curve.js';
import { measureLabel, signedFigure } from '../../src/report/figures.js';
import { jobReport, writeJobReport } from '../../src/report/jobReport.js';
import type { Summary } from '../../src/train/folder/summary.js';

const means = (value: number) => ({ 'recall@10': value, 'mrr@10': value / 2 });

/** Round numbers of no real job. */
const summary: Summary = {
  name: 'toy',
  folder: 'jobs/toy',
  seed: 1,
  data: { name: 'toy <set>', passages: 10, queries: { train: 4, dev: 2, test: 2 }, fingerprint: {} },
  backend: { name: 'cpu', gflops: 1, replicas: 1 },
  parameters: 7,
  steps: 20,
  best: { step: 10, measure: 'recall@10', dev: 0.75 },
  refreshes: [
    { number: 0, step: 0, seconds: 0, dev: means(0.25) },
    { number: 1, step: 10, seconds: 50, dev: means(0.75) },
    { number: 2, step: 20, seconds: 100, dev: means(0.5) },
  ],
  test: { bm25: means(0.4), untrained: means(0.1), trained: means(0.6) },
  bm25: { k1: 1, b: 0.5, dev: means(0.5) },
  difference: { difference: 0.2, low: -0.05, high: 0.45 },
  refreshShare: 0.095,
  seconds: { train: 90, refresh: 9.5, total: 123.4 },
  peakMemoryBytes: 1_500_000_000,
  versions: {},
  files: { model: 'jobs/toy/model' },
};

test('the report shows systems, difference, choice, cost, files and the next command', () => {
  expect(`${jobReport(summary, { ...summary.files, summary: 'jobs/toy/summary.json' })}\n`).toMatchInlineSnapshot(`
    "
    test, 2 queries    R@10  MRR@10
    ───────────────  ──────  ──────
    BM25             0.4000  0.2000
    untrained        0.1000  0.0500
    trained          0.6000  0.3000

    R@10, trained minus BM25: +0.2000, 95 % interval −0.0500 to +0.4500 (paired bootstrap over queries); ratio 1.50
    tested checkpoint: step 10 of 20, chosen on dev (R@10 0.7500)
    time: 123 s this session; by phase, over all sessions: train 90.0 s, refresh 9.5 s
    refreshes: 3, 9.5 % of the wall-clock time of training and refreshing
    peak memory: 1.50 GB

    written:
      model    jobs/toy/model
      summary  jobs/toy/summary.json

    try: npx simans search jobs/toy "a question of yours"
    "
  `);
});

test('a job without BM25 that read no test query shows dev instead', () => {
  const { bm25: _bm25, difference: _difference, ...rest } = summary;
  const report = jobReport({ ...rest, test: {} }, rest.files);
  expect(report).toMatch(/dev, 2 queries \(test was not read\).*\n.*\nuntrained +0\.2500.*\ntrained +0\.7500/);
  expect(report).toContain('kept checkpoint: step 10');
  expect(report).not.toContain('BM25');
});

test('test queries with unseen answers have a table of their own', () => {
  const report = jobReport({ ...summary, testUnseen: { queries: 1, systems: { trained: means(0.125) } } }, summary.files);
  expect(report).toMatch(/whose answers no training or dev query has.*\n.*\ntrained +0\.1250/);
});

test('the curve passes through every refresh in order, higher values higher up', () => {
  const svg = curveSvg(summary);
  const points = /class="curve" points="([^"]+)"/
    .exec(svg)![1]
    .split(' ')
    .map((pair) => pair.split(',').map(Number));
  expect(points).toHaveLength(3);
  expect(points.map(([x]) => x)).toEqual(points.map(([x]) => x).sort((a, b) => a - b));
  const [[, first], [, second], [, third]] = points;
  expect(second).toBeLessThan(third);
  expect(third).toBeLessThan(first);
  expect(svg.match(/class="chosen"/g)).toHaveLength(1);
  // BM25's dev value is that of the last refresh: the line meets the point.
  expect(svg).toContain(`class="baseline" x1="56" x2="616" y1="${third}"`);
  expect(svg).toContain('prefers-color-scheme: dark');
});

test('names of data and jobs cannot break the SVG', () => {
  expect(curveSvg(summary)).toContain('toy &lt;set&gt;');
  expect(curveSvg(summary)).not.toMatch(/set>/);
});

test('ticks of a measure that hardly leaves 0 say what they are at', () => {
  const { bm25, ...rest } = summary;
  const refreshes = summary.refreshes.map((refresh) => ({ ...refresh, dev: means(refresh.dev['recall@10']! / 400) }));
  const svg = curveSvg({ ...rest, refreshes });
  for (const label of ['0.0005', '0.001', '0.0015', '0.002']) expect(svg).toContain(`>${label}</text>`);
});

test('ticks are round, start at 0 and cover the data', () => {
  expect(ticks(0.59, 5)).toEqual([0, 0.2, 0.4, 0.6]);
  expect(ticks(100, 5)).toEqual([0, 20, 40, 60, 80, 100]);
  expect(ticks(203, 6)).toEqual([0, 50, 100, 150, 200, 250]);
  expect(ticks(0, 5)).toEqual([0, 1]);
});

test('numbers and measures as printed', () => {
  expect(measureLabel('recall@100')).toBe('R@100');
  expect(measureLabel('ndcg@10')).toBe('nDCG@10');
  expect(signedFigure(-0.00004)).toBe('−0.0000');
  expect(signedFigure(0.25)).toBe('+0.2500');
});

test('the figure is written into the job’s folder and named in the report', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-report-'));
  try {
    const report = writeJobReport({ ...summary, folder });
    const curve = path.join(folder, 'figures', 'curve.svg');
    expect(fs.readFileSync(curve, 'utf8')).toBe(curveSvg(summary));
    expect(report).toContain(curve);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});
