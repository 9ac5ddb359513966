/** A job killed at any visible moment and resumed ends as one never interrupted: 20 moments by keyed randomness, with real processes. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { deriveKey, integer } from '../../src/core/random.js';
import { expectSameJob, finishedRefreshes } from '../train/jobs.js';
import { train, trainUntil, writeBeir, writeJobFile } from '../train/process.js';

const KILLS = 20;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-resume-full-'));
const file = writeJobFile(folder);
const jobFolder = (name: string): string => path.join(folder, 'jobs', name);
const key = deriveKey(5, 'kill points');
let changes = 0;

/** A moment that comes with the n-th change of the job's folder that the watcher sees: names and sizes of all files. */
function nthChange(name: string, n: number, onChange: () => void = () => {}): () => boolean {
  let last = '';
  let seen = 0;
  return () => {
    const now = listing(jobFolder(name));
    if (now === last) return false;
    last = now;
    onChange();
    return ++seen > n;
  };
}

function listing(place: string): string {
  const inner = entriesOf(place).map((entry) => {
    const name = path.join(place, entry.name);
    return entry.isDirectory() ? listing(name) : `${name} ${fs.statSync(name, { throwIfNoEntry: false })?.size}`;
  });
  return [place, ...inner].join('\n');
}

/** None where the folder is not there, or was renamed a moment ago: the next look sees its new name. */
function entriesOf(place: string): fs.Dirent[] {
  try {
    return fs.readdirSync(place, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

beforeAll(async () => {
  writeBeir(path.join(folder, 'beir'));
  const watch = nthChange('uninterrupted', Number.POSITIVE_INFINITY, () => changes++);
  expect(await trainUntil(watch, 'SIGKILL', file, '--set', 'name=uninterrupted')).toMatchObject({ code: 0 });
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

it.each(Array.from({ length: KILLS }, (_, i) => i))('kill %i', async (i) => {
  const name = `killed-${i}`;
  const moment = nthChange(name, integer(key, i, 0, changes));
  await trainUntil(moment, 'SIGKILL', file, '--set', `name=${name}`); // a late moment may never come: then the job is finished
  const refreshes = fs.existsSync(jobFolder(name)) ? finishedRefreshes(jobFolder(name)) : {};
  expect(await train(file, '--set', `name=${name}`, '--resume')).toMatchObject({ code: 0 });
  expectSameJob(jobFolder(name), jobFolder('uninterrupted'));
  expect(finishedRefreshes(jobFolder(name))).toMatchObject(refreshes);
});
