/** The gradient pilot on WordNet: an early and the last checkpoint, stored as results/pilot/wordnet-STEP.json. */
import fs from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../dist/core/files.js';
import { silentReporter } from '../dist/core/reporter.js';
import { writePilot } from '../dist/report/pilotFigure.js';
import { RESULTS } from './comparison.mjs';
import { BIN, commitOf, cpuModel, ROOT, timed } from './processes.mjs';

/** @typedef {import('./verdicts.mjs').Measured} Measured */
/** @typedef {import('../dist/analysis/pilotJob.js').PilotJob} PilotJob */

/** The first checkpoint of configs/wordnet.yaml after its pools come from a trained encoder, and the last. */
const STEPS = [300, 1800];
const fileOf = (/** @type {number} */ step) => path.join(RESULTS, 'pilot', `wordnet-${step}.json`);

/** Trains the job with all its checkpoints where it is not there, and makes what is missing: half an hour. */
export async function completePilot() {
  const jobs = path.join(ROOT, 'jobs', 'pilot');
  const job = path.join(jobs, 'wordnet');
  for (const step of STEPS.filter((one) => !fs.existsSync(fileOf(one)))) {
    if (!fs.existsSync(path.join(job, 'summary.json'))) {
      const settings = [`jobsFolder=${jobs}`, 'train.keepCheckpoints=100', 'eval.test=never'].flatMap((setting) => ['--set', setting]);
      const resume = fs.existsSync(job) ? ['--resume'] : [];
      await timed([process.execPath, BIN, 'train', path.join(ROOT, 'configs', 'wordnet.yaml'), ...settings, ...resume]);
    }
    await timed([process.execPath, BIN, 'pilot', job, '--step', `${step}`, '--to', path.join(job, `pilot-${step}`)]);
    store(step, JSON.parse(fs.readFileSync(path.join(job, `pilot-${step}`, 'pilot.json'), 'utf8')));
  }
  for (const step of STEPS) {
    const files = await writePilot(path.join(ROOT, 'docs', 'figures', `pilot-wordnet-${step}`), read(step), silentReporter);
    for (const file of files.filter((one) => !one.endsWith('.svg'))) fs.rmSync(file); // the numbers are in results/
  }
}

/** The table without hidden positives is kept where there are any. @param {number} step @param {PilotJob} pilot */
export function store(step, pilot) {
  const { withoutHidden, ...found } = pilot;
  const hidden = found.rows.some((row) => row.hidden > 0) && { withoutHidden };
  const text = JSON.stringify({ commit: commitOf(), cpu: cpuModel(), node: process.version, ...found, ...hidden });
  writeFileAtomic(fileOf(step), `${text}\n`);
}

/** @param {number} step @returns {PilotJob} */
const read = (step) => ({ withoutHidden: [], ...JSON.parse(fs.readFileSync(fileOf(step), 'utf8')) });

/**
 * In how many of the stored checkpoints the paper's explanation is found: for mean and variance of the gradient, SimANS's draw lies below the best-scored
 * passage and above a random one, no bands overlapping.
 * @returns {Measured}
 */
export function storedPilot() {
  const missing = STEPS.filter((step) => !fs.existsSync(fileOf(step)));
  if (missing.length > 0) return { note: `step ${missing.join(' and ')} not stored; claims -- sampling --full makes it` };
  const told = STEPS.map((step) => {
    const { draws } = read(step);
    const of = (/** @type {string} */ name) =>
      /** @type {PilotJob['draws'][number]} */ (draws.find(({ sampler }) => sampler.startsWith(name)));
    const [top, simans, random] = ['topk,', 'simans', 'random'].map(of);
    const between = /** @type {const} */ (['mean', 'variance']).every(
      (figure) => top[`${figure}Low`] > simans[`${figure}High`] && simans[`${figure}Low`] > random[`${figure}High`],
    );
    const means = [top, simans, random].map(({ mean }) => mean.toPrecision(2)).join(', ');
    return { between, text: `step ${step}: mean ‖g‖ of the best-scored, simans, random: ${means}` };
  });
  return { value: told.filter(({ between }) => between).length, note: told.map(({ text }) => text).join('; ') };
}
