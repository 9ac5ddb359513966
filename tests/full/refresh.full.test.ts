/** A job whose refreshes are killed at ten seeded moments ends with the pools of one never disturbed. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { expectSameJob } from '../train/jobs.js';
import { killAndResume, killPoints, writeShardedJob } from '../train/killedRefresh.js';
import { train } from '../train/process.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-refresh-full-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

it.each([
  { mode: 'sync', kills: 10 },
  { mode: 'async', kills: 10 },
])('$kills kills within refreshes, $mode', async ({ mode, kills }) => {
  const file = writeShardedJob(path.join(folder, mode));
  const flags = ['--set', `refresh.mode=${mode}`, '--set', 'refresh.lagSteps=2'];
  const undisturbed = path.join(folder, mode, 'jobs', 'undisturbed');
  expect(await train(file, ...flags, '--set', 'name=undisturbed')).toMatchObject({ code: 0 });
  const job = path.join(folder, mode, 'jobs', 'killed');
  const { within, readBack } = await killAndResume(job, killPoints(kills, 7), file, ...flags, '--set', 'name=killed');
  expect(within).toBeGreaterThanOrEqual(kills - 2); // on a busy machine a refresh may end between a shard and the look at it
  expect(readBack).toBeGreaterThan(0);
  expectSameJob(job, undisturbed);
});
