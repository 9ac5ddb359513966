/**
 * Searching vectors: queries a second of the exact index beside faiss-cpu's flat index, in turns on the same vectors, and of the graph beside the exact
 * index, on one thread each; in seconds of the processor, for the machine may be shared.
 *   node bench/index.mjs [--passages 1000000] [--width 384] [--queries 512] [--k 200] [--repeats 5] [--graph 100000] [--python python3] [--json]
 * `--graph`: passages of the graph's comparison; 0 leaves it out.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { selectBackend } from '../dist/backend/index.js';
import { silentReporter } from '../dist/core/reporter.js';
import { chooseIndex } from '../dist/index/choice.js';
import { ExactIndex } from '../dist/index/exact.js';
import { HnswIndex } from '../dist/index/hnsw.js';
import { startFaiss } from './faiss.mjs';
import { unitVectors } from './generated.mjs';
import { median } from './timing.mjs';

const { values: options } = parseArgs({
  options: {
    passages: { type: 'string', default: '1000000' },
    width: { type: 'string', default: '384' },
    queries: { type: 'string', default: '512' },
    k: { type: 'string', default: '200' },
    repeats: { type: 'string', default: '5' },
    graph: { type: 'string', default: '100000' },
    python: { type: 'string', default: 'python3' },
    json: { type: 'boolean', default: false },
  },
});
const [N, D, Q, K, R, G] = [options.passages, options.width, options.queries, options.k, options.repeats, options.graph].map(Number);
const queries = { values: unitVectors(Q, 3, { centres: N / 50, width: D }), width: D };
const rows = Int32Array.from({ length: Q }, (_, row) => row);
const passages = (/** @type {number} */ count) => ({ values: unitVectors(count, 5, { centres: N / 50, width: D }), width: D });

/** @param {ExactIndex | HnswIndex} index */
async function timeSearch(index) {
  const begin = process.cpuUsage();
  const { passages } = await index.search(queries, rows, K, 1);
  const { user, system } = process.cpuUsage(begin);
  return { seconds: (user + system) / 1e6, passages };
}

/** Own and faiss's searches in turns. */
async function exact() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-bench-'));
  try {
    const all = passages(N);
    const index = new ExactIndex(all);
    await index.search(queries, rows.subarray(0, 8), K, 1); // warm
    const faiss = await startFaiss(options.python, folder, { queries, passages: all, k: K });
    /** @type {{ own: number[], peer: number[] }} */
    const seconds = { own: [], peer: [] };
    for (let i = 0; i < R; i++) {
      seconds.own.push((await timeSearch(index)).seconds);
      if (faiss) seconds.peer.push(await faiss.search());
    }
    faiss?.end();
    const own = median(seconds.own);
    const ratios = seconds.peer.map((peer, i) => peer / seconds.own[i]);
    return {
      exact: Q / own,
      exactSecondsAScore: own / (Q * N),
      repeats: R,
      ...(faiss && { faiss: Q / median(seconds.peer), version: faiss.version, overFaiss: median(ratios) }),
    };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

async function graph() {
  if (G === 0) return {};
  const vectors = passages(G);
  const flat = new ExactIndex(vectors);
  const truth = await timeSearch(flat);
  const expansion = Math.max(K, 200);
  const begin = performance.now();
  const built = await HnswIndex.build(
    vectors,
    { connectivity: 16, addExpansion: 128, searchExpansion: expansion, threads: 1 },
    silentReporter.phase('', 1, ''),
  );
  const buildSeconds = (performance.now() - begin) / 1000;
  const found = await timeSearch(built);
  let common = 0;
  for (let q = 0; q < Q; q++) {
    const best = new Set(truth.passages.subarray(q * K, (q + 1) * K));
    for (const passage of found.passages.subarray(q * K, (q + 1) * K)) if (best.has(passage)) common++;
  }
  return {
    graph: {
      passages: G,
      recall: common / (Q * K),
      buildSeconds,
      queriesASecond: Q / found.seconds,
      overExact: truth.seconds / found.seconds,
      predicted: chooseIndex({ passages: G, queries: Q, width: D, expansion }).seconds,
      measured: { exact: truth.seconds, hnsw: buildSeconds + found.seconds },
    },
  };
}

const { name: backend } = await selectBackend('auto');
const found = { backend, passages: N, width: D, k: K, ...(await exact()), ...(await graph()) };
const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
if (options.json) console.log(JSON.stringify({ ...found, peakMemoryBytes }));
else {
  console.log(
    `exact (${backend}): ${found.exact.toFixed(1)} queries/s over ${N.toLocaleString('en')} × ${D}, K ${K}, one thread's time; peak ${(peakMemoryBytes / 1e9).toFixed(2)} GB`,
  );
  if (found.faiss && found.overFaiss)
    console.log(
      `faiss ${found.version}, flat: ${found.faiss.toFixed(1)} queries/s; ratio ${found.overFaiss.toFixed(2)}, median of ${R} pairs in turns`,
    );
  else console.log(`no Python with faiss at ${options.python}: nothing to compare with (--python names one)`);
  if (found.graph) {
    const { passages, recall, buildSeconds, queriesASecond, overExact, predicted, measured } = found.graph;
    console.log(
      `graph over ${passages.toLocaleString('en')}: built in ${buildSeconds.toFixed(1)} s, ${queriesASecond.toFixed(0)} queries/s, ${overExact.toFixed(1)} × exact, recall@${K} ${recall.toFixed(4)}`,
    );
    console.log(
      `the planner: exact ${predicted.exact.toFixed(2)} s (measured ${measured.exact.toFixed(2)}), graph ${predicted.hnsw.toFixed(2)} s (measured ${measured.hnsw.toFixed(2)})`,
    );
  }
}
