/**
 * The comparison of recipes and samplers: every arm has the same start, K, m, batch, refreshes and retriever steps; a cell is one arm with one seed, kept as
 * results/recipes/SET/cells/ARM-SEED.json. An arm's learning rate is the better of two on dev (trials, seed 42), chosen once for the arms of a recipe.
 *   node claims/recipesComparison.mjs medquad            makes what is missing, one job after the other: a minute or two each on a core
 *   node claims/recipesComparison.mjs medquad --arms ance,ance-simans   of these arms
 *   node claims/recipesTable.mjs                         the tables of docs/recipes-comparison.md
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { BM25, readArmCell, runArms } from '../dist/analysis/compare.js';
import { evaluateNamed } from '../dist/analysis/evaluateNamed.js';
import { cellText, readStoredCell } from '../dist/analysis/storedCell.js';
import { cellName } from '../dist/config/comparisonArms.js';
import { configHash } from '../dist/config/hash.js';
import { loadConfig } from '../dist/config/load.js';
import { readJson, writeFileAtomic, writeJson } from '../dist/core/files.js';
import { silentReporter } from '../dist/core/reporter.js';
import { runRecipe } from '../dist/recipes/index.js';
import { RESULTS } from './comparison.mjs';
import { commitOf, cpuModel, ROOT } from './processes.mjs';
import { writeShifts, writeSquad } from './shifts.mjs';

/** @typedef {import('../dist/config/schema.js').RunConfig} RunConfig */
/** @typedef {import('../dist/config/comparisonArms.js').ArmJob} ArmJob */
/** @typedef {'contrastive' | 'dpr' | 'ance' | 'rocketqa' | 'ar2'} Family */
/** @typedef {{ pool: number, negatives: number, a: number, b: number, steps: number, init: unknown, maxTokens: number }} Shared what all arms share, from the set's job file */
/** @typedef {{ family: Family, sampler: (shared: Shared) => object }} Arm */

const pooled =
  (/** @type {string} */ kind, /** @type {(shared: Shared) => object} */ more = () => ({})) =>
  /** @returns {object} */
  (/** @type {Shared} */ shared) => ({ kind, pool: shared.pool, negatives: shared.negatives, ...more(shared) });
const simans = (/** @type {object} */ more = {}) => pooled('simans', ({ a, b }) => ({ ...more, a, b }));

/** Each arm: its recipe's way of training, and how it draws. @type {Record<string, Arm>} */
export const ARMS = {
  'in-batch': { family: 'contrastive', sampler: () => ({ kind: 'none' }) },
  topk: { family: 'contrastive', sampler: pooled('topk') },
  topkUniform: { family: 'contrastive', sampler: pooled('topkUniform') },
  rankWindow: { family: 'contrastive', sampler: pooled('rankWindow', ({ pool }) => ({ from: 10, to: pool })) },
  percentOfPositive: { family: 'contrastive', sampler: pooled('topk', () => ({ filters: { percentOfPositive: 0.95 } })) },
  nearestK: { family: 'contrastive', sampler: pooled('nearestK', ({ b }) => ({ b })) },
  simans: { family: 'contrastive', sampler: simans() },
  dpr: { family: 'dpr', sampler: pooled('topkUniform', () => ({ source: ['bm25', 'stage'] })) },
  'dpr-simans': { family: 'dpr', sampler: simans({ source: ['bm25', 'stage'] }) },
  ance: { family: 'ance', sampler: pooled('topkUniform') },
  'ance-simans': { family: 'ance', sampler: simans() },
  rocketqa: { family: 'rocketqa', sampler: pooled('topkUniform', () => ({ source: 'stage' })) },
  'rocketqa-simans': { family: 'rocketqa', sampler: simans({ source: 'stage' }) },
  ar2: { family: 'ar2', sampler: pooled('topkUniform') },
  'ar2-simans': { family: 'ar2', sampler: simans() },
};

const RETRAINED = ['ance', 'ance-simans', 'ar2', 'ar2-simans'];
const inData = (/** @type {string} */ folder) => () =>
  process.env.SIMANS_DATA ? [`data.path=${path.join(process.env.SIMANS_DATA, folder)}`] : undefined;

/**
 * Sets: the job file, the keys that tell where the data lies (undefined where that is not known), the arms.
 * @type {Record<'medquad' | 'wordnet' | 'squadshifts', { title: string, config: string, place: () => string[] | undefined, arms: string[] }>}
 */
