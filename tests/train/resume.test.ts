/** Killed, stopped and resumed jobs end as one that was never interrupted: with real processes. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../src/encoders/formats/safetensors.js';
import { expectSameJob, finishedRefreshes } from './jobs.js';
import { complaints, lineCount, train, trainUntil, writeBeir, writeJobFile } from './process.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-resume-'));
const file = writeJobFile(folder);
const uninterrupted = path.join(folder, 'jobs', 'uninterrupted');

let uninterruptedSaid = '';

beforeAll(async () => {
  writeBeir(path.join(folder, 'beir'));
  const { code, stdout } = await train(file, '--set', 'name=uninterrupted');
  expect(code).toBe(0);
  uninterruptedSaid = stdout;
}, 120_000);
afterAll(() => fs.rmSync(folder, { recursive: true }));

const contains = (place: string, name: RegExp): boolean => fs.existsSync(place) && fs.readdirSync(place).some((entry) => name.test(entry));

it('a job killed in a step, in a refresh and while it writes a checkpoint ends like one never interrupted', async () => {
  const job = path.join(folder, 'jobs', 'killed');
  const checkpoints = path.join(job, 'checkpoints');
  const moments = {
    'in a step': () => lineCount(path.join(job, 'log.jsonl')) >= 3,
    'in a refresh': () => contains(checkpoints, /^step-000004$/), // written just before the refresh
    'in a checkpoint': () => contains(checkpoints, /^step-0000(06|08|10)/), // its temporary name is enough; early, so that a slow poll still meets a running job
  };
  let flags: string[] = [];
  for (const [name, moment] of Object.entries(moments)) {
    const { signal } = await trainUntil(moment, 'SIGKILL', file, '--set', 'name=killed', ...flags);
    expect(signal, name).toBe('SIGKILL');
    expect(fs.existsSync(path.join(job, 'summary.json')), name).toBe(false);
    flags = ['--resume'];
  }
  const refreshes = finishedRefreshes(job);
  expect(Object.keys(refreshes).length).toBeGreaterThan(0);
  expect(await train(file, '--set', 'name=killed', '--resume')).toMatchObject({ code: 0 });
  expectSameJob(job, uninterrupted);
  expect(finishedRefreshes(job)).toMatchObject(refreshes); // read, not made again
  expect(fs.readdirSync(job, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('.tmp-'))).toEqual([]);
}, 120_000);

it('what refreshes took is said at each and summed up', () => {
  const said = [...uninterruptedSaid.matchAll(/^refresh \d at step \d+: dev .*; ([\d.]+) s, refreshes ([\d.]+) % of the time so far$/gm)];
  expect(said).toHaveLength(4);
  const { seconds, refreshShare } = JSON.parse(fs.readFileSync(path.join(uninterrupted, 'summary.json'), 'utf8'));
  const { train: training, refresh, checkpoint } = seconds;
  expect(refreshShare).toBeCloseTo(refresh / (training + refresh + checkpoint), 10);
  expect(refreshShare).toBeGreaterThan(0);
  expect(uninterruptedSaid).toContain(`refreshes: 4, ${(100 * refreshShare).toFixed(1)} % of the wall-clock time`);
});

describe('Ctrl-C', () => {
  const job = path.join(folder, 'jobs', 'stopped');
  const bare = path.join(folder, 'elsewhere', 'stopped');

  it('saves, exits with 130 and says how to go on; what it says ends like a job never interrupted', async () => {
    const stopped = await trainUntil(() => lineCount(path.join(job, 'log.jsonl')) >= 6, 'SIGINT', file, '--set', 'name=stopped');
    expect(stopped.code).toBe(130);
    const [, config, flag] = /Go on with: simans train (\S+) (--resume)$/m.exec(stopped.stdout)!;
    fs.cpSync(job, bare, { recursive: true });
    expect(await train(config!, flag!)).toMatchObject({ code: 0 });
    expectSameJob(job, uninterrupted);
  }, 120_000);

  it('without the optimizer’s moments the job takes another course', async () => {
    const [checkpoint] = fs.readdirSync(path.join(bare, 'checkpoints')).sort().reverse();
    const moments = path.join(bare, 'checkpoints', checkpoint!, 'optimizer.safetensors');
    const { tensors } = readSafetensors(moments);
    writeSafetensors(
      moments,
      [...tensors.values()].map((tensor) =>
        tensor.name.startsWith('latest.') ? tensor : { ...tensor, values: new Float32Array(tensor.values.length) },
      ),
    );
    expect(await train(file, '--set', 'name=stopped', '--set', `jobsFolder=${path.join(folder, 'elsewhere')}`, '--resume')).toMatchObject({
      code: 0,
    });
    const final = (place: string) => fs.readFileSync(path.join(place, 'checkpoints', 'step-000012', 'model.safetensors'));
    expect(final(bare).equals(final(uninterrupted))).toBe(false);
  }, 120_000);
});

describe('resuming', () => {
  it('a changed configuration is refused with the list of differences', async () => {
    const { code, stderr } = await train(
      file,
      '--set',
      'name=uninterrupted',
      '--set',
      'seed=7',
      '--set',
      'train.learningRate=0.02',
      '--resume',
    );
    expect(code).toBe(1);
    expect(stderr).toBe(
      `simans: cannot resume ${uninterrupted}/config.yaml: seed was 42, now 7; train.learningRate was 0.01, now 0.02. ` +
        'Resume with the same configuration, or start another job with --set name=….\n',
    );
  }, 60_000);

  it('auto is a change where no job resolves it', async () => {
    const sets = ['name=uninterrupted', 'refresh.index={kind: auto}', 'train.replicas=auto'].flatMap((set) => ['--set', set]);
    const { code, stderr } = await train(file, ...sets, '--resume');
    expect(code).toBe(1);
    expect(stderr).toContain('refresh.index.kind was "exact", now "auto"');
    expect(stderr).not.toContain('train.replicas');
  }, 60_000);

  it('changed data is refused, naming the part', async () => {
    const job = path.join(folder, 'jobs', 'moved');
    fs.cpSync(uninterrupted, job, { recursive: true });
    fs.rmSync(path.join(job, 'summary.json'));
    const config = path.join(job, 'config.yaml');
    fs.writeFileSync(config, fs.readFileSync(config, 'utf8').replace('name: uninterrupted', 'name: moved'));
    const qrels = path.join(folder, 'beir', 'qrels', 'dev.tsv');
    const before = fs.readFileSync(qrels, 'utf8');
    fs.writeFileSync(qrels, before.replace('q40\tp40', 'q40\tp41'));
    const { code, stderr } = await train(config, '--resume');
    fs.writeFileSync(qrels, before);
    expect(code).toBe(1);
    expect(complaints(stderr)).toEqual([expect.stringContaining(`cannot resume ${job}: its data has changed since it was begun (dev).`)]);
  }, 60_000);

  it('a finished job shows its summary again and computes nothing', async () => {
    const written = (): Record<string, number> =>
      Object.fromEntries(
        fs
          .readdirSync(uninterrupted, { recursive: true, encoding: 'utf8' })
          .filter((name) => !name.startsWith('figures')) // drawn from the summary
          .map((name) => [name, fs.statSync(path.join(uninterrupted, name)).mtimeMs]),
      );
    const before = written();
    const { code, stdout, stderr } = await train(file, '--set', 'name=uninterrupted', '--resume');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('is finished');
    expect(stdout).toMatch(/^trained /m);
    expect(written()).toEqual(before);
  }, 60_000);

  it('a job begun twice is refused', async () => {
    const { code, stderr } = await train(file, '--set', 'name=uninterrupted');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^simans: \S+ already holds a job\. Go on with --resume[^\n]*\n$/);
  }, 60_000);
});
