/**
 * Measures again what README and docs state.
 *   npm run claims -- loop                      every target of the loop; both examples are trained: twenty minutes
 *   npm run claims -- loop --only step.overGemm,resume.bitExact
 *   npm run claims -- loop --json
 *   npm run claims -- loop --full [apidocs|wordnet]   makes what is missing of the comparison tables first: an hour
 *   npm run claims -- encoders                 parity, tokenizers, GradCache, and the stored figures of a real checkpoint: ten minutes
 *   npm run claims -- encoders --full          makes those stored figures first: an hour, with Python (claims/minilm.mjs)
 *   npm run claims -- data                     metrics against trec_eval, BM25 against Lucene, formats, a million passages: five minutes
 *   npm run claims -- data --full              makes docs/metrics.md first, with SIMANS_DATA and TREC_EVAL (trec_eval 9.0.8)
 *   npm run claims -- sampling                 the law of the draws, their speed beside NumPy (SIMANS_PYTHON): a minute
 *   npm run claims -- sampling --full          makes what is missing of the stored gradient pilots and of the labs first: three hours
 *   npm run claims -- index                    exact search beside faiss (SIMANS_PYTHON), the graph on WordNet, the engines (SIMANS_PG_BIN, SIMANS_MILVUS_SERVER): ten minutes
 *   npm run claims -- index --full             trains what is missing of the stored refreshes beside the training first: forty minutes
 *   npm run claims -- recipes                  golden steps, two replicas against one, rankers read by transformers (SIMANS_PYTHON): three minutes
 *   npm run claims -- recipes --full           makes what is missing of the comparison of recipes on MedQuAD first: two hours (claims/recipesComparison.mjs)
 *   npm run claims -- speed                    steps, their memory, encoding, a refresh and tokenising beside Python (SIMANS_PYTHON): forty minutes
 *   npm run claims -- speed --full             makes what is missing of the stored encodings and of npm start before and now first: an hour
 *   npm run claims -- gpu                      WebGPU's numbers beside the CPU's, on whatever adapter there is: ten minutes on a software one
 * Where comparison.apidocs, sampling.lab or speed.encode.cls is among the targets, one stored cell of it is run again and compared.
 * Ends with "N met, N short, N not measured"; exits with 1 where one is short, 2 where one could not be measured.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { table } from '../dist/report/table.js';
import { completeness, completeTable, rerunOne, TABLES } from './comparison.mjs';
import { completeMetrics, measureBadInput, measureBm25, measureFormats, measureMillion, measureReferences, measureSets } from './data.mjs';
import { measureExactness, measureGradcache, measureParity, measureTokenizers } from './encoders.mjs';
import { measureMemory, measureNumbers, measureSpeed } from './gpu.mjs';
import { measureFaiss, measureGraph, measureIndexTests, measureRealServers, measureStreaming } from './index.mjs';
import { measureStart, measureWordnet } from './jobs.mjs';
import { completeLabs, rerunLab, storedLabs } from './lab.mjs';
import { completeMinilm, storedMinilm } from './minilm.mjs';
import { completePilot, storedPilot } from './pilot.mjs';
import { benchmark, commitOf, cpuModel, inTemporaryFolder, ROOT } from './processes.mjs';
import { measureCrossBatch, measureGoldenSteps, measureRankerFolder } from './recipes.mjs';
import { completeRecipes, recipesCompleteness } from './recipesComparison.mjs';
import { completeRefreshes, measureKilledRefresh, storedRefreshes } from './refresh.mjs';
import { measureResume } from './resume.mjs';
import { measureDraws, measureLaw, measureShare } from './sampling.mjs';
import {
  measureEncoding,
  measureMixed,
  measureRefresh,
  measureStarts,
  measureStepMemory,
  measureSteps,
  measureTokenising,
} from './speed.mjs';
import { completeSpeed, rerunBlock } from './speedCells.mjs';
import { documentText } from './table.mjs';
import { countLine, exitCodeOf, judge, TARGETS } from './verdicts.mjs';

/** @typedef {import('./verdicts.mjs').Measured} Measured */
/** @typedef {import('./comparison.mjs').TableName} TableName */

/** What may be measured, by the issue that asks for it. @type {Record<string, number>} */
const NAMES = { loop: 3, encoders: 4, data: 5, sampling: 6, index: 7, recipes: 8, speed: 9, gpu: 10 };

