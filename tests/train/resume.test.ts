/** Killed, stopped and resumed jobs end as one that was never interrupted: with real processes. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../src/encoders/formats/safetensors.js';
import { simans } from '../cli/command.js';
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

describe('a job in which nothing was trained yet', () => {
  const job = path.join(folder, 'jobs', 'typo');
  const flags = ['--set', 'name=typo'];

  it.each([
    ['a wrong path of the data', 'data.path=nowhere'],
    ['wrong weights', 'encoder.init={weights: ./nowhere}'],
  ])(
    'after %s it is begun anew by the corrected command, with and without --resume',
    async (_, wrong) => {
      for (const more of [[], ['--resume']]) {
        const sets = wrong.startsWith('encoder') ? ['--set', 'encoder.vocabulary={}'] : [];
        expect(await train(file, ...flags, ...sets, '--set', wrong)).toMatchObject({ code: 1 });
        expect(fs.existsSync(path.join(job, 'config.yaml'))).toBe(true);
        const { code, stdout, stderr } = await train(file, ...flags, ...more);
        expect(code, stderr).toBe(0);
        expect(stdout).toContain(`${job}: begun anew, for its configuration changed and nothing was trained in it yet\n`);
        expectSameJob(job, uninterrupted);
        fs.rmSync(job, { recursive: true });
      }
    },
    120_000,
  );

  it('of other data it is begun anew on today’s, keeping its stages', async () => {
    fs.mkdirSync(path.join(job, 'stages'), { recursive: true });
    fs.mkdirSync(path.join(job, 'tokenizer'));
    fs.writeFileSync(path.join(job, 'tokenizer', 'tokenizer.json'), '{}');
    const saved = fs.readFileSync(path.join(uninterrupted, 'config.yaml'), 'utf8');
    fs.writeFileSync(path.join(job, 'config.yaml'), saved.replace('name: uninterrupted', 'name: typo'));
    fs.writeFileSync(path.join(job, 'data.json'), JSON.stringify({ name: 'beir', fingerprint: { corpus: 'other' } }));
    const { code, stdout, stderr } = await train(file, ...flags, '--resume');
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(`${job}: begun anew, for its data changed and nothing was trained in it yet\n`);
    expect(fs.existsSync(path.join(job, 'stages'))).toBe(true);
    fs.rmdirSync(path.join(job, 'stages'));
    expectSameJob(job, uninterrupted);
  }, 60_000);
});

describe('a finished job whose model was removed', () => {
  const job = path.join(folder, 'jobs', 'removed');
  const resume = () => train(file, '--set', 'name=removed', '--resume');
  beforeAll(() => {
    fs.cpSync(uninterrupted, job, { recursive: true });
    const config = path.join(job, 'config.yaml');
    fs.writeFileSync(config, fs.readFileSync(config, 'utf8').replace('name: uninterrupted', 'name: removed'));
    fs.rmSync(path.join(job, 'model'), { recursive: true });
  });

  it('search says how to get it again', () => {
    const { code, stderr } = simans(['search', job, 'bake']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^simans: \S+: no model\/simans\.json; .*simans train \S+\/config\.yaml --resume\n$/);
  });

  it('is made again from its checkpoints by --resume', async () => {
    const { code, stdout, stderr } = await resume();
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(`${job} is finished, but ${job}/model is missing: made again from its checkpoints\n`);
    expectSameJob(job, uninterrupted);
  }, 60_000);

  it('without checkpoints it is said what is missing', async () => {
    for (const name of ['model', 'checkpoints']) fs.rmSync(path.join(job, name), { recursive: true });
    const { code, stderr } = await resume();
    expect(code).toBe(1);
    expect(complaints(stderr)).toEqual([expect.stringContaining(`${job}: found neither ${job}/model nor the checkpoint of step`)]);
  });
});
