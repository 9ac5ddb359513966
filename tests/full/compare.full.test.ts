/** `simans compare` through the command line, in real processes. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ArmCell } from '../../src/analysis/compare.js';
import { simans } from '../cli/command.js';
import { writeBeir, writeJobFile } from '../train/process.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-compare-'));
const at = (...parts: string[]) => path.join(folder, ...parts);
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** Arms of the toy job: other samplers, and one with a warm-up of 4 of its 12 steps. */
function writeArms(): void {
  const job = JSON.parse(fs.readFileSync(writeJobFile(folder), 'utf8'));
  const base = { ...job, train: { ...job.train, replicas: 1 } };
  const write = (name: string, keys: object) => fs.writeFileSync(at(`${name}.yaml`), JSON.stringify({ ...base, ...keys }));
  write('simans', {});
  write('topk', { sampler: { kind: 'topk', negatives: 2, pool: 10 } });
  write('warm', {
    sampler: { kind: 'topk', negatives: 2, pool: 10 },
    recipe: { kind: 'ance', warmup: { train: { steps: 4 } } },
    train: { ...base.train, steps: 8 },
  });
  write('short', { train: { ...base.train, steps: 4 } });
  write('other-data', { data: { ...base.data, fields: ['text'] } });
  write('other-eval', { eval: { ...base.eval, selection: 'recall@1' } });
  write('untested', { eval: { ...base.eval, test: 'never' } });
}

const arms = (...names: string[]) => names.map((name) => at(`${name}.yaml`));
const compare = (names: string[], ...flags: string[]) => simans(['compare', ...arms(...names), '--to', at('out'), ...flags]);
beforeAll(() => {
  writeBeir(at('beir'));
  writeArms();
});

test('says beforehand what it will do and can show, and trains nothing', () => {
  const { code, stdout, stderr } = compare(['topk', 'simans', 'warm'], '--dryRun', '--seeds', '2');
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toContain('jobs: 6 (seeds 1, 2), 0 of them finished');
  expect(stdout).toMatch(/^warm +ance +topk +softmax +12$/m); // both stages
  expect(stdout).not.toContain('note: '); // as many steps in each
  // (2.5758 + 0.8416) √(.35² / 20 + .009²): three comparisons, BM25 among them, so that z is that of 5 % / 3
  expect(stdout).toMatch(/^smallest difference: 0\.2\d{3} MRR@10 on beir, 10 test queries, 2 seeds, 3 comparisons /m);
  expect(fs.existsSync(at('out'))).toBe(false);
});

test('notes in what else arms differ', () => {
  const { stdout } = compare(['simans', 'short'], '--dryRun');
  expect(stdout).toContain('note: arms differ in steps of the retriever: 12 (simans); 4 (short)');
});

