/** A job killed within its refreshes, with a real process; ten kills are in the full suite. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { expectSameJob } from './jobs.js';
import { killAndResume, writeShardedJob } from './killedRefresh.js';
import { train } from './process.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-killed-refresh-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

it('goes on from the shards that are there and ends with the pools of one never disturbed', async () => {
  const file = writeShardedJob(folder);
  const undisturbed = path.join(folder, 'jobs', 'undisturbed');
  expect(await train(file, '--set', 'name=undisturbed')).toMatchObject({ code: 0 });
  const job = path.join(folder, 'jobs', 'killed');
  const points = [
    { refresh: 1, shards: 3 },
    { refresh: 1, shards: 8 },
  ];
  expect(await killAndResume(job, points, file, '--set', 'name=killed')).toMatchObject({ within: 2 });
  expectSameJob(job, undisturbed);
}, 120_000);
