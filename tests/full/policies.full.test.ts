/** When a refresh is made and of what: whole jobs in this process, stopped and resumed. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { type Reporter, silentReporter } from '../../src/core/reporter.js';
import { trainJob } from '../../src/train/job.js';
import type { Refresh } from '../../src/train/refresh/refresh.js';
import { readRefresh } from '../../src/train/refresh/refreshFolder.js';
import { expectSameJob } from '../train/jobs.js';
import { writeBeir, writeJobFile } from '../train/process.js';

const SIZE = 700; // two shards
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-policies-'));
const file = writeJobFile(folder);
const jobFolder = (name: string) => path.join(folder, 'jobs', name);
let lines: string[] = [];

beforeAll(() => writeBeir(path.join(folder, 'beir'), SIZE));
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** Trains as far as `until`, where it is stopped as by Ctrl-C. */
async function run(name: string, refresh: string, until = Number.POSITIVE_INFINITY): Promise<void> {
  const stop = new AbortController();
  const reporter: Reporter = {
    line: (text) => lines.push(text),
    phase: (phase, total, unit) => ({
      ...silentReporter.phase(phase, total, unit),
      update: (done) => void (phase === 'train' && done >= until && stop.abort()),
    }),
  };
  const config = loadConfig(file, [`name=${name}`, `refresh=${refresh}`, 'eval.bm25=false', 'train.keepCheckpoints=2']);
  await trainJob(config, { resume: fs.existsSync(jobFolder(name)), reporter, signal: stop.signal });
}

/** The job of this policy; and one that was stopped and resumed on the way, which must not differ. */
async function both(name: string, refresh: string, ...stops: number[]): Promise<string> {
  lines = [];
  await run(name, refresh);
  const said = lines;
  lines = [];
  for (const stop of stops) await run(`${name}-resumed`, refresh, stop);
  await run(`${name}-resumed`, refresh);
  expectSameJob(jobFolder(`${name}-resumed`), jobFolder(name));
  lines = said;
  return jobFolder(name);
}

const refreshes = (job: string): Refresh[] => [0, 1, 2, 3, 4].flatMap((number) => readRefresh(job, number) ?? []);
const stepsOf = (job: string) => refreshes(job).map(({ step }) => step);
const log = (job: string) => fs.readFileSync(path.join(job, 'log.jsonl'), 'utf8');

describe('refresh.when', () => {
  it('never: the pools of the first serve all steps; so do those whose drift is never reached', async () => {
    const job = await both('never', '{everySteps: 4, when: never}', 5);
    expect(stepsOf(job)).toEqual([0, 12]);
    expect(readRefresh(job, 0)!.pools!.rows.length).toBe(40);
    const drifting = await both('unmoved', '{everySteps: 4, when: {drift: 0.5}}', 8);
    expect(stepsOf(drifting)).toEqual([0, 12]);
    expect(log(drifting)).toBe(log(job));
    expect(lines.filter((line) => line.startsWith('refresh.when'))).toEqual([
      expect.stringMatching(/^refresh\.when: \d+\.\d % of the pairs of candidates have turned \(50\.0 %\) since refresh 0; they stay$/),
      expect.stringContaining('since refresh 0; they stay'),
    ]);
  }, 120_000);

  it.each(['{everySteps: 4, when: {drift: 0.001}}', '{everySteps: 4, when: {drift: 0.001}, mode: async, lagSteps: 2}'])(
    'a drift that is reached: %s',
    async (refresh) => {
      const job = await both(`drift-${refresh.length}`, refresh, 5, 9);
      expect(stepsOf(job)).toEqual([0, 4, 8, 12]);
      expect(lines.filter((line) => line.includes('since refresh 1; the pools are made anew'))).toHaveLength(1);
    },
    120_000,
  );

  it('a change of dev among the candidates of a sample', async () => {
    const job = await both('dev', '{everySteps: 4, when: {dev: 0.0001}}', 5);
    expect(stepsOf(job)[0]).toBe(0);
    expect(stepsOf(job).length).toBeGreaterThan(2);
    expect(lines.some((line) => /^refresh\.when: mrr@10 among candidates went from 0\.\d+ to 0\.\d+ \(0\.0001\)/.test(line))).toBe(true);
    const { devSample, devOfSample } = readRefresh(job, 0)!;
    expect([...devSample!.rows]).toEqual([40, 41, 42, 43, 44, 45, 46, 47, 48, 49]);
    for (const [i, row] of devSample!.rows.entries()) expect([...devSample!.passages.subarray(i * 25, (i + 1) * 25)]).toContain(row);
    expect(devOfSample).toBeGreaterThan(0);
    expect(stepsOf(await both('dev-unmoved', '{everySteps: 4, when: {dev: 1}}', 9))).toEqual([0, 12]);
  }, 120_000);
});

it('refresh.everyEpochs counts in epochs of the data', async () => {
  const job = await both('epochs', '{everyEpochs: 1}', 6); // 40 queries, 8 a step
  expect(stepsOf(job)).toEqual([0, 5, 10, 12]);
}, 120_000);

describe('refresh.partial', () => {
  it.each([
    '{everySteps: 3, partial: {share: 0.2, wholeEvery: 2}}',
    '{everySteps: 3, partial: {share: 0.2, wholeEvery: 2}, mode: async, lagSteps: 1}',
    '{everySteps: 3, partial: {share: 0.2, wholeEvery: 2}, mode: async, lagSteps: 1, when: {drift: 0.001}}', // all at once
  ])(
    'encodes the candidates before, the positives and a share: %s',
    async (refresh) => {
      const job = await both(`partial-${refresh.length}`, refresh, 4, 10);
      const made = refreshes(job);
      expect(made.map(({ step }) => step)).toEqual([0, 3, 6, 9, 12]);
      expect(made.map(({ passages }) => passages === undefined)).toEqual([true, false, true, false, true]);
      expect(made.map(({ dev }) => Object.keys(dev).length > 0)).toEqual([true, false, true, false, true]);
      const candidates = new Set(made[0]!.pools!.passages);
      expect(made[1]!.passages).toBeGreaterThan(0.15 * SIZE + candidates.size / 2);
      expect(made[1]!.passages).toBeLessThan(0.8 * SIZE);
      const { best, refreshes: told } = JSON.parse(fs.readFileSync(path.join(job, 'summary.json'), 'utf8'));
      expect([0, 6, 12]).toContain(best.step);
      expect(told[1].dev).toEqual({});
      expect(lines.filter((line) => /a part of the corpus, \d+ passages, no dev/.test(line))).toHaveLength(2);
    },
    120_000,
  );
});
