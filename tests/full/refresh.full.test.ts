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

it('ten kills within refreshes', async () => {
  const file = writeShardedJob(folder);
  const undisturbed = path.join(folder, 'jobs', 'undisturbed');
  expect(await train(file, '--set', 'name=undisturbed')).toMatchObject({ code: 0 });
  const job = path.join(folder, 'jobs', 'killed');
  const { within, readBack } = await killAndResume(job, killPoints(10, 7), file, '--set', 'name=killed');
  expect(within).toBe(10);
  expect(readBack).toBeGreaterThan(0);
  expectSameJob(job, undisturbed);
});
