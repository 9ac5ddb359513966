/** Renders docs/recipes-comparison.md from the stored cells: `node claims/recipesTable.mjs`; what is missing is named. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { BM25, compareCells } from '../dist/analysis/compare.js';
import { ASSUMED, smallestDifference } from '../dist/eval/detectable.js';
import { pText } from '../dist/report/evaluation.js';
import { figure, measureLabel, signedFigure } from '../dist/report/figures.js';
import { ROOT } from './processes.mjs';
import {
  cellsOf,
  OUTSIDE,
  pairsOf,
  ratesOf,
  readTrial,
  SEEDS,
  SETS,
  storedOutside,
  storedRecipes,
  trialsOf,
} from './recipesComparison.mjs';

/** @typedef {import('./recipesComparison.mjs').SetName} SetName */
/** @typedef {import('../dist/analysis/compare.js').ArmCell} ArmCell */
/** @typedef {import('../dist/analysis/compare.js').ComparedMeasure} ComparedMeasure */

const row = (/** @type {readonly string[]} */ columns) => `| ${columns.join(' | ')} |`;

/** Means of each arm and the differences that are asked for. @param {SetName} set @param {readonly ArmCell[]} cells */
export function setText(set, cells) {
  const { title, config } = SETS[set];
  const jobs = cellsOf(set);
  const missing = jobs.filter(({ arm, seed }) => !cells.some((cell) => cell.arm === arm && cell.seed === seed));
  const head = [
    `## ${title}`,
    '',
    `${cells.length} of ${jobs.length} cells; what all arms share is in [${path.basename(config)}](../${config}), what each has of its own in [recipesComparison.mjs](../claims/recipesComparison.mjs).`,
    '',
    ...(missing.length > 0 ? [`Missing: ${missing.map(({ arm, seed }) => `${arm} ${seed}`).join(', ')}.`, ''] : []),
    ...trialLines(set),
  ];
  if (cells.length === 0) return head.join('\n');
  return [...head, ...comparedLines(set, cells), '', ...outsideLines(set)].join('\n');
}

/** @param {SetName} set @param {readonly ArmCell[]} cells */
function comparedLines(set, cells) {
  const compared = compareCells(cells, cellsOf(set)[0].config.eval.measures, pairsOf(set));
  return [...meansLines(set, cells, compared), '', ...differenceLines(set, cells, compared), '', provenance(cells)];
}

/** The same arms on a set of another domain. @param {SetName} set */
function outsideLines(set) {
  const cells = storedOutside(set);
  return cells.length > 0 ? [`### ${OUTSIDE[set]?.title}`, '', ...comparedLines(set, cells), ''] : [];
}

/** @param {SetName} set */
function trialLines(set) {
  const rates = ratesOf(set);
  const shown = trialsOf(set).map((trial) => {
    const dev = readTrial(trial);
    const chosen = rates[trial.family] === trial.rate ? ', taken' : '';
    return row([trial.family, String(trial.rate), dev === undefined ? 'not run' : figure(dev) + chosen]);
  });
  return ['| recipe | learning rate | dev |', '|---|---|---|', ...shown, ''];
}

/** @param {SetName} set @param {readonly ArmCell[]} cells @param {readonly ComparedMeasure[]} compared */
function meansLines(set, cells, compared) {
  // Of the last stage; 0 is the stage's start, so that arms of one start and seed are then one model.
  const stepsOf = (/** @type {string} */ arm) => cells.filter((cell) => cell.arm === arm).map(({ bestStep }) => bestStep ?? '–');
  const arms = [...SETS[set].arms, BM25];
  const lines = arms.map((arm) => {
    const at = compared[0].means.findIndex(({ system }) => system === arm);
    const figures = compared.map(({ means }) =>
      at < 0 ? 'not run' : `${figure(means[at].mean)} (${figure(means[at].low)} to ${figure(means[at].high)})`,
    );
    return row([arm, at < 0 ? '0' : String(compared[0].means[at].seeds), stepsOf(arm).join(', '), ...figures]);
  });
  const labels = compared.map(({ measure }) => measureLabel(measure));
  return [row(['arm', 'seeds', 'step that dev takes', ...labels]), `|---|---|---|${labels.map(() => '---|').join('')}`, ...lines];
}

/** @param {SetName} set @param {readonly ArmCell[]} cells @param {readonly ComparedMeasure[]} compared */
function differenceLines(set, cells, compared) {
  const pairs = pairsOf(set);
  const labels = compared.map(({ measure }) => measureLabel(measure));
  const lines = pairs.map(([system, baseline]) => {
    const found = compared.map(({ differences }) => differences.find((one) => one.system === system && one.baseline === baseline));
    const texts = found.map((one) =>
      one === undefined
        ? 'not run'
        : `${signedFigure(one.difference)} (${signedFigure(one.low)} to ${signedFigure(one.high)}), p ${pText(one.p)}`,
    );
    return row([`${system} − ${baseline}`, ...texts]);
  });
  const smallest = (/** @type {import('../dist/eval/detectable.js').Deviations} */ deviations) =>
    figure(smallestDifference(cells[0].queries.length, SEEDS.length, pairs.length, deviations));
  const { query, seed } = compared[0].deviations;
  const found =
    query !== undefined && seed !== undefined
      ? `; with those found (${query.toFixed(3)} over queries, ${seed.toFixed(4)} over seeds) ${smallest({ query, seed })}`
      : '; those of seeds are not known yet';
  return [
    row(['difference', ...labels]),
    `|---|${labels.map(() => '---|').join('')}`,
    ...lines,
    '',
    `The smallest difference in ${labels[0]} that ${SEEDS.length} seeds, ${cells[0].queries.length.toLocaleString('en')} queries and ${pairs.length} comparisons can show: ${smallest(ASSUMED)} with the deviations assumed beforehand${found}.`,
  ];
}

/** @param {readonly ArmCell[]} cells */
function provenance(cells) {
  const distinct = (/** @type {(cell: any) => string} */ of) => [...new Set(cells.map(of))].join(', ');
  return (
    `Measured with ${distinct(({ versions: { simans, node, platform } }) => `simans ${simans}, Node ${node}, ${platform}`)}, ` +
    `backend ${distinct(({ backend }) => backend)} on ${distinct(({ cpu }) => cpu)}; commit ${distinct(({ commit }) => commit?.slice(0, 10) ?? 'none')}.`
  );
}

const file = path.join(ROOT, 'docs', 'recipes-comparison.md');
const MARK = '<!-- below: node claims/recipesTable.mjs -->';

/** The document with its tables made anew; what is written above the mark stays. */
export function documentText() {
  const above = fs.readFileSync(file, 'utf8').split(MARK)[0];
  const sets = /** @type {SetName[]} */ (Object.keys(SETS));
  return [`${above}${MARK}`, '', ...sets.map((set) => setText(set, storedRecipes(set)))].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) fs.writeFileSync(file, documentText());
