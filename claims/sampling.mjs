/** What issue 6 asks to be shown of the samplers. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { loadConfig } from '../dist/config/load.js';
import { deriveKey, uniform } from '../dist/core/random.js';
import { createSampler } from '../dist/sampling/index.js';
import { BIN, benchmark, inTemporaryFolder, pythonFlags, ROOT, readSummary, timed } from './processes.mjs';

/** @typedef {import('./verdicts.mjs').Measured} Measured */

/** Tests of the named files by vitest's own count, and the largest difference that they report, where one does. @param {string[]} files */
export function testCounts(files) {
  const { stdout } = spawnSync('npx', ['vitest', 'run', '--reporter=json', ...files], { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 });
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(stdout.slice(stdout.indexOf('{')));
  /** @type {{ meta: { difference?: number } }[]} */
  const tests = testResults.flatMap((/** @type {{ assertionResults: [] }} */ file) => file.assertionResults);
  const differences = tests.flatMap(({ meta }) => meta.difference ?? []);
  return { passed: numPassedTests, failed: numFailedTests, ...(differences.length > 0 && { difference: Math.max(...differences) }) };
}

/** @returns {Promise<Record<string, Measured>>} */
export async function measureLaw() {
  const { passed, failed } = testCounts(['tests/sampling']);
  return {
    'sampling.law': {
      value: failed,
      note: `golden probabilities, chi-square over drawn sets, properties, extreme inputs, the tutorial: ${passed} tests passed`,
    },
  };
}

/** @returns {Promise<Record<string, Measured>>} */
export async function measureDraws() {
  const found = benchmark('draw.mjs', ...pythonFlags());
  const note = `${Math.round(found.ours).toLocaleString('en')} queries/s on one thread`;
  if (!found.numpy)
    return { 'sampling.overNumpy': { note: `${note}; no Python with NumPy (SIMANS_PYTHON names one)` }, 'sampling.overLoop': { note } };
  return {
    'sampling.overNumpy': {
      value: found.ours / found.numpy,
      note: `${note}; NumPy ${found.version} ${Math.round(found.numpy).toLocaleString('en')}`,
    },
    'sampling.overLoop': {
      value: found.ours / found.loop,
      note: `${note}; the published loop ${Math.round(found.loop).toLocaleString('en')}`,
    },
  };
}

/** The draws of a short job of quickstart's shape, timed by themselves, against what its training and refreshes took. @returns {Promise<Record<string, Measured>>} */
export async function measureShare() {
  return inTemporaryFolder(async (folder) => {
    const settings = [
      'name=share',
      `jobsFolder=${folder}`,
      'train.steps=60',
      'refresh.everySteps=30',
      'sampler.fromStep=0',
      'eval.bm25=false',
    ];
    const { sampler, train } = loadConfig(path.join(ROOT, 'configs', 'quickstart.yaml'), settings);
    if (sampler.kind !== 'simans') throw new Error(`quickstart's sampler is ${sampler.kind}, expected simans`);
    const flags = settings.flatMap((setting) => ['--set', setting]);
    await timed([process.execPath, BIN, 'train', path.join(ROOT, 'configs', 'quickstart.yaml'), ...flags], 'silent');
    const spent = readSummary(path.join(folder, 'share')).seconds;
    const draws = Math.round(train.steps * train.queriesPerStep * sampler.share);
    const drawing = secondsOfDraws(sampler, draws);
    const training = spent.train + spent.refresh;
    return {
      'sampling.share': {
        value: (100 * drawing) / training,
        note: `${draws.toLocaleString('en')} draws in ${drawing.toFixed(2)} s; training and refreshes of these steps took ${training.toFixed(0)} s`,
      },
    };
  });
}

/** @param {Extract<import('../dist/config/schema.js').RunConfig['sampler'], { kind: 'simans' }>} sampler @param {number} draws */
function secondsOfDraws(sampler, draws) {
  const made = createSampler(sampler);
  const key = deriveKey(1, 'share');
  const scores = Float32Array.from({ length: sampler.pool }, (_, i) => 10 * uniform(key, 0, i));
  const passages = Int32Array.from(scores.keys());
  const pool = { query: 'q', passages, scores, positiveScore: 5, positives: new Int32Array(0), corpusSize: 1e6 };
  const begin = performance.now();
  for (let row = 0; row < draws; row++) made.draw(pool, sampler.negatives, (element) => uniform(key, row, element));
  return (performance.now() - begin) / 1000;
}
