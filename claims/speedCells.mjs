/**
 * What of the speed takes too long for the short command, cell by cell in results/speed/: the encoding of 20,000 real passages beside sentence-transformers
 * in blocks of 2,000, the recall of int8, and `npm start` before and after the work on speed. SIMANS_MINILM, SIMANS_DATA and SIMANS_PYTHON are needed.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../dist/core/files.js';
import { RESULTS } from './comparison.mjs';
import { benchmark, commitOf, cpuModel, inTemporaryFolder, onTwoCores, ROOT, readSummary, timed } from './processes.mjs';

/** @typedef {'cls' | 'mean'} Pooling */
/** @typedef {{ pooling: Pooling, from: number, passages: number, commit: string, cpu: string, version: string, difference: number, seconds: { fp32: number, int8: number, peer: number } }} Block */
/** @typedef {{ pooling: Pooling, commit: string, cpu: string, recall: Record<string, { queries: string[], fp32: number[], int8: number[] }> }} Recall */
/** @typedef {{ when: 'before' | 'now', seed: number, commit: string, cpu: string, seconds: number, test: Record<string, number> }} Start */

const SIZE = 2000;
const STARTS = Array.from({ length: 10 }, (_, i) => i * SIZE);
/** Where each block begins, of 20,000 passages. @type {Record<Pooling, number[]>} */
export const BLOCKS = { cls: STARTS, mean: STARTS };
/** The last commit before the work on speed. */
const BEFORE = 'a6826f9';
const SEEDS = [1, 2, 3, 4];
/** By how much the ratio of a block that is run again may fall short of the stored one; on a faster machine it is larger. */
const RERUN_TOLERANCE = 0.25;

const fileOf = (/** @type {string} */ name) => path.join(RESULTS, 'speed', `${name}.json`);
const blockFile = (/** @type {Pooling} */ pooling, /** @type {number} */ from) =>
  fileOf(`encode-${pooling}-${String(from).padStart(5, '0')}`);
const startFile = (/** @type {Start['when']} */ when, /** @type {number} */ seed) => fileOf(`start-${when}-${seed}`);
const read = (/** @type {string} */ file) => (fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : undefined);
const store = (/** @type {string} */ file, /** @type {object} */ cell) => writeFileAtomic(file, `${JSON.stringify(cell)}\n`);

/** @param {Pooling} pooling @returns {Block[]} */
export const storedBlocks = (pooling) => BLOCKS[pooling].flatMap((from) => read(blockFile(pooling, from)) ?? []);
/** @returns {Recall | undefined} */
export const storedRecall = () => read(fileOf('recall-cls'));

/** @returns {Record<Start['when'], Start[]>} */
export function storedStarts() {
  const of = (/** @type {Start['when']} */ when) => SEEDS.flatMap((seed) => read(startFile(when, seed)) ?? []);
  return { before: of('before'), now: of('now') };
}

/** Makes what is missing, in an hour and a half. */
export async function completeSpeed() {
  for (const pooling of /** @type {Pooling[]} */ (['cls', 'mean'])) {
    for (const from of BLOCKS[pooling]) {
      const file = blockFile(pooling, from);
      if (fs.existsSync(file)) continue;
      const block = runBlock(pooling, from);
      store(file, block);
      console.error(
        `${pooling} from ${from}: ${(block.seconds.peer / block.seconds.fp32).toFixed(2)} × in fp32, ${(block.seconds.peer / block.seconds.int8).toFixed(2)} × in int8`,
      );
    }
  }
  for (const seed of SEEDS) {
    if (!fs.existsSync(startFile('before', seed))) store(startFile('before', seed), await before(seed));
    if (!fs.existsSync(startFile('now', seed))) store(startFile('now', seed), await start('now', ROOT, seed));
  }
  if (!storedRecall()) {
    const { recall } = benchmark('encode.mjs', '--json', '--passages', '0', '--recall', '--pooling', 'cls');
    store(fileOf('recall-cls'), { pooling: 'cls', commit: commitOf(), cpu: cpuModel(), recall });
  }
}

/** @param {Pooling} pooling @param {number} from @returns {Block} */
function runBlock(pooling, from) {
  const found = benchmark('encode.mjs', '--json', '--pooling', pooling, '--from', String(from), '--passages', String(SIZE));
  if (!found.version) throw new Error('no Python with sentence-transformers: SIMANS_PYTHON names one');
  const [fp32, int8, peer] = [found.seconds.fp32[0], found.seconds.int8[0], found.seconds.peer[0]];
  const made = { commit: commitOf(), cpu: cpuModel(), version: found.version, difference: found.difference };
  return { pooling, from, passages: found.passages, ...made, seconds: { fp32, int8, peer } };
}

/** Runs a stored block again: what its ratio is now. */
export async function rerunBlock() {
  const from = BLOCKS.cls[Number.parseInt(commitOf().slice(0, 8), 16) % BLOCKS.cls.length || 0];
  const stored = /** @type {Block | undefined} */ (read(blockFile('cls', from)));
  if (!stored) return { differs: true, text: `block ${from} is not stored` };
  const again = runBlock('cls', from);
  const ratios = [stored, again].map(({ seconds }) => seconds.peer / seconds.fp32);
  const differs = ratios[1] / ratios[0] < 1 - RERUN_TOLERANCE || again.difference > 1e-4;
  const text = `passages from ${from}: ${ratios[1].toFixed(2)} × sentence-transformers, stored ${ratios[0].toFixed(2)}`;
  return { differs, text };
}

/** `npm start` of the commit before, in a work tree that is removed again. @param {number} seed */
async function before(seed) {
  return inTemporaryFolder(async (folder) => {
    const tree = path.join(folder, 'tree');
    const git = (/** @type {string[]} */ ...args) => execFileSync('git', args, { cwd: ROOT, stdio: 'ignore' });
    git('worktree', 'add', '--detach', tree, BEFORE);
    try {
      execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: tree, stdio: 'ignore' });
      return await start('before', tree, seed);
    } finally {
      git('worktree', 'remove', '--force', tree);
    }
  });
}

/** @param {Start['when']} when @param {string} root @param {number} seed @returns {Promise<Start>} */
async function start(when, root, seed) {
  const { seconds, test } = await runStart(root, seed);
  console.error(`npm start ${when}, seed ${seed}: ${seconds.toFixed(0)} s, R@10 ${test['recall@10'].toFixed(4)}`);
  return { when, seed, commit: when === 'now' ? commitOf() : BEFORE, cpu: cpuModel(), seconds, test };
}

/** `npm start`, and what it found on test. @param {string} root @param {number} seed @param {string[]} more flags */
export async function runStart(root, seed, ...more) {
  return inTemporaryFolder(async (jobs) => {
    const sets = [`jobsFolder=${jobs}`, `seed=${seed}`].flatMap((set) => ['--set', set]);
    const seconds = await timed(onTwoCores(['npm', '--prefix', root, 'start', '--', ...sets, ...more]), 'silent');
    const { test } = readSummary(path.join(jobs, 'quickstart'));
    if (!test.trained) throw new Error('the job has no test');
    return { seconds, test: test.trained };
  });
}
