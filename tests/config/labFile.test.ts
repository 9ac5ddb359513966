import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadLab, nameOf } from '../../src/config/labFile.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-lab-file-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const topk = { kind: 'topk', negatives: 2, pool: 10 };
function load(keys: object) {
  fs.copyFileSync(new URL('../../configs/lab-job.yaml', import.meta.url), path.join(folder, 'job.yaml'));
  const file = path.join(folder, 'lab.yaml');
  fs.writeFileSync(file, JSON.stringify({ job: 'job.yaml', seeds: [1], hidden: [0], samplers: { topk }, ...keys }, null, 1));
  return loadLab(file, [], path.join(folder, 'jobs'));
}

test('trainings of shares within a percent have names of their own', () => {
  expect(load({ hidden: [0, 0.001, 0.004, 0.1, 0.29] }).map(nameOf)).toEqual([
    'topk-0-1',
    'topk-0.1-1',
    'topk-0.4-1',
    'topk-10-1',
    'topk-29-1',
  ]);
});

test.each([
  [{ hidden: [0.1, 0.3, 0.1] }, /lab\.yaml:\d+: hidden: found 0\.1 and 0\.1, whose trainings would have one name/],
  [{ seeds: [1, 1] }, /seeds: found 1 and 1, /],
  [{ samplers: { 'a b': topk, 'a-b': topk } }, /samplers: found "a b" and "a-b", whose trainings .* in letters of a–z and digits/],
  [{ samplers: { β: topk } }, /lab\.yaml:\d+: found the sampler name "β"; expected a letter of a–z or a digit first/],
  [{ samplers: {} }, /samplers is .*; expected a map of at least one sampler by name/],
])('refuses %j', (keys, message) => {
  expect(() => load(keys)).toThrow(message);
});