export const SETS = {
  medquad: { title: 'MedQuAD', config: 'claims/recipes-medquad.yaml', place: inData('medquad'), arms: Object.keys(ARMS) },
  wordnet: { title: 'WordNet', config: 'claims/recipes-wordnet.yaml', place: () => [], arms: RETRAINED },
  squadshifts: {
    title: 'SQuADShifts, Amazon and Reddit',
    config: 'claims/recipes-squadshifts.yaml',
    place: () => (process.env.SIMANS_DATA ? [`data.path=${shiftsFolder()}`] : undefined),
    arms: RETRAINED,
  },
};
/** @typedef {keyof typeof SETS} SetName */
export const SEEDS = [1, 2, 3];

/** The comparisons that are asked for, [system, baseline]; p is corrected for their number. @type {readonly (readonly [string, string])[]} */
export const PAIRS = [
  ...[BM25, 'in-batch', 'topk', 'topkUniform', 'rankWindow', 'percentOfPositive', 'nearestK'].map(
    (base) => /** @type {const} */ (['simans', base]),
  ),
  ...['dpr', 'ance', 'rocketqa', 'ar2'].map((recipe) => /** @type {const} */ ([`${recipe}-simans`, recipe])),
];

/** Those of a set. @param {SetName} set */
export const pairsOf = (set) => PAIRS.filter((pair) => pair.every((name) => name === BM25 || SETS[set].arms.includes(name)));

/** Peak rate of a stage that starts from random weights. */
const FROM_SCRATCH = 0.001;
/** The learning rates of the last stage that dev chooses from, and the arm that they are tried with. @type {Record<Family, { rates: number[], arm: string }>} */
export const TRIALS = {
  contrastive: { rates: [FROM_SCRATCH, 0.0005], arm: 'in-batch' },
  dpr: { rates: [FROM_SCRATCH, 0.0005], arm: 'dpr' },
  ance: { rates: [FROM_SCRATCH, 0.0005], arm: 'ance' },
  rocketqa: { rates: [FROM_SCRATCH, 0.0005], arm: 'rocketqa' },
  ar2: { rates: [0.0005, 0.00025], arm: 'ar2' },
};

/** What an arm sets over the job file. Of its retriever steps a third is for the first stage, where there is one. @param {Arm} arm @param {Shared} shared @param {number} rate */
function settingsOf({ family, sampler }, shared, rate) {
  const { pool, negatives, steps, init, maxTokens } = shared;
  const early = {
    train: { steps: steps / 3, learningRate: FROM_SCRATCH },
    sampler: { kind: 'topkUniform', source: 'bm25', negatives, pool },
  };
  const ranker = { init, maxTokens, learningRate: 0.003, microBatch: 128 };
  const recipes = {
    contrastive: { kind: family },
    dpr: { kind: family, first: early },
    ance: { kind: family, warmup: early },
    rocketqa: { kind: family, first: early, ranker: { ...ranker, steps: 120, negatives } },
    ar2: { kind: family, warmup: early, ranker: { ...ranker, warmupSteps: 60, stepsPerRefresh: 15 } },
  };
  return {
    recipe: recipes[family],
    sampler: sampler(shared),
    'train.learningRate': rate,
    'train.steps': family === 'contrastive' ? steps : (2 * steps) / 3,
    ...(family === 'ar2' && { 'train.inBatch': false, 'train.loss': { kind: 'distillation' } }),
  };
}

/** The checked job of an arm. @param {SetName} set @param {string} name @param {number} rate @param {Record<string, unknown>} own */
function configOf(set, name, rate, own) {
  const { config, place } = SETS[set];
  const base = loadConfig(path.join(ROOT, config));
  const { sampler, train, encoder } = base;
  if (sampler.kind !== 'simans')
    throw new Error(`${config}: sampler ${sampler.kind}; expected simans, from which all arms take K, m and b`);
  const { pool, negatives, a, b } = sampler;
  const shared = { pool, negatives, a, b, steps: train.steps, init: encoder.init, maxTokens: encoder.queryTokens + encoder.passageTokens };
  const sets = { ...settingsOf(ARMS[name], shared, rate), ...own };
  return loadConfig(path.join(ROOT, config), [
    ...(place() ?? []),
    ...Object.entries(sets).map(([key, value]) => `${key}=${JSON.stringify(value)}`),
  ]);
}

