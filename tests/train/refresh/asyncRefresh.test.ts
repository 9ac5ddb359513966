/** Refreshes made beside the training, with real processes: the course is the configuration's, whatever is killed. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { placeOf } from '../../../src/sampling/pools.js';
import { readStepLog } from '../../../src/train/folder/stepLog.js';
import { readRefresh } from '../../../src/train/refresh/refreshFolder.js';
import { expectSameJob } from '../jobs.js';
import { complaints, lineCount, train, trainUntil, writeBeir, writeJobFile } from '../process.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-async-'));
const file = writeJobFile(folder);
const jobFolder = (name: string) => path.join(folder, 'jobs', name);
const beside = (name: string) => ['--set', `name=${name}`, '--set', 'refresh.mode=async', '--set', 'refresh.lagSteps=2'];
const undisturbed = jobFolder('undisturbed');
let said = '';

/** Ids of the processes that refresh this job. */
function refreshers(name: string): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  return lines
    .filter((line) => line.includes('refreshProcess.js') && line.includes(jobFolder(name)))
    .map((line) => Number.parseInt(line, 10));
}

/** Between a checkpoint that is refreshed from and the switch to its pools. */
const underWay = (name: string) => () => lineCount(path.join(jobFolder(name), 'log.jsonl')) >= 5 && refreshers(name).length > 0;

beforeAll(async () => {
  writeBeir(path.join(folder, 'beir'));
  const { code, stdout } = await train(file, ...beside('undisturbed'));
  expect(code).toBe(0);
  said = stdout;
}, 120_000);
afterAll(() => fs.rmSync(folder, { recursive: true }));

it('switches lagSteps later to the pools of the same weights as a synchronous job, whose dev they are', async () => {
  expect(said).toContain('refresh 1 of step 4 is made beside the training; its pools serve from step 6\n');
  expect(said).toMatch(/^refresh 1 of step 4: dev .*; waited [\d.]+ s, refreshes/m);
  expect(await train(file, '--set', 'name=sync')).toMatchObject({ code: 0 });
  const [late, prompt] = [undisturbed, jobFolder('sync')].map((job) => readRefresh(job, 1)!);
  expect(late!.dev).toEqual(prompt!.dev);
  const common = [...late!.pools!.rows].filter((row) => placeOf(prompt!.pools!, row) >= 0);
  expect(common.length).toBeGreaterThan(5);
  for (const row of common) {
    const [a, b] = [late!, prompt!].map(({ pools }) => {
      const begin = placeOf(pools!, row) * pools!.k;
      return { passages: pools!.passages.slice(begin, begin + pools!.k), scores: [...pools!.scores.slice(begin, begin + pools!.k)] };
    });
    expect(a!.passages).toEqual(b!.passages);
    a!.scores.forEach((score, i) => expect(score).toBeCloseTo(b!.scores[i]!, 4)); // other queries are encoded beside it
  }
  const [old, fresh] = [undisturbed, jobFolder('sync')].map(readStepLog);
  expect(old!.slice(0, 4)).toEqual(fresh!.slice(0, 4));
  expect(old![4]!.loss).not.toBe(fresh![4]!.loss);
  const figures = fs.readFileSync(path.join(undisturbed, 'metrics.jsonl'), 'utf8').trim().split('\n');
  const ages = figures.map((line) => JSON.parse(line).draws?.age);
  expect(ages).toEqual([undefined, 2.5, 3.5, 2.5]); // steps 0–5 by the pools of 0, 6–9 by those of 4, 10–11 by those of 8
}, 120_000);

it('a job killed between the checkpoint and the switch leaves no process behind, and ends like one never killed', async () => {
  await trainUntil(underWay('killed'), 'SIGKILL', file, ...beside('killed'));
  await expect.poll(() => refreshers('killed'), { timeout: 5000 }).toEqual([]);
  expect(await train(file, ...beside('killed'), '--resume')).toMatchObject({ code: 0 });
  expectSameJob(jobFolder('killed'), undisturbed);
}, 120_000);

it('Ctrl-C in between saves, and the refresh is made by the resumed job', async () => {
  const { code } = await trainUntil(underWay('stopped'), 'SIGINT', file, ...beside('stopped'));
  expect(code).toBe(130);
  expect(refreshers('stopped')).toEqual([]);
  expect(await train(file, ...beside('stopped'), '--resume')).toMatchObject({ code: 0 });
  expectSameJob(jobFolder('stopped'), undisturbed);
}, 120_000);

it('the job ends with what the second process fails with, or says how it ended, and can go on', async () => {
  const corpus = path.join(folder, 'beir', 'corpus.jsonl');
  let gone = false;
  const hidden = () => {
    if (!gone && lineCount(path.join(jobFolder('failed'), 'log.jsonl')) >= 1) {
      fs.renameSync(corpus, `${corpus}.gone`);
      gone = true;
    }
    return false;
  };
  const failed = await trainUntil(hidden, 'SIGKILL', file, ...beside('failed'));
  fs.renameSync(`${corpus}.gone`, corpus);
  expect(failed.code).toBe(1);
  expect(complaints(failed.stderr)).toEqual([expect.stringContaining(path.join(folder, 'beir'))]);
  const shot = () => {
    for (const pid of refreshers('failed')) process.kill(pid, 'SIGKILL');
    return false;
  };
  const ended = await trainUntil(shot, 'SIGKILL', file, ...beside('failed'), '--resume');
  expect(complaints(ended.stderr)).toEqual([
    'simans: the process that refreshes ended by SIGKILL. The last checkpoint is intact: go on with --resume.',
  ]);
  expect(await train(file, ...beside('failed'), '--resume')).toMatchObject({ code: 0 });
  expectSameJob(jobFolder('failed'), undisturbed);
}, 120_000);