/** A measurement gives the values of all ids with one of its prefixes. @type {{ ids: RegExp, measure: () => Promise<Record<string, Measured>> }[]} */
const MEASUREMENTS = [
  { ids: /^(start|apidocs)\./, measure: measureStart },
  { ids: /^wordnet\./, measure: measureWordnet },
  { ids: /^step\./, measure: measureStep },
  { ids: /^resume\./, measure: measureResume },
  { ids: /^encoders\.(parity|gradients)/, measure: measureParity },
  { ids: /^encoders\.tokenizers/, measure: measureTokenizers },
  { ids: /^gradcache\.equality/, measure: measureExactness },
  { ids: /^gradcache\.(memory|overhead)/, measure: async () => measureGradcache() },
  { ids: /^data\.references/, measure: measureReferences },
  { ids: /^data\.bm25/, measure: measureBm25 },
  { ids: /^data\.roundtrip/, measure: measureFormats },
  { ids: /^data\.sets/, measure: measureSets },
  { ids: /^data\.million/, measure: measureMillion },
  { ids: /^data\.badInput/, measure: measureBadInput },
  { ids: /^sampling\.law/, measure: measureLaw },
  { ids: /^sampling\.over/, measure: measureDraws },
  { ids: /^sampling\.share/, measure: measureShare },
  { ids: /^sampling\.lab/, measure: async () => ({ 'sampling.lab': storedLabs() }) },
  { ids: /^sampling\.pilot/, measure: async () => ({ 'sampling.pilot': storedPilot() }) },
  { ids: /^index\.overFaiss/, measure: measureFaiss },
  { ids: /^index\.graphRecall/, measure: measureGraph },
  { ids: /^index\.(exactness|engine)/, measure: measureIndexTests },
  { ids: /^index\.real/, measure: measureRealServers },
  { ids: /^index\.killedRefresh/, measure: measureKilledRefresh },
  { ids: /^index\.async/, measure: async () => storedRefreshes() },
  { ids: /^index\.memoryFlat/, measure: measureStreaming },
  { ids: /^recipes\.goldenSteps/, measure: measureGoldenSteps },
  { ids: /^recipes\.crossBatch/, measure: measureCrossBatch },
  { ids: /^recipes\.rankerFolder/, measure: measureRankerFolder },
  { ids: /^recipes\.comparison/, measure: async () => ({ 'recipes.comparison': recipesCompleteness() }) },
  { ids: /^speed\.(step|loss|gradient)/, measure: measureSteps },
  { ids: /^speed\.mixed/, measure: measureMixed },
  { ids: /^speed\.memoryPlan/, measure: measureStepMemory },
  { ids: /^speed\.(encode|int8Recall)/, measure: measureEncoding },
  { ids: /^speed\.(refresh|tokeniseShare)/, measure: measureRefresh },
  { ids: /^speed\.tokenise$/, measure: measureTokenising },
  { ids: /^speed\.start/, measure: measureStarts },
  { ids: /^gpu\.(loss|gradient|memoryFlat)/, measure: measureNumbers },
  { ids: /^gpu\.memoryPlan/, measure: measureMemory },
  { ids: /^gpu\.(quickstart|step|encode)/, measure: measureSpeed },
  { ids: /^minilm\./, measure: async () => storedMinilm() },
  {
    ids: /^comparison\./,
    measure: async () => ({ 'comparison.apidocs': completeness('apidocs'), 'comparison.wordnet': completeness('wordnet') }),
  },
];

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
  },
});
const [name] = positionals;
const targets = chosenTargets();
const tables = chosenTables();

if (options.full && name === 'encoders') await completeMinilm();
else if (options.full && name === 'data') await completeMetrics();
else if (options.full && name === 'recipes') await completeRecipes('medquad');
else if (options.full && name === 'sampling') {
  await completePilot();
  await completeLabs();
} else if (options.full && name === 'speed') await completeSpeed();
else if (options.full && name === 'index') await completeRefreshes();
else if (options.full) await makeTables();
const measured = await measureAll();
const rows = judge(targets, measured);
/** What runs a stored cell again, by the target that rests on such cells. */
const RERUNNERS = { 'comparison.apidocs': rerunOne, 'sampling.lab': rerunLab, 'speed.encode.cls': rerunBlock };
const rerunner = Object.entries(RERUNNERS).find(([id]) => targets.some((target) => target.id === id))?.[1];
const rerun =
  rerunner && !options.full
    ? await inTemporaryFolder(rerunner).catch((error) => ({ differs: true, text: `failed: ${error.message}` }))
    : undefined;
