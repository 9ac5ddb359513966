/** A published recipe of each kind by its tiny preset, killed on its way, resumed, evaluated; of the other job files one a commit, in turn. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { root } from '../cli/command.js';
import { lineCount, train, trainUntil } from '../train/process.js';

const KINDS = ['nq-dpr', 'nq-ance-simans', 'nq-rocketqa-simans', 'nq-ar2', 'private-corpus'];
const others = fs
  .readdirSync(path.join(root, 'configs'))
  .filter((name) => /^(nq|tq|ms-pas|ms-doc|private)-.*\.yaml$/.test(name))
  .map((name) => name.replace('.yaml', ''))
  .filter((name) => !KINDS.includes(name));
const commit = spawnSync('git', ['rev-parse', '--short=8', 'HEAD'], { cwd: root, encoding: 'utf8' }).stdout?.trim() || '0';
const inTurn = others[Number.parseInt(commit, 16) % others.length]!;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-recipes-full-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

it.each([...KINDS, inTurn])('%s --preset tiny', async (name) => {
  const file = path.join(root, 'configs', `${name}.yaml`);
  const flags = ['--preset', 'tiny', '--set', `jobsFolder=${folder}`];
  const job = path.join(folder, `${name}-tiny`);
  // After the first checkpoint of the job itself: its stages are done.
  const { signal } = await trainUntil(() => lineCount(path.join(job, 'log.jsonl')) >= 12, 'SIGKILL', file, ...flags);
  expect(signal).toBe('SIGKILL');
  const { code, stdout } = await train(file, ...flags, '--resume');
  expect(code).toBe(0);
  const { refreshes, test, data } = JSON.parse(fs.readFileSync(path.join(job, 'summary.json'), 'utf8'));
  expect(refreshes.map(({ step }: { step: number }) => step)).toEqual([0, 10, 20]);
  // Small real sets of questions have a dev split alone.
  for (const measures of [refreshes.at(-1).dev, ...(data.queries.test > 0 ? [test.trained] : [])])
    for (const value of Object.values(measures)) expect(value).toBeGreaterThanOrEqual(0);
  expect(stdout).toContain('all of it');
});

it('nq-ar2-simans goes on from the models of nq-ar2: two towers and a ranker', async () => {
  const earlier = path.join(folder, 'nq-ar2-tiny');
  const inits = [`encoder.init=${earlier}/model`, `recipe.ranker.init=${earlier}/ranker/model`, 'name=goes-on'];
  const file = path.join(root, 'configs', 'nq-ar2-simans.yaml');
  const { code, stdout } = await train(
    file,
    '--preset',
    'tiny',
    '--set',
    `jobsFolder=${folder}`,
    ...inits.flatMap((init) => ['--set', init]),
  );
  expect(code).toBe(0);
  expect(stdout).toContain(`weights: ${earlier}/model, bert, 2 layers of 64`);
});
