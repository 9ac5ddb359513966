/**
 * The comparison of samplers: a table is a job file, samplers and seeds; a cell is one job of it, stored as
 * results/TABLE/SAMPLER-SEED.json. Cells run one by one and are kept: `--full` makes what is missing or outdated.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { configHash } from '../dist/config/hash.js';
import { loadConfig } from '../dist/config/load.js';
import { writeFileAtomic } from '../dist/core/files.js';
import { readPerQuery } from '../dist/eval/runFiles.js';
import { BIN, commitOf, cpuModel, isBeyond, OTHER_ROUNDING, ROOT, readSummary, roundsAlike, timed } from './processes.mjs';

/** @typedef {'none' | 'random' | 'topk' | 'topkUniform' | 'simans'} Sampler */
/** @typedef {'apidocs' | 'wordnet'} TableName */
/** @typedef {{ table: TableName, sampler: Sampler, seed: number }} CellName */

/**
 * @typedef {CellName & {
 *   configHash: string, commit: string, cpu: string, backend: string, versions: Record<string, string>, dataFingerprint: Record<string, string>,
 *   steps: number, bestStep: number, seconds: Record<string, number>,
 *   dev: Record<string, number>, test: Record<string, number>, queries: string[], perQuery: Record<string, number[]>
 * }} Cell
 */

/** `note`: what has changed since its cells were made. @type {Record<TableName, { config: string, samplers: Sampler[], seeds: number[], note?: string }>} */
export const TABLES = {
  apidocs: {
    config: 'claims/comparison-apidocs.yaml',
    samplers: ['none', 'random', 'topk', 'topkUniform', 'simans'],
    seeds: [1, 2, 3, 4, 5],
  },
  wordnet: {
    config: 'claims/comparison-wordnet.yaml',
    samplers: ['random', 'topkUniform', 'simans'],
    seeds: [1, 2, 3],
    note: 'Made before passages with the text of a positive were kept out of pools (1,071 of 113,919 training queries have any) and before `topkUniform` drew by the keys of `simans`.',
  },
};

export const RESULTS = fileURLToPath(new URL('./results', import.meta.url));
/** Measures kept query by query. */
export const MEASURES = ['recall@10', 'mrr@10'];
/** One thread a cell, so that two cells run side by side. */
const CELLS_AT_A_TIME = 2;
/** Keys that every sampler has. */
const DRAWING_KEYS = ['negatives', 'share', 'fromStep'];

/** Seed by seed, so that an unfinished table compares samplers too. @param {TableName} table @returns {CellName[]} */
export function cellsOf(table) {
  const { samplers, seeds } = TABLES[table];
  return seeds.flatMap((seed) => samplers.map((sampler) => ({ table, sampler, seed })));
}

/** The `--set` flags of a cell. The negatives and the pool of the table's job file hold for all samplers that have them. @param {CellName} cell */
export function settingsOf({ table, sampler, seed }) {
  const base = loadConfig(path.join(ROOT, TABLES[table].config)).sampler;
  if (base.kind !== 'simans')
    throw new Error(`${TABLES[table].config}: sampler ${base.kind}; expected simans, from which the others take their numbers`);
  const numbers = {
    none: [],
    random: [...DRAWING_KEYS],
    topk: [...DRAWING_KEYS, 'pool'],
    topkUniform: [...DRAWING_KEYS, 'pool'],
    simans: [...DRAWING_KEYS, 'pool', 'a', 'b', 'kernel'],
  };
  const kept = numbers[sampler].map((name) => `, ${name}: ${base[/** @type {keyof typeof base} */ (name)]}`).join('');
  return [`seed=${seed}`, `sampler={kind: ${sampler}${kept}}`, 'eval.bm25=false', 'train.replicas=1'];
}

/** @param {CellName} cell */
export const configHashOf = (cell) => configHash(loadConfig(path.join(ROOT, TABLES[cell.table].config), settingsOf(cell)));

/** @param {CellName} cell @param {string} [results] */
export function fileOf({ table, sampler, seed }, results = RESULTS) {
  return path.join(results, table, `${sampler}-${seed}.json`);
}

/** The stored cells that were made with today's configuration. @param {TableName} table @param {string} [results] @returns {Cell[]} */
export function storedCells(table, results = RESULTS) {
  return cellsOf(table).flatMap((name) => {
    const file = fileOf(name, results);
    if (!fs.existsSync(file)) return [];
    const cell = /** @type {Cell} */ (JSON.parse(fs.readFileSync(file, 'utf8')));
    return cell.configHash === configHashOf(name) && isWhole(cell) ? [cell] : [];
  });
}

/** Whether the per-query values are all there and give the stored means. @param {Cell} cell */
function isWhole({ queries, perQuery, test }) {
  return MEASURES.every((measure) => {
    const values = perQuery[measure];
    return (
      values?.length === queries.length && Math.abs(values.reduce((sum, value) => sum + value, 0) / values.length - test[measure]) < 1e-5
    );
  });
}

