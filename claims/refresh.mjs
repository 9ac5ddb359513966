/**
 * Refreshes beside the training against refreshes that training waits for: the quickstart job in both modes with five seeds. A cell is one job, stored as
 * results/refresh/MODE-SEED.json; cells run one after the other, for their times are compared, and are kept.
 */
import fs from 'node:fs';
import path from 'node:path';
import { configHash } from '../dist/config/hash.js';
import { loadConfig } from '../dist/config/load.js';
import { writeFileAtomic } from '../dist/core/files.js';
import { mean } from '../dist/eval/metrics.js';
import { readPerQuery } from '../dist/eval/runFiles.js';
import { equivalence } from '../dist/eval/significance.js';
import { loopSeconds } from '../dist/train/stopwatch.js';
import { RESULTS } from './comparison.mjs';
import { BIN, commitOf, cpuModel, onTwoCores, ROOT, readSummary, timed } from './processes.mjs';
import { testCounts } from './sampling.mjs';

/** @typedef {import('./verdicts.mjs').Measured} Measured */
/** @typedef {'sync' | 'async'} Mode */
/** @typedef {{ mode: Mode, seed: number }} CellName */
/**
 * @typedef {CellName & {
 *   configHash: string, commit: string, cpu: string, bestStep: number, seconds: Record<string, number>, refreshShare: number,
 *   test: Record<string, number>, queries: string[], perQuery: number[]
 * }} Cell
 */

const CONFIG = 'configs/quickstart.yaml';
const SEEDS = [1, 2, 3, 4, 5];
const MEASURE = 'mrr@10';
/** Within which the modes count as equivalent. */
const MARGIN = 0.01;

const cellsOf = () => SEEDS.flatMap((seed) => /** @type {Mode[]} */ (['async', 'sync']).map((mode) => ({ mode, seed })));
const fileOf = (/** @type {CellName} */ { mode, seed }, results = RESULTS) => path.join(results, 'refresh', `${mode}-${seed}.json`);

/** @param {CellName} cell */
const settingsOf = ({ mode, seed }) => [
  `seed=${seed}`,
  'eval.bm25=false',
  ...(mode === 'async' ? ['refresh.mode=async', 'refresh.lagSteps=30'] : []),
];
/** @param {CellName} cell */
export const hashOf = (cell) => configHash(loadConfig(path.join(ROOT, CONFIG), settingsOf(cell)));

/** The stored cells that were made with today's configuration. @param {Mode} mode @param {string} [results] @returns {Cell[]} */
function storedCells(mode, results = RESULTS) {
  return cellsOf().flatMap((name) => {
    if (name.mode !== mode || !fs.existsSync(fileOf(name, results))) return [];
    const cell = /** @type {Cell} */ (JSON.parse(fs.readFileSync(fileOf(name, results), 'utf8')));
    return cell.configHash === hashOf(name) && Math.abs(mean(Float64Array.from(cell.perQuery)) - cell.test[MEASURE]) < 1e-5 ? [cell] : [];
  });
}

/** Trains what is missing, at most `most` cells: four minutes each. A killed one goes on from its last checkpoint. */
export async function completeRefreshes(most = Number.POSITIVE_INFINITY) {
  const done = new Set([...storedCells('sync'), ...storedCells('async')].map((cell) => fileOf(cell)));
  const missing = cellsOf().filter((cell) => !done.has(fileOf(cell)));
  console.error(`refresh: ${done.size} cells stored, ${missing.length} to run`);
  for (const name of missing.slice(0, most)) {
    const cell = await runCell(name);
    writeFileAtomic(fileOf(name), `${JSON.stringify(cell)}\n`);
    console.error(
      `${name.mode} seed ${name.seed}: refreshing ${(100 * cell.refreshShare).toFixed(1)} %, MRR@10 ${cell.test[MEASURE].toFixed(4)}`,
    );
  }
}