if (options.json) {
  console.log(
    JSON.stringify({ commit: commitOf(), cpu: cpuModel(), cores: os.availableParallelism(), node: process.version, rows, rerun }, null, 2),
  );
  console.error(countLine(rows));
} else {
  console.log(report());
}
process.exitCode = rerun?.differs ? 1 : exitCodeOf(rows);

/** The targets to judge; one that another is relative to comes along. */
function chosenTargets() {
  if (!Object.hasOwn(NAMES, name ?? '')) usage(`${name ?? 'nothing'} to measure; expected one of ${Object.keys(NAMES).join(', ')}`);
  const own = TARGETS.filter(({ issue }) => issue === NAMES[name]);
  if (options.only === undefined) return own;
  const ids = options.only.split(',');
  const unknown = ids.filter((id) => !own.some((target) => target.id === id));
  if (unknown.length > 0) usage(`--only ${unknown.join(',')}; expected some of ${own.map(({ id }) => id).join(', ')}`);
  const bases = own.filter(({ id }) => ids.includes(id)).flatMap((target) => [target.times, target.while]);
  return own.filter(({ id }) => ids.includes(id) || bases.includes(id));
}

/** @returns {TableName[]} */
function chosenTables() {
  const known = /** @type {TableName[]} */ (Object.keys(TABLES));
  const wanted = positionals.slice(1);
  const unknown = wanted.filter((name) => !known.includes(/** @type {TableName} */ (name)));
  if (unknown.length > 0 || (wanted.length > 0 && !options.full))
    usage(`${wanted.join(' ')} after ${name}; expected loop --full with ${known.join(' or ')}`);
  return wanted.length > 0 ? /** @type {TableName[]} */ (wanted) : known;
}

async function makeTables() {
  const failed = [];
  for (const name of tables) failed.push(...(await completeTable(name)));
  fs.writeFileSync(path.join(ROOT, 'docs', 'comparison.md'), documentText());
  if (failed.length > 0) console.error(`failed: ${failed.join(', ')}; run the same command again to go on`);
}

/** Every measurement that a chosen target needs; one that fails leaves its ids unmeasured, with the reason. */
async function measureAll() {
  /** @type {Record<string, Measured>} */
  const found = {};
  for (const { ids, measure } of MEASUREMENTS) {
    const wanted = targets.filter(({ id }) => ids.test(id));
    if (wanted.length === 0) continue;
    try {
      Object.assign(found, await measure());
    } catch (error) {
      const note = error instanceof Error ? error.message.split('\n')[0] : String(error);
      for (const { id } of wanted) found[id] = { note };
    }
  }
  return found;
}

async function measureStep() {
  const timing = /** @type {import('../bench/step.mjs').StepTiming} */ (benchmark('step.mjs', '--replicas', '1'));
  const { gradient, limit, repeats } = timing;
  const note = `${gradient.toFixed(3)} s over ${limit?.toFixed(3)} s, medians of ${repeats}, one thread`;
  return { 'step.overGemm': { ...(limit !== undefined && { value: gradient / limit }), note } };
}

function report() {
  const lines = rows.map(({ id, value, unit, target, verdict }) => [
    id,
    value === undefined ? '' : `${Number(value.toPrecision(4))}${unit ? ` ${unit}` : ''}`,
    target,
    verdict,
  ]);
  const notes = rows.filter(({ note }) => note !== '').map(({ id, note }) => `${id}: ${note}`);
  return [
    `${cpuModel()}, ${os.availableParallelism()} cores, Node ${process.version}, commit ${commitOf()}`,
    '',
    table(['id', 'value', 'target', 'verdict'], lines),
    '',
    ...notes,
    ...(rerun ? [`rerun: ${rerun.text}`] : []),
    '',
    countLine(rows),
  ].join('\n');
}

/** @param {string} problem @returns {never} */
function usage(problem) {
  console.error(`claims: ${problem}. npm run claims -- ${Object.keys(NAMES).join('|')} [--only id,…] [--json] [--full [apidocs|wordnet]]`);
  process.exit(64);
}