/** Runs what is missing of the table; a killed run goes on from its last checkpoint. Returns the names of cells that failed. @param {TableName} table */
export async function completeTable(table) {
  const done = new Set(storedCells(table).map((cell) => fileOf(cell)));
  const missing = cellsOf(table).filter((cell) => !done.has(fileOf(cell)));
  console.error(`${table}: ${done.size} cells stored, ${missing.length} to run, ${CELLS_AT_A_TIME} at a time`);
  /** @type {string[]} */
  const failed = [];
  const worker = async () => {
    for (let cell = missing.shift(); cell !== undefined; cell = missing.shift()) {
      const label = `${cell.table} ${cell.sampler} seed ${cell.seed}`;
      try {
        const made = await runCell(cell, path.join(ROOT, 'jobs', 'comparison'));
        writeFileAtomic(fileOf(cell), cellText(made));
        console.error(`${label}: R@10 ${made.test['recall@10'].toFixed(4)}, MRR@10 ${made.test['mrr@10'].toFixed(4)}`);
      } catch (error) {
        failed.push(label);
        console.error(`${label}: ${error instanceof Error ? error.message : error}`);
      }
    }
  };
  await Promise.all(Array.from({ length: CELLS_AT_A_TIME }, worker));
  return failed;
}

/** Trains and tests the cell in `jobs`, under a name that belongs to its configuration; its job folder is removed afterwards. @param {CellName} name @param {string} jobs @returns {Promise<Cell>} */
export async function runCell(name, jobs) {
  const job = `${name.table}-${name.sampler}-${name.seed}-${configHashOf(name).slice(0, 8)}`;
  const settings = [...settingsOf(name), `name=${job}`, `jobsFolder=${jobs}`].flatMap((setting) => ['--set', setting]);
  await timed([process.execPath, BIN, 'train', TABLES[name.table].config, '--resume', ...settings], 'silent');
  const folder = path.join(jobs, job);
  const cell = readCell(name, folder);
  fs.rmSync(folder, { recursive: true });
  return cell;
}

/** @param {CellName} name @param {string} folder of its finished job @returns {Cell} */
export function readCell(name, folder) {
  const { backend, versions, data, steps, best, seconds, refreshes, test } = readSummary(folder);
  const { queries, values } = readPerQuery(path.join(folder, 'eval', 'test.trained.tsv'));
  return {
    ...name,
    configHash: configHashOf(name),
    commit: commitOf(),
    cpu: cpuModel(),
    backend: backend.name,
    versions,
    dataFingerprint: data.fingerprint,
    steps,
    bestStep: best.step,
    seconds,
    dev: refreshes.find(({ step }) => step === best.step)?.dev ?? {},
    test: test.trained,
    queries,
    perQuery: Object.fromEntries(MEASURES.map((measure) => [measure, values(measure).map((value) => Number(value.toFixed(6)))])),
  };
}

/** JSON with one line a list: per-query values are many. @param {Cell} cell */
export function cellText({ queries, perQuery, ...rest }) {
  const lists = [
    `"queries": ${JSON.stringify(queries)}`,
    ...MEASURES.map((measure) => `${JSON.stringify(measure)}: ${JSON.stringify(perQuery[measure])}`),
  ];
  const head = JSON.stringify(rest, null, 2).replace(/\n}$/, '');
  return `${head},\n  ${lists[0]},\n  "perQuery": {\n    ${lists.slice(1).join(',\n    ')}\n  }\n}\n`;
}

/** How much of the table is stored. @param {TableName} table @returns {import('./verdicts.mjs').Measured} */
export function completeness(table) {
  const stored = storedCells(table).length;
  const note = `stored and made with today's ${TABLES[table].config}; the rest by --full ${table}`;
  return stored === 0 ? { note: `no cell stored; made by --full ${table}` } : { value: stored, note };
}

/**
 * Runs one stored cell of api-docs again, the one that the commit's hash picks, and compares it query by query.
 * @param {string} jobs folder for its job
 * @returns {Promise<{ differs: boolean, text: string }>} whether it differs where it must not: on the same CPU model, or from all seeds where it rounds otherwise
 */
export async function rerunOne(jobs) {
  const stored = storedCells('apidocs');
  if (stored.length === 0) throw new Error('no cell of api-docs is stored');
  const cell = stored[Number.parseInt(commitOf().slice(0, 8), 16) % stored.length || 0];
  const again = await runCell(cell, jobs);
  const differing = cell.queries.filter((_, i) =>
    MEASURES.some((measure) => cell.perQuery[measure][i] !== again.perQuery[measure][i]),
  ).length;
  const figures = MEASURES.map((measure) => `${measure} ${cell.test[measure].toFixed(4)} stored, ${again.test[measure].toFixed(4)} now`);
  const machine =
    cell.cpu === again.cpu ? 'the same CPU model' : `another CPU model (${cell.cpu} then, ${again.cpu} now), whose rounding may differ`;
  const alike = roundsAlike(cell.commit);
  const text = `${cell.sampler} seed ${cell.seed} on ${machine}: ${figures.join('; ')}; ${differing} of ${cell.queries.length} queries differ${alike ? '' : `; ${OTHER_ROUNDING}`}`;
  const ofSeeds = stored.filter(({ sampler }) => sampler === cell.sampler);
  const beyond = MEASURES.some((measure) =>
    isBeyond(
      again.test[measure],
      ofSeeds.map(({ test }) => test[measure]),
    ),
  );
  return { differs: alike ? differing > 0 && cell.cpu === again.cpu : beyond, text };
}