/** @param {CellName} name @returns {Promise<Cell>} */
async function runCell(name) {
  const jobs = path.join(ROOT, 'jobs', 'refresh');
  const job = `${name.mode}-${name.seed}-${hashOf(name).slice(0, 8)}`;
  const settings = [...settingsOf(name), `name=${job}`, `jobsFolder=${jobs}`].flatMap((setting) => ['--set', setting]);
  await timed(onTwoCores([process.execPath, BIN, 'train', CONFIG, '--resume', ...settings]), 'silent');
  const folder = path.join(jobs, job);
  const { best, seconds, refreshShare, test } = readSummary(folder);
  if (refreshShare === undefined || test.trained === undefined) throw new Error(`${folder}: its summary lacks refreshShare or a test`);
  const { queries, values } = readPerQuery(path.join(folder, 'eval', 'test.trained.tsv'));
  const perQuery = Array.from(values(MEASURE), (value) => Number(value.toFixed(6)));
  const made = { configHash: hashOf(name), commit: commitOf(), cpu: cpuModel(), bestStep: best.step, seconds, refreshShare };
  const cell = { ...name, ...made, test: test.trained, queries, perQuery };
  fs.rmSync(folder, { recursive: true });
  return cell;
}

/** @returns {Promise<Record<string, Measured>>} */
export async function measureKilledRefresh() {
  const { passed, failed } = testCounts(['--config', 'vitest.full.config.ts', 'tests/full/refresh.full.test.ts']);
  return { 'index.killedRefresh': { value: failed, note: `${passed} tests passed: ten kills in each mode` } };
}

/** @param {string} [results] @returns {Record<string, Measured>} */
export function storedRefreshes(results = RESULTS) {
  const [sync, async] = [storedCells('sync', results), storedCells('async', results)];
  const pairs = async.flatMap((cell) => sync.filter(({ seed }) => seed === cell.seed).map((partner) => ({ cell, partner })));
  const counted = `${sync.length} synchronous and ${async.length} asynchronous cells stored of ${SEEDS.length} each; the rest by index --full`;
  if (pairs.length === 0) return { 'index.asyncWaiting': { note: counted }, 'index.asyncEquivalence': { note: counted } };
  const average = (/** @type {number[]} */ values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [waiting, standing] = [
    average(pairs.map(({ cell }) => cell.refreshShare)),
    average(pairs.map(({ partner }) => partner.refreshShare)),
  ];
  const [beside, alone] = [
    average(pairs.map(({ cell }) => loopSeconds(cell.seconds))),
    average(pairs.map(({ partner }) => loopSeconds(partner.seconds))),
  ];
  const shares = `${(100 * waiting).toFixed(1)} % of ${beside.toFixed(0)} s instead of ${(100 * standing).toFixed(1)} % of ${alone.toFixed(0)} s, ${pairs.length} seeds`;
  const ratio = { 'index.asyncWaiting': { value: waiting / standing, note: `${shares}; ${counted}` } };
  if (pairs.length < SEEDS.length) return { ...ratio, 'index.asyncEquivalence': { note: counted } };
  if (new Set(pairs.flatMap(({ cell, partner }) => [cell, partner]).map(({ queries }) => queries.join('\n'))).size > 1)
    throw new Error('the cells of results/refresh were tested on different queries');
  const means = (/** @type {Cell[]} */ cells) =>
    Float64Array.from(cells[0].queries, (_, i) => average(cells.map(({ perQuery }) => perQuery[i])));
  const { difference, low, high, p } = equivalence(
    means(pairs.map(({ cell }) => cell)),
    means(pairs.map(({ partner }) => partner)),
    MARGIN,
  );
  const said = `MRR@10 asynchronous − synchronous ${difference.toFixed(4)}, 90 % interval ${low.toFixed(4)} to ${high.toFixed(4)}, margin ${MARGIN}`;
  return { ...ratio, 'index.asyncEquivalence': { value: p, note: `${said}: ${p < 0.05 ? 'equivalent' : 'equivalence not shown'}` } };
}
