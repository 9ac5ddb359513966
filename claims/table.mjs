/**
 * Renders docs/comparison.md from the stored cells: `node claims/table.mjs`.
 * Means over seeds with Student's 95 % interval; differences to random paired by query (and seed) with a bootstrap over queries.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { deriveKey } from '../dist/core/random.js';
import { pairedBootstrap } from '../dist/eval/significance.js';
import { figure, measureLabel, signedFigure } from '../dist/report/figures.js';
import { MEASURES, storedCells, TABLES } from './comparison.mjs';
import { ROOT } from './processes.mjs';

/** @typedef {import('./comparison.mjs').Cell} Cell */
/** @typedef {import('./comparison.mjs').TableName} TableName */

const TITLES = { apidocs: 'api-docs', wordnet: 'WordNet' };
/** The 97.5 % quantile of Student's t by degrees of freedom, from 1. */
const T_QUANTILES = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

/** Mean and half width of Student's 95 % interval; no half width for one value. @param {readonly number[]} values */
export function meanInterval(values) {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n < 2) return { mean };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  return { mean, half: T_QUANTILES[n - 2] * Math.sqrt(variance / n) };
}

/**
 * Mean difference to `base` by query, over the seeds that both have, with its bootstrap interval over queries.
 * @param {readonly Cell[]} cells @param {readonly Cell[]} base @param {string} measure
 */
export function pairedDifference(cells, base, measure) {
  /** @type {Map<string, number[][]>} */
  const pairs = new Map(); // query → its pairs, one a seed
  for (const cell of cells) {
    const partner = base.find(({ seed }) => seed === cell.seed);
    if (partner === undefined) continue;
    if (partner.queries.join('\n') !== cell.queries.join('\n'))
      throw new Error(`seed ${cell.seed}: ${cell.sampler} and ${partner.sampler} were tested on other queries`);
    cell.queries.forEach((query, i) => {
      pairs.set(query, [...(pairs.get(query) ?? []), [cell.perQuery[measure][i], partner.perQuery[measure][i]]]);
    });
  }
  if (pairs.size === 0) return undefined;
  const side = (/** @type {0 | 1} */ which) =>
    Float64Array.from([...pairs.values()], (list) => list.reduce((sum, pair) => sum + pair[which], 0) / list.length);
  return pairedBootstrap(side(0), side(1), deriveKey(0, `comparison/${measure}`));
}

/** @param {TableName} table @param {readonly Cell[]} cells stored ones */
export function tableText(table, cells) {
  const { samplers, seeds, config, note } = TABLES[table];
  const bySampler = (/** @type {string} */ sampler) => cells.filter((cell) => cell.sampler === sampler);
  const labels = MEASURES.map(measureLabel);
  const rows = samplers.map((sampler) => {
    const own = bySampler(sampler);
    const means = MEASURES.map((measure) => meanText(own.map(({ test }) => test[measure])));
    const differences = MEASURES.map((measure) =>
      sampler === 'random' ? '' : differenceText(pairedDifference(own, bySampler('random'), measure)),
    );
    return `| ${[sampler === 'none' ? 'none (in-batch only)' : sampler, String(own.length), ...means, ...differences].join(' | ')} |`;
  });
  return [
    `## ${TITLES[table]}`,
    '',
    `${cells.length} of ${samplers.length * seeds.length} cells; every cell trains [${path.basename(config)}](../${config}) with its sampler and seed.`,
    ...(note ? [note] : []),
    '',
    `| sampler | seeds | ${labels.join(' | ')} | ${labels.map((label) => `${label} − random`).join(' | ')} |`,
    `|---|---|${labels.map(() => '---|---|').join('')}`,
    ...rows,
    '',
    ...provenance(cells),
  ].join('\n');
}

/** @param {readonly number[]} values */
function meanText(values) {
  if (values.length === 0) return 'not run';
  const { mean, half } = meanInterval(values);
  return half === undefined ? figure(mean) : `${figure(mean)} ± ${figure(half)}`;
}

/** @param {import('../dist/eval/significance.js').BootstrapInterval | undefined} interval */
function differenceText(interval) {
  return interval === undefined
    ? 'not run'
    : `${signedFigure(interval.difference)} (${signedFigure(interval.low)} to ${signedFigure(interval.high)})`;
}

/** @param {readonly Cell[]} cells */
function provenance(cells) {
  if (cells.length === 0) return [];
  const distinct = (/** @type {(cell: Cell) => string} */ of) => [...new Set(cells.map(of))].join(', ');
  const versions = distinct(({ versions: { simans, node, platform } }) => `simans ${simans}, Node ${node}, ${platform}`);
  const [{ versions: packages }] = cells;
  return [
    `Measured with ${versions}, onnxruntime-node ${packages['onnxruntime-node']}, backend ${distinct(({ backend }) => backend)} on ${distinct(({ cpu }) => cpu)}; ` +
      `commit ${distinct(({ commit }) => commit.slice(0, 10) + (commit.endsWith('+') ? '+' : ''))}.`,
    '',
  ];
}

export function documentText() {
  const tables = /** @type {TableName[]} */ (Object.keys(TABLES)).map((table) => tableText(table, storedCells(table)));
  return [
    '# Samplers under the same budget',
    '',
    'Made by `node claims/table.mjs` from claims/results; the cells by `npm run claims -- loop --full`. The test split, the checkpoint',
    'chosen on dev. ± is the 95 % interval of the mean over seeds (Student’s t). Differences to `random` are paired by query and seed;',
    'their 95 % intervals are bootstrapped over queries.',
    '',
    ...tables,
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) fs.writeFileSync(path.join(ROOT, 'docs', 'comparison.md'), documentText());