const shiftsFolder = () => path.join(ROOT, 'jobs', 'squadshifts');
/** @param {SetName} set */
const folderOf = (set) => path.join(RESULTS, 'recipes', set);
/** @param {SetName} set */
const jobsOf = (set) => path.join(ROOT, 'jobs', 'recipes', set);

/** @typedef {{ family: Family, arm: string, rate: number, file: string, config: RunConfig }} Trial */

/** @param {SetName} set @returns {Trial[]} */
export const trialsOf = (set) =>
  [...new Set(SETS[set].arms.map((arm) => ARMS[arm].family))].flatMap((family) =>
    TRIALS[family].rates.map((rate) => {
      const { arm } = TRIALS[family];
      const name = `trial-${arm}-${rate}`;
      const config = configOf(set, arm, rate, { name, seed: 42, jobsFolder: jobsOf(set), 'eval.test': 'never' });
      return { family, arm, rate, config, file: path.join(folderOf(set), 'trials', `${arm}-${rate}.json`) };
    }),
  );

/** What dev said of a trial; undefined where it was not made with today's configuration. @param {Trial} trial @returns {number | undefined} */
export function readTrial({ file, config }) {
  if (!fs.existsSync(file)) return undefined;
  const { configHash: hash, dev } = /** @type {{ configHash: string, dev: number }} */ (readJson(file, 'Remove it: it is made again.'));
  return hash === configHash(config) ? dev : undefined;
}

/** The better rate of each family by the trials that are there; the first where there is none. @param {SetName} set @returns {Record<Family, number>} */
export function ratesOf(set) {
  /** @type {Record<string, { rate: number, dev: number }>} */
  const best = {};
  for (const trial of trialsOf(set)) {
    const dev = readTrial(trial) ?? Number.NEGATIVE_INFINITY;
    if (!(trial.family in best) || dev > best[trial.family].dev) best[trial.family] = { rate: trial.rate, dev };
  }
  return /** @type {Record<Family, number>} */ (Object.fromEntries(Object.entries(best).map(([family, { rate }]) => [family, rate])));
}

/** Seed by seed, so that an unfinished table compares arms too. BM25 is evaluated once, by the first job. @param {SetName} set @returns {ArmJob[]} */
export function cellsOf(set) {
  const rates = ratesOf(set);
  return SEEDS.flatMap((seed, first) =>
    SETS[set].arms.map((arm, i) => {
      const own = { seed, jobsFolder: jobsOf(set), 'eval.bm25': first + i === 0 };
      const config = configOf(set, arm, rates[ARMS[arm].family], own);
      return { arm, seed, config: { ...config, name: `${arm}-${seed}-${configHash(config).slice(0, 8)}` } };
    }),
  );
}

/** The stored cells of today's configuration. @param {SetName} set */
export const storedRecipes = (set) => cellsOf(set).flatMap((job) => readArmCell(folderOf(set), job) ?? []);

/** How many cells are stored. @returns {import('./verdicts.mjs').Measured} */
export function recipesCompleteness() {
  const count = (/** @type {SetName} */ set) => storedRecipes(set).length;
  const note = /** @type {SetName[]} */ (Object.keys(SETS)).map((set) => `${set} ${count(set)} of ${cellsOf(set).length}`).join(', ');
  return { value: count('medquad'), note: `${note}; missing ones by name in docs/recipes-comparison.md` };
}

/** Makes the missing cells of these arms, before the first of a recipe its trials; a killed job goes on from its last checkpoint. @param {SetName} set @param {readonly string[]} [arms] */
export async function completeRecipes(set, arms = SETS[set].arms) {
  if (!SETS[set].place()) throw new Error(`recipes on ${set}: SIMANS_DATA is not set; what is missing is not made`);
  const unknown = arms.find((arm) => !SETS[set].arms.includes(arm));
  if (unknown !== undefined) throw new Error(`${unknown}: no arm of ${set}; expected some of ${SETS[set].arms.join(', ')}`);
  if (set === 'squadshifts') writeShifts(shiftsFolder());
  const to = folderOf(set);
  for (const { arm, seed } of cellsOf(set).filter((one) => arms.includes(one.arm))) {
    await completeTrials(set, ARMS[arm].family);
    const job = /** @type {ArmJob} */ (cellsOf(set).find((one) => one.arm === arm && one.seed === seed)); // by the rate that dev chose
    if (readArmCell(to, job) === undefined) {
      await runArms([job], { to, reporter: REPORTER, signal: NEVER });
      stamp(path.join(to, cellName(job)));
    }
    if (OUTSIDE[set] && readStoredCell(outsideFile(set, job), job.config) === undefined) await evaluateOutside(set, job);
    fs.rmSync(path.join(jobsOf(set), job.config.name), { recursive: true, force: true });
  }
}

