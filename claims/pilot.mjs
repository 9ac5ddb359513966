/** The gradient pilots: of each job an early and the last checkpoint, stored as results/pilot/JOB-STEP.json. */
import fs from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../dist/core/files.js';
import { silentReporter } from '../dist/core/reporter.js';
import { writePilot } from '../dist/report/pilotFigure.js';
import { RESULTS } from './comparison.mjs';
import { BIN, commitOf, cpuModel, ROOT, timed } from './processes.mjs';

/** @typedef {import('./verdicts.mjs').Measured} Measured */
/** @typedef {import('../dist/analysis/pilotJob.js').PilotJob} PilotJob */

/**
 * Jobs and checkpoints: an early one whose pools come from a trained encoder, and the last.
 * @type {{ name: string, config: string, steps: number[], settings: () => string[] | undefined, flags: string[] }[]}
 */
const PILOTS = [
  {
    name: 'wordnet',
    config: 'configs/wordnet.yaml',
    steps: [300, 1800],
    settings: () => ['train.keepCheckpoints=100', 'eval.test=never'],
    flags: [],
  },
  {
    // Some of its questions have several right answers: more queries and fewer ranks, so that there are enough of them.
    name: 'medquad',
    config: 'claims/pilot-medquad.yaml',
    steps: [60, 300],
    settings: () => (process.env.SIMANS_DATA ? [`data.path=${path.join(process.env.SIMANS_DATA, 'medquad')}`] : undefined),
    flags: ['--queries', '300', '--ranks', '50'],
  },
];
const CHECKPOINTS = PILOTS.flatMap(({ name, steps }) => steps.map((step) => ({ name, step })));
const fileOf = (/** @type {string} */ name, /** @type {number} */ step) => path.join(RESULTS, 'pilot', `${name}-${step}.json`);
const missing = () => CHECKPOINTS.filter(({ name, step }) => !fs.existsSync(fileOf(name, step)));

/** Trains the jobs with all their checkpoints where they are not there, and makes what is missing: three quarters of an hour. */
export async function completePilot() {
  const jobs = path.join(ROOT, 'jobs', 'pilot');
  for (const { name, step } of missing()) {
    const { config, settings, flags } = /** @type {typeof PILOTS[number]} */ (PILOTS.find((one) => one.name === name));
    const own = settings();
    if (!own) {
      console.error(`${name}: SIMANS_DATA is not set; its pilot is not made`);
      continue;
    }
    const job = path.join(jobs, name);
    if (!fs.existsSync(path.join(job, 'summary.json'))) {
      const sets = [`jobsFolder=${jobs}`, ...own].flatMap((setting) => ['--set', setting]);
      const resume = fs.existsSync(job) ? ['--resume'] : [];
      await timed([process.execPath, BIN, 'train', path.join(ROOT, config), ...sets, ...resume]);
    }
    await timed([process.execPath, BIN, 'pilot', job, '--step', `${step}`, ...flags, '--to', path.join(job, `pilot-${step}`)]);
    store(name, step, JSON.parse(fs.readFileSync(path.join(job, `pilot-${step}`, 'pilot.json'), 'utf8')));
  }
  for (const { name, step } of CHECKPOINTS.filter((one) => fs.existsSync(fileOf(one.name, one.step)))) {
    const files = await writePilot(path.join(ROOT, 'docs', 'figures', `pilot-${name}-${step}`), read(name, step), silentReporter);
    for (const file of files.filter((one) => !one.endsWith('.svg'))) fs.rmSync(file); // the numbers are in results/
  }
}

/** The table without hidden positives is kept where there are any. @param {string} name @param {number} step @param {PilotJob} pilot */
export function store(name, step, pilot) {
  const { withoutHidden, ...found } = pilot;
  const hidden = found.rows.some((row) => row.hidden > 0) && { withoutHidden };
  const text = JSON.stringify({ commit: commitOf(), cpu: cpuModel(), node: process.version, ...found, ...hidden });
  writeFileAtomic(fileOf(name, step), `${text}\n`);
}

/** @param {string} name @param {number} step @returns {PilotJob} */
const read = (name, step) => ({ withoutHidden: [], ...JSON.parse(fs.readFileSync(fileOf(name, step), 'utf8')) });

/**
 * In how many of the stored checkpoints the paper's explanation is found: for mean and variance of the gradient, SimANS's draw lies below the best-scored
 * passage and above a random one, no bands overlapping.
 * @returns {Measured}
 */
export function storedPilot() {
  const absent = missing().map(({ name, step }) => `${name} ${step}`);
  if (absent.length > 0) return { note: `${absent.join(', ')} not stored; claims -- sampling --full makes it` };
  const told = CHECKPOINTS.map(({ name: job, step }) => {
    const { draws } = read(job, step);
    const of = (/** @type {string} */ name) =>
      /** @type {PilotJob['draws'][number]} */ (draws.find(({ sampler }) => sampler.startsWith(name)));
    const [top, simans, random] = ['topk,', 'simans', 'random'].map(of);
    const between = /** @type {const} */ (['mean', 'variance']).every(
      (figure) => top[`${figure}Low`] > simans[`${figure}High`] && simans[`${figure}Low`] > random[`${figure}High`],
    );
    const means = [top, simans, random].map(({ mean }) => mean.toPrecision(2)).join(', ');
    return { between, text: `${job} step ${step}: mean ‖g‖ of the best-scored, simans, random: ${means}` };
  });
  return { value: told.filter(({ between }) => between).length, note: told.map(({ text }) => text).join('; ') };
}
