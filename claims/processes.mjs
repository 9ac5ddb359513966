/** Runs simans as its users do: as a process of its own. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const BIN = path.join(ROOT, 'bin', 'simans.js');

/** @typedef {import('../dist/train/folder/summary.js').Summary} Summary */

/** @template T @param {(folder: string) => Promise<T>} work @returns {Promise<T>} */
export async function inTemporaryFolder(work) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-claims-'));
  try {
    return await work(folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Runs a command in the checkout to its end; returns the seconds it took, start-up included.
 * @param {readonly string[]} command
 * @param {'shown' | 'silent'} progress on our stderr, or not; the last line of a silent command that fails is in the error
 * @returns {Promise<number>}
 */
export async function timed(command, progress = 'shown') {
  const begin = performance.now();
  const child = spawn(command[0], command.slice(1), {
    cwd: ROOT,
    stdio: progress === 'shown' ? ['ignore', process.stderr, process.stderr] : ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    said = (said + text).slice(-2000);
  });
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}. ${said.trim().split('\n').at(-1)}`);
  return (performance.now() - begin) / 1000;
}

/** The command held to two cores where the machine has more, for the targets are about two. @param {readonly string[]} command */
export function onTwoCores(command) {
  if (os.availableParallelism() <= 2) return command;
  if (spawnSync('taskset', ['--version']).status !== 0)
    throw new Error('this machine has more than 2 cores and no taskset to hold a job to 2');
  return ['taskset', '-c', '0,1', ...command];
}

/** What a benchmark of bench/ prints as JSON. @param {string} file @param {string[]} flags */
export function benchmark(file, ...flags) {
  return JSON.parse(execFileSync(process.execPath, [path.join(ROOT, 'bench', file), ...flags], { encoding: 'utf8' }));
}

/** For a benchmark that has a peer in Python. */
export const pythonFlags = () => ['--json', '--python', process.env.SIMANS_PYTHON ?? 'python3'];

/** @param {string} folder of a finished job @returns {Summary} */
export function readSummary(folder) {
  return JSON.parse(fs.readFileSync(path.join(folder, 'summary.json'), 'utf8'));
}

/** The checkout's commit, with + where files differ from it; 'none' outside git. */
export function commitOf() {
  const git = (/** @type {string[]} */ ...args) => spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' });
  const head = git('rev-parse', 'HEAD');
  if (head.status !== 0) return 'none';
  return head.stdout.trim() + (git('status', '--porcelain', '--untracked-files=no').stdout === '' ? '' : '+');
}

export const cpuModel = () => os.cpus()[0]?.model.trim() ?? os.arch();

/** Since this commit scores of a search are summed in 64 bits: a job of before drew other negatives here and there, and took another course. */
const ROUNDED_ALIKE_SINCE = '95f407564ca05e6baa7062cbd3d88355ce9f50a3';

/** Whether a job made by this commit of the project takes the same course as one made now. @param {string} commit */
export function roundsAlike(commit) {
  return spawnSync('git', ['merge-base', '--is-ancestor', ROUNDED_ALIKE_SINCE, commit.replace('+', '')], { cwd: ROOT }).status === 0;
}

/** Whether a value is further from those of other seeds than four of their deviations. @param {number} value @param {readonly number[]} seeds */
export function isBeyond(value, seeds) {
  const mean = seeds.reduce((sum, one) => sum + one, 0) / seeds.length;
  const deviation = Math.sqrt(seeds.reduce((sum, one) => sum + (one - mean) ** 2, 0) / Math.max(1, seeds.length - 1));
  return Math.abs(value - mean) > 4 * deviation;
}

export const OTHER_ROUNDING = 'made before scores were summed in 64 bits, so held to the spread of the seeds';