/** Sets of another domain, whose test an arm is evaluated on and that it never learns from. @type {Partial<Record<SetName, { title: string, write: (folder: string) => void }>>} */
export const OUTSIDE = { squadshifts: { title: 'SQuAD dev, of another domain', write: writeSquad } };

/** @param {SetName} set @param {ArmJob} job */
const outsideFile = (set, job) => path.join(folderOf(set), 'outside', path.basename(cellName(job)));

/** What the arms of a set found outside. @param {SetName} set @returns {import('../dist/analysis/compare.js').ArmCell[]} */
export const storedOutside = (set) => cellsOf(set).flatMap((job) => readStoredCell(outsideFile(set, job), job.config) ?? []);

/** The finished job on the set of another domain. @param {SetName} set @param {ArmJob} job */
async function evaluateOutside(set, job) {
  const folder = path.join(ROOT, 'jobs', `outside-${set}`);
  OUTSIDE[set]?.write(folder);
  const { measures } = job.config.eval;
  const asked = {
    what: [`${job.arm}=${path.join(jobsOf(set), job.config.name)}`],
    data: [folder],
    format: 'beir',
    split: /** @type {const} */ ('test'),
  };
  const rules = {
    measures,
    level: 1,
    doubles: false,
    removeSelf: false,
    answers: /** @type {const} */ ('tokens'),
    analysis: /** @type {const} */ ('english'),
  };
  const [{ result }] = await evaluateNamed({ ...asked, ...rules, set: [], depth: 10, fuse: [] }, silentReporter);
  const { means, perQuery } = result.systems[job.arm];
  const {
    queries,
    perQuery: inside,
    bm25,
    ...cell
  } = /** @type {import('../dist/analysis/compare.js').ArmCell} */ (readArmCell(folderOf(set), job));
  const figures = { ...cell, data: result.data, policy: result.policy, means };
  writeFileAtomic(outsideFile(set, job), cellText(figures, { queries: result.queries, perQuery }));
}

const NEVER = new AbortController().signal;
const REPORTER = { ...silentReporter, line: (/** @type {string} */ text) => console.error(text) };

/** @param {SetName} set @param {Family} family */
async function completeTrials(set, family) {
  for (const trial of trialsOf(set).filter((one) => one.family === family && readTrial(one) === undefined)) {
    const summary = await runRecipe(trial.config, { resume: true, reporter: silentReporter, signal: NEVER });
    if (!summary) throw new Error('internal: stopped without a signal');
    writeTrial(trial, summary);
    REPORTER.line(`trial of ${trial.arm}, learning rate ${trial.rate}: dev ${summary.best.dev.toFixed(4)}`);
    fs.rmSync(summary.folder, { recursive: true });
  }
}

/** @param {Trial} trial @param {import('../dist/train/folder/summary.js').Summary} summary */
export function writeTrial({ arm, rate, file, config }, { best, refreshes }) {
  const course = Object.fromEntries(refreshes.map(({ step, dev }) => [step, Number(dev[best.measure].toFixed(4))]));
  const provenance = { commit: commitOf(), cpu: cpuModel() };
  writeJson(file, {
    ...provenance,
    arm,
    rate,
    configHash: configHash(config),
    measure: best.measure,
    dev: best.dev,
    bestStep: best.step,
    course,
  });
}

/** Remembers what a cell was made by. @param {string} file */
function stamp(file) {
  const provenance = `{\n  "commit": ${JSON.stringify(commitOf())},\n  "cpu": ${JSON.stringify(cpuModel())},\n`;
  writeFileAtomic(file, fs.readFileSync(file, 'utf8').replace('{\n', provenance));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { arms: { type: 'string' } } });
  const [set = 'medquad'] = positionals;
  if (!(set in SETS)) throw new Error(`${set}: no such set; expected one of ${Object.keys(SETS).join(', ')}`);
  await completeRecipes(/** @type {SetName} */ (set), values.arms?.split(','));
}
