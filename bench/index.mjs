/**
 * Searching vectors: queries a second of the exact index beside faiss-cpu's flat index, and of the graph beside the exact index, on one thread each.
 *   node bench/index.mjs [--passages 1000000] [--width 384] [--queries 512] [--k 200] [--graph 100000] [--python python3] [--json]
 * `--graph`: passages of the graph's comparison; 0 leaves it out.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { selectBackend } from '../dist/backend/index.js';
import { silentReporter } from '../dist/core/reporter.js';
import { chooseIndex } from '../dist/index/choice.js';
import { ExactIndex, QUERY_BLOCK } from '../dist/index/exact.js';
import { HnswIndex } from '../dist/index/hnsw.js';

const { values: options } = parseArgs({
  options: {
    passages: { type: 'string', default: '1000000' },
    width: { type: 'string', default: '384' },
    queries: { type: 'string', default: '512' },
    k: { type: 'string', default: '200' },
    graph: { type: 'string', default: '100000' },
    python: { type: 'string', default: 'python3' },
    json: { type: 'boolean', default: false },
  },
});
const [N, D, Q, K, G] = [options.passages, options.width, options.queries, options.k, options.graph].map(Number);

/** Unit vectors around one centre for fifty of them; a linear congruential generator, for a billion numbers are wanted. @param {number} rows @param {number} seed */
function unitVectors(rows, seed) {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  };
  const centres = new Float32Array(Math.max(1, Math.ceil(N / 50)) * D);
  let at = 7;
  for (let i = 0; i < centres.length; i++) {
    at = (Math.imul(at, 1664525) + 1013904223) | 0;
    centres[i] = at / 2 ** 31;
  }
  const values = new Float32Array(rows * D);
  const count = centres.length / D;
  for (let row = 0; row < rows; row++) {
    const centre = ((Math.imul(row, 2654435761) >>> 0) % count) * D;
    let squares = 0;
    for (let d = 0; d < D; d++) {
      const value = centres[centre + d] + 0.7 * next();
      values[row * D + d] = value;
      squares += value * value;
    }
    const norm = Math.sqrt(squares);
    for (let d = 0; d < D; d++) values[row * D + d] /= norm;
  }
  return { values, width: D };
}

const queries = unitVectors(Q, 3);
const rows = Int32Array.from({ length: Q }, (_, row) => row);

/** @param {{ search: ExactIndex['search'] }} index @param {Int32Array} asked */
function timeSearch(index, asked) {
  index.search(queries, asked.subarray(0, 8), K, 1); // warm
  const begin = performance.now();
  const passages = new Int32Array(asked.length * K);
  for (let at = 0; at < asked.length; at += QUERY_BLOCK)
    passages.set(index.search(queries, asked.subarray(at, at + QUERY_BLOCK), K, 1).passages, at * K);
  return { seconds: (performance.now() - begin) / 1000, passages };
}

function exact() {
  const index = new ExactIndex(unitVectors(N, 5));
  const { seconds } = timeSearch(index, rows);
  index.dispose();
  return { exact: Q / seconds, exactSecondsAScore: seconds / (Q * N) };
}

async function graph() {
  if (G === 0) return {};
  const vectors = unitVectors(G, 5);
  const flat = new ExactIndex(vectors);
  const truth = timeSearch(flat, rows);
  flat.dispose();
  const expansion = Math.max(K, 200);
  const begin = performance.now();
  const built = await HnswIndex.build(
    vectors,
    { connectivity: 16, addExpansion: 128, searchExpansion: expansion, threads: 1 },
    silentReporter.phase('', 1, ''),
  );
  const buildSeconds = (performance.now() - begin) / 1000;
  const found = timeSearch(built, rows);
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

const FAISS = `
import json, time
import numpy as np, faiss
faiss.omp_set_num_threads(1)
rng = np.random.default_rng(1)
x = rng.standard_normal((${N}, ${D}), dtype=np.float32)
q = rng.standard_normal((${Q}, ${D}), dtype=np.float32)
index = faiss.IndexFlatIP(${D}); index.add(x)
index.search(q[:8], ${K})
t = time.perf_counter(); index.search(q, ${K}); print(json.dumps({"faiss": ${Q} / (time.perf_counter() - t), "version": faiss.__version__}))
`;

/** @returns {{ faiss?: number, version?: string }} */
function python() {
  const { status, stdout } = spawnSync(options.python ?? 'python3', ['-c', FAISS], {
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  });
  return status === 0 ? JSON.parse(stdout) : {};
}

const { name: backend } = await selectBackend('auto');
const found = {
  backend,
  passages: N,
  width: D,
  k: K,
  ...exact(),
  ...(await graph()),
  ...python(),
  peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
};
if (options.json) console.log(JSON.stringify(found));
else {
  console.log(
    `exact (${backend}): ${found.exact.toFixed(1)} queries/s over ${N.toLocaleString('en')} × ${D}, K ${K}, one thread; peak ${(found.peakMemoryBytes / 1e9).toFixed(2)} GB`,
  );
  if (found.faiss)
    console.log(`faiss ${found.version}, flat: ${found.faiss.toFixed(1)} queries/s; ratio ${(found.exact / found.faiss).toFixed(2)}`);
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
