/** The tables of the lab in docs/samplers.md, from the stored trainings: node claims/labTable.mjs */
import { fileURLToPath } from 'node:url';
import { storedLab } from './lab.mjs';
import { meanInterval } from './table.mjs';

/** @typedef {import('../dist/analysis/lab.js').CellResult} CellResult */

const SHARES = [0, 0.1, 0.3, 0.5];

/** Rows of a set: means over seeds by share; the change from the first share to the last, paired by seed; what was drawn at the last. @param {readonly CellResult[]} cells */
export function labRows(cells) {
  return [...new Set(cells.map(({ sampler }) => sampler))].map((sampler) => {
    const at = (/** @type {number} */ share) => cells.filter((cell) => cell.sampler === sampler && cell.hidden === share);
    const most = at(/** @type {number} */ (SHARES.at(-1)));
    const changes = most.map(({ seed, test }) => test - /** @type {CellResult} */ (at(0).find((one) => one.seed === seed)).test);
    const { mean, half = Number.NaN } = meanInterval(changes);
    const gradient = (/** @type {'gradient' | 'otherGradient'} */ name) =>
      most.every((cell) => cell[name] !== undefined) ? figure(meanOf(most.map((cell) => /** @type {number} */ (cell[name]))), 2) : '';
    return {
      sampler,
      figures: [
        ...SHARES.map((share) => figure(meanOf(at(share).map(({ test }) => test)), 3)),
        `${mean < 0 ? '−' : '+'}${figure(Math.abs(mean), 3)} ± ${figure(half, 3)}`,
        `${(100 * meanOf(most.map(({ drawn }) => drawn))).toFixed(1)} %`,
        gradient('gradient'),
        gradient('otherGradient'),
      ],
    };
  });
}

/** @param {readonly number[]} values */
const meanOf = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
/** Without the leading zero. @param {number} value @param {number} digits */
const figure = (value, digits) => value.toFixed(digits).replace(/^0\./, '.');

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const name of ['apidocs', 'medquad'])
    console.log([name, ...labRows(storedLab(name)).map(({ sampler, figures }) => `| ${[sampler, ...figures].join(' | ')} |`)].join('\n'));