describe('a comparison', () => {
  const names = ['topk', 'simans', 'warm'];
  const read = (cell: string) => JSON.parse(fs.readFileSync(at('out/cells', cell), 'utf8')) as ArmCell;
  let whole: string;

  test('trains each arm with each seed, and gives means and corrected differences of every measure', () => {
    const { code, stdout, stderr } = compare(names, '--seeds', '2', '--json');
    expect(code, stderr).toBe(0);
    const result = JSON.parse(stdout);
    whole = fs.readFileSync(at('out/result.json'), 'utf8');
    expect(result).toEqual(JSON.parse(whole));
    expect(fs.readdirSync(at('out/cells')).sort()).toEqual(names.flatMap((name) => [`${name}-1.json`, `${name}-2.json`]).sort());
    const [{ measure, means, differences }] = result.results;
    expect(measure).toBe('mrr@10');
    expect(result.results).toHaveLength(4);
    expect(means.map(({ system, seeds }: { system: string; seeds: number }) => [system, seeds])).toEqual([
      ['topk', 2],
      ['simans', 2],
      ['warm', 2],
      ['BM25', 1],
    ]);
    const mean = (arm: string) => (read(`${arm}-1.json`).means['mrr@10']! + read(`${arm}-2.json`).means['mrr@10']!) / 2;
    expect(means[1].mean).toBeCloseTo(mean('simans'), 5);
    expect(means[1].low).toBeLessThanOrEqual(means[1].mean);
    expect(differences.map(({ system, baseline }: { system: string; baseline: string }) => `${system}-${baseline}`)).toEqual([
      'simans-topk',
      'warm-topk',
      'BM25-topk',
    ]);
    expect(differences[0].difference).toBeCloseTo(mean('simans') - mean('topk'), 5);
    for (const { p } of differences) expect(p > 0 && p <= 1).toBe(true);
    expect(result.jobs.every(({ done }: { done: boolean }) => done)).toBe(true);
  }, 300_000);

  test('runs nothing twice, and what is missing again gives the same', () => {
    fs.rmSync(at('out/cells/warm-2.json')); // its job is there still
    const again = compare(names, '--seeds', '2', '--baseline', 'topk');
    expect(again.code, again.stderr).toBe(0);
    expect(again.stdout).toContain('jobs: 6 (seeds 1, 2), 5 of them finished');
    const results = (text: string) => JSON.parse(text).results;
    expect(results(fs.readFileSync(at('out/result.json'), 'utf8'))).toEqual(results(whole));
    expect(again.stdout).toMatch(/^simans − topk +[+−]0\.\d{4} /m);
    const [, smallest] = /^with the deviations found, .* the smallest MRR@10 difference is (0\.\d{4})$/m.exec(again.stdout)!;
    expect(JSON.parse(whole).results[0].smallestDifference.toFixed(4)).toBe(smallest);
  }, 120_000);

  test('refuses what was found on other data, and takes the same data from another place', () => {
    fs.cpSync(at('beir'), at('moved'), { recursive: true });
    const same = compare(names, '--seeds', '2', '--dryRun', '--set', `data.path=${at('moved')}`);
    expect([same.code, same.stdout]).toEqual([0, expect.stringContaining('6 of them finished')]);
    fs.writeFileSync(at('moved/qrels/test.tsv'), 'query-id\tcorpus-id\tscore\nq59\tp0\t1\n');
    const other = compare(names, '--seeds', '2', '--set', `data.path=${at('moved')}`);
    expect([other.code, other.stderr]).toEqual([
      1,
      expect.stringMatching(/topk-1\.json: found a finished job on other data \(other in test\)/),
    ]);
  }, 60_000);

  test('takes another baseline and measure from the same jobs', () => {
    const { code, stdout } = compare(names, '--seeds', '1,2', '--baseline', 'simans', '--measure', 'recall@10', '--json');
    expect(code).toBe(0);
    const [{ measure, differences }] = JSON.parse(stdout).results;
    expect([measure, differences[0].system, differences[0].baseline]).toEqual(['recall@10', 'topk', 'simans']);
  }, 60_000);
});

describe('refuses', () => {
  test.each([
    [['simans', 'other-data'], [], /other-data\.yaml cannot be compared with .*simans\.yaml: data\.fields is \["text"\], there "auto"/],
    [['simans', 'other-eval'], [], /eval\.selection is "recall@1", there "mrr@10"/],
    [['topk', 'topk'], [], /are both named topk/],
    [['simans', 'untested'], [], /eval\.test is "never", there "atEnd"/],
    [['simans', 'topk'], ['--baseline', 'topl'], /--baseline is topl; expected one of the arms: simans, topk/],
    [['simans', 'topk'], ['--measure', 'mrr@3'], /--measure is mrr@3; expected one of eval\.measures: recall@1, /],
    [['simans', 'topk'], ['--set', 'lab.paraphrases=true'], /beir: found another corpus with seed 2 than with seed 1/],
    [['simans', 'topk'], ['--set', 'seed=3'], /--set seed=3: expected a key that all jobs share; give --seeds instead/],
    [['simans', 'topk'], ['--set', 'eval.test=never'], /simans\.yaml: eval\.test is never; expected atEnd/],
  ])('%j %j', (names, flags, message) => {
    const { code, stderr } = compare(names, ...flags);
    expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
  });

  test.each([
    [['simans'], [], '1 job file is given; expected two or more'],
    [['simans', 'topk'], ['--seeds', '0'], '--seeds is 0; expected'],
    [['simans', 'topk'], ['--seeds', '1,1'], '--seeds is 1,1; expected'],
  ])('as wrong usage: %j %j', (names, flags, message) => {
    const { code, stderr } = compare(names, ...flags);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});
