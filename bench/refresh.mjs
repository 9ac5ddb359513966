/**
 * A refresh end to end on WordNet's passages, 117,791 of them: the first one of a job (bench/refresh.yaml), from texts to pools on disk, beside a script of
 * sentence-transformers and faiss that encodes and searches the same texts.
 *   SIMANS_MINILM=FOLDER node bench/refresh.mjs [--threads 2] [--json]
 * SIMANS_PYTHON names a Python with sentence-transformers and faiss-cpu.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadConfig } from '../dist/config/load.js';
import { loadDataset } from '../dist/data/index.js';
import { trainJob } from '../dist/train/job.js';
import { comingQueries } from '../dist/train/refresh/refresh.js';
import { readRefresh } from '../dist/train/refresh/refreshFolder.js';
import { minilm } from './minilm.mjs';
import { startPeer } from './peer.mjs';

/** @typedef {import('../dist/config/schema.js').RunConfig} RunConfig */
/** @typedef {import('../dist/data/types.js').Dataset} Dataset */

const CANDIDATES = 200; // sampler.pool
/** Of our pools, which must be among the peer's CANDIDATES: filters take some away, and those behind move up. */
const COMPARED = 100;

const { values: options } = parseArgs({
  options: { threads: { type: 'string', default: String(os.availableParallelism()) }, json: { type: 'boolean', default: false } },
});
const threads = Number(options.threads);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-refresh-'));
try {
  const found = await measure(minilm(path.join(folder, 'model'), { pooling: 'cls', maxTokens: 64 }));
  if (options.json) console.log(JSON.stringify(found));
  else print(found);
} finally {
  fs.rmSync(folder, { recursive: true });
}

/** @param {string} model */
async function measure(model) {
  const sets = [`encoder.init=${model}`, `jobsFolder=${path.join(folder, 'jobs')}`, `train.replicas=${threads}`];
  const config = loadConfig(fileURLToPath(new URL('./refresh.yaml', import.meta.url)), sets);
  const { seconds, tokenising } = await firstRefresh(config);
  const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
  const dataset = await loadDataset(config.data, { seed: config.seed, cacheFolder: folder });
  const { train, dev } = dataset.splits;
  const coming = comingQueries(config, dataset, 0, config.train.steps);
  const rows = [...Array.from(coming, (place) => train.rows[place]), ...dev.rows];
  const peer = await startPeer('refresh.py', [model, String(threads)], { threads });
  const found = { passages: dataset.corpus.size, queries: rows.length, threads, seconds, tokenising, peakMemoryBytes };
  if (!peer) return found;
  const [file, into] = [path.join(folder, 'texts.json'), path.join(folder, 'ids.bin')];
  const texts = (/** @type {import('../dist/data/types.js').Texts} */ all, /** @type {Iterable<number>} */ of) =>
    Array.from(of, (row) => all.text(row));
  fs.writeFileSync(
    file,
    JSON.stringify({ passages: texts(dataset.corpus, Array(dataset.corpus.size).keys()), queries: texts(dataset.queries, rows) }),
  );
  const { encoding, searching } = await peer.ask(`${file} ${CANDIDATES} ${into}`);
  peer.end();
  const { buffer } = fs.readFileSync(into);
  return {
    ...found,
    peer: { version: peer.version, encoding, searching, seconds: encoding + searching },
    overPeer: (encoding + searching) / seconds,
    alike: alike(config, rows, new Int32Array(buffer)),
  };
}

/** Seconds from texts in memory to the first refresh on disk, and of tokenising among them; the job ends there. @param {RunConfig} config */
async function firstRefresh(config) {
  /** @type {number[]} when tokenising began and ended, twice */
  const tokenising = [];
  const now = () => performance.now() / 1000;
  let end = 0;
  const abort = new AbortController();
  await trainJob(config, {
    resume: false,
    signal: abort.signal,
    reporter: {
      phase: (name) => {
        const note = () => {
          if (name.startsWith('tokenise')) tokenising.push(now());
        };
        note();
        return { update() {}, end: note };
      },
      line: (text) => {
        if (!text.startsWith('refresh 0 at step 0')) return;
        end = now();
        abort.abort();
      },
    },
  });
  const [a, b, c, d] = tokenising;
  return { seconds: end - a, tokenising: b - a + (d - c) };
}

/** The share of the pools' first candidates that the peer found too. @param {RunConfig} config @param {number[]} queries rows, as the peer has them @param {Int32Array} ids */
function alike(config, queries, ids) {
  const { rows, passages, k } =
    readRefresh(path.join(config.jobsFolder, config.name), 0)?.pools ??
    (() => {
      throw new Error('no pools');
    })();
  const places = new Map(queries.map((row, place) => [row, place]));
  let common = 0;
  rows.forEach((row, i) => {
    const place = /** @type {number} */ (places.get(row));
    const theirs = new Set(ids.subarray(place * CANDIDATES, (place + 1) * CANDIDATES));
    for (const passage of passages.subarray(i * k, i * k + COMPARED)) if (theirs.has(passage)) common++;
  });
  return common / (rows.length * COMPARED);
}

/** @param {Awaited<ReturnType<typeof measure>>} found */
function print({ passages, queries, threads: used, seconds, tokenising, peakMemoryBytes, ...found }) {
  console.log(
    `${passages.toLocaleString('en')} passages, ${queries.toLocaleString('en')} queries, ${used} threads: ${seconds.toFixed(1)} s from texts to pools on disk, ${tokenising.toFixed(1)} s of them tokenising; peak ${(peakMemoryBytes / 1e9).toFixed(2)} GB`,
  );
  if ('peer' in found)
    console.log(
      `${found.peer.version}: ${found.peer.encoding.toFixed(1)} s encoding, ${found.peer.searching.toFixed(1)} s searching; ratio ${found.overPeer.toFixed(2)}; ${(100 * found.alike).toFixed(2)} % of the pools' first ${COMPARED} are among the peer's ${CANDIDATES}`,
    );
  else console.log('no Python with sentence-transformers and faiss (SIMANS_PYTHON): nothing to compare with');
}
