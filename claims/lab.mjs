/** The experiments with false negatives: two sets, kept as results/lab/SET/cells/, one figure of both. */
import fs from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { readCell } from '../dist/analysis/lab.js';
import { loadLab, nameOf } from '../dist/config/labFile.js';
import { writeFileAtomic } from '../dist/core/files.js';
import { silentReporter } from '../dist/core/reporter.js';
import { writeLab } from '../dist/report/labFigure.js';
import { RESULTS } from './comparison.mjs';
import { BIN, commitOf, cpuModel, isBeyond, OTHER_ROUNDING, ROOT, roundsAlike, timed } from './processes.mjs';

/** @typedef {import('./verdicts.mjs').Measured} Measured */
/** @typedef {import('../dist/config/labFile.js').LabCell} LabCell */

/** Sets with the keys that tell where they lie: undefined where that is not known. @type {{ name: string, file: string, sets: () => string[] | undefined }[]} */
const LABS = [
  { name: 'apidocs', file: 'configs/lab.yaml', sets: () => [] },
  {
    name: 'medquad',
    file: 'claims/lab-medquad.yaml',
    sets: () => (process.env.SIMANS_DATA ? [`data.path=${path.join(process.env.SIMANS_DATA, 'medquad')}`] : undefined),
  },
];

/** @typedef {typeof LABS[number]} Lab */

const folderOf = (/** @type {Lab} */ { name }) => path.join(RESULTS, 'lab', name);
/** Where data lies is no part of a cell's hash. @param {Lab} lab */
const cellsOf = ({ file, sets }) => loadLab(path.join(ROOT, file), sets() ?? [], 'jobs');
const fileOf = (/** @type {Lab} */ lab, /** @type {LabCell} */ cell) => path.join(folderOf(lab), 'cells', `${nameOf(cell)}.json`);
const stored = (/** @type {Lab} */ lab) => cellsOf(lab).flatMap((cell) => readCell(folderOf(lab), cell) ?? []);

/** The stored trainings of a set, by its name. @param {string} name */
export const storedLab = (name) => stored(/** @type {Lab} */ (LABS.find((lab) => lab.name === name)));

/** Trains what is missing, and draws the figure of what is stored: an hour a set. */
export async function completeLabs() {
  for (const lab of LABS) {
    const sets = lab.sets();
    if (!sets) console.error(`lab ${lab.name}: SIMANS_DATA is not set; what is missing of it is not made`);
    else await runLab(lab.file, sets, folderOf(lab));
    for (const cell of cellsOf(lab)) if (fs.existsSync(fileOf(lab, cell))) stamp(fileOf(lab, cell));
  }
  const found = LABS.flatMap(stored);
  if (found.length === 0) return;
  const files = await writeLab(path.join(ROOT, 'docs', 'figures', 'lab'), found, silentReporter);
  for (const file of files.filter((one) => !one.endsWith('.svg'))) fs.rmSync(file); // the numbers are in results/
}

/** @param {string} file @param {readonly string[]} sets @param {string} to */
async function runLab(file, sets, to) {
  const flags = sets.flatMap((set) => ['--set', set]);
  await timed([process.execPath, BIN, 'lab', path.resolve(ROOT, file), ...flags, '--to', to]);
  for (const made of ['jobs', 'lab.svg', 'lab.png', 'lab.csv']) fs.rmSync(path.join(to, made), { recursive: true, force: true });
}

/** Remembers once what a cell was made by. @param {string} file */
function stamp(file) {
  const text = fs.readFileSync(file, 'utf8');
  if (/^ {2}"commit": /m.test(text)) return;
  writeFileAtomic(file, text.replace('{\n', `{\n  "commit": ${JSON.stringify(commitOf())},\n  "cpu": ${JSON.stringify(cpuModel())},\n`));
}

/** How many trainings are stored, made with today's configuration and whole. @returns {Measured} */
export function storedLabs() {
  const counts = LABS.map((lab) => {
    const whole = stored(lab).filter(({ perQuery, test }) => {
      const values = Object.values(perQuery ?? {});
      return values.length > 0 && Math.abs(values.reduce((sum, value) => sum + value, 0) / values.length - test) < 1e-5;
    });
    return { name: lab.name, count: whole.length };
  });
  const value = counts.reduce((sum, { count }) => sum + count, 0);
  return { ...(value > 0 && { value }), note: `${counts.map(({ name, count }) => `${name} ${count}`).join(', ')}; the rest by --full` };
}

/**
 * Runs one stored training of api-docs again, the one that the commit's hash picks, and compares it query by query.
 * @param {string} folder
 * @returns {Promise<{ differs: boolean, text: string }>} whether it differs where it must not: on the same CPU model
 */
export async function rerunLab(folder) {
  const lab = LABS[0];
  const cells = cellsOf(lab).filter((cell) => readCell(folderOf(lab), cell));
  if (cells.length === 0) throw new Error('no training of the lab on api-docs is stored');
  const cell = cells[Number.parseInt(commitOf().slice(0, 8), 16) % cells.length || 0];
  const { job, samplers } = parse(fs.readFileSync(path.join(ROOT, lab.file), 'utf8'));
  const { sampler, hidden, seed } = cell;
  const file = path.join(folder, 'one.yaml');
  const one = {
    job: path.resolve(path.dirname(path.join(ROOT, lab.file)), job),
    seeds: [seed],
    hidden: [hidden],
    samplers: { [sampler]: samplers[sampler] },
  };
  writeFileAtomic(file, JSON.stringify(one)); // JSON is YAML
  await timed([process.execPath, BIN, 'lab', file, '--to', folder], 'silent');
  const before = readCell(folderOf(lab), cell);
  const again = readCell(folder, cell);
  const [then, now] = [before?.perQuery ?? {}, again?.perQuery ?? {}];
  const differing = Object.keys(then).filter((query) => then[query] !== now[query]).length;
  const sameCpu = before?.cpu === cpuModel();
  const alike = roundsAlike(String(before?.commit ?? 'none'));
  const text = `${nameOf(cell)} on ${sameCpu ? 'the same CPU model' : `another CPU model (${before?.cpu} then, ${cpuModel()} now), whose rounding may differ`}: ${before?.test.toFixed(4)} stored, ${again?.test.toFixed(4)} now; ${differing} of ${Object.keys(then).length} queries differ${alike ? '' : `; ${OTHER_ROUNDING}`}`;
  const ofSeeds = stored(lab).filter((one) => one.sampler === sampler && one.hidden === hidden);
  const beyond = isBeyond(
    again?.test ?? Number.NaN,
    ofSeeds.map(({ test }) => test),
  );
  return { differs: alike ? differing > 0 && sameCpu : beyond, text };
}
