/**
 * Drawing negatives: queries a second for pools of K = 200, m = 15, beside a vectorised NumPy version (Gumbel keys and argpartition) and the published
 * loop (rounds with replacement until m are together), both in Python where there is one with NumPy. Each on one thread, in rounds of 1,000
 * queries, of which the fastest counts: whatever else the machine does then hardly does. NumPy's batches are of 200 queries, which its caches hold; those
 * of 10,000 take it up to four times as long.
 *   node bench/draw.mjs [--queries 500000] [--python python3] [--json]
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { deriveKey, threefry2x32 } from '../dist/core/random.js';
import { rowUniforms } from '../dist/core/threefrySimd.js';
import { createSampler } from '../dist/sampling/index.js';

const { values: options } = parseArgs({
  options: {
    queries: { type: 'string', default: '500000' },
    python: { type: 'string', default: 'python3' },
    json: { type: 'boolean', default: false },
  },
});
const [K, M, ROUND] = [200, 15, 1000];
const rounds = Math.ceil(Number(options.queries) / ROUND);

/** Pools are parts of the same scores, NumPy's of the same matrix: making them is not what is measured. */
const scores = Float32Array.from({ length: K + ROUND }, (_, i) => {
  const words = new Uint32Array(2);
  threefry2x32(deriveKey(1, 'bench'), i, 0, words);
  return (words[0] / 2 ** 32) * 10;
});
const passages = Int32Array.from({ length: K }, (_, i) => i);
const pools = Array.from({ length: ROUND }, (_, first) => ({
  query: 'q',
  passages,
  scores: scores.subarray(first, first + K),
  positiveScore: 5,
  positives: new Int32Array(0),
  corpusSize: 1e6,
}));

function ours() {
  const sampler = createSampler({ kind: 'simans', pool: K, a: 0.5, b: 0, kernel: 'squared' });
  const key = deriveKey(2, 'draw');
  let fastest = Infinity;
  for (let round = 0; round < rounds; round++) {
    const begin = performance.now();
    for (let i = 0; i < ROUND; i++) sampler.draw(pools[i], M, rowUniforms(key, round * ROUND + i));
    fastest = Math.min(fastest, performance.now() - begin);
  }
  return (ROUND / fastest) * 1000;
}

const NUMPY = `
import sys, time, json
import numpy as np
K, M, B, ROUND, rounds = ${K}, ${M}, 200, ${ROUND}, ${rounds}
rng = np.random.default_rng(1)
base = (rng.random((ROUND, K)) * 10).astype(np.float32)
def vectorised(n):
    for done in range(0, n, B):
        s = base[done:done + B]
        keys = -0.5 * (s - 5.0) ** 2 - np.log(-np.log(rng.random((B, K))))
        np.argpartition(-keys, M, axis=1)[:, :M]
import random
def published(n):
    for i in range(n):
        s = base[i].tolist()
        w = [2.718281828 ** (-0.5 * (x - 5.0) ** 2) for x in s]
        pool = list(range(K)); got = set()
        while len(got) < M:
            for d in random.choices(range(len(pool)), weights=w, k=M): got.add(pool[d])
            keep = [j for j, d in enumerate(pool) if d not in got]
            pool = [pool[j] for j in keep]; w = [w[j] for j in keep]
def fastest(draw, n, rounds):
    times = []
    for _ in range(rounds):
        t = time.perf_counter(); draw(n); times.append(time.perf_counter() - t)
    return n / min(times)
numpy = fastest(vectorised, ROUND, rounds)
loop = fastest(published, 50, 100)
print(json.dumps({"numpy": numpy, "loop": loop, "version": np.__version__}))
`;

const found = { queries: rounds * ROUND, ours: ours(), ...python() };
if (options.json) console.log(JSON.stringify(found));
else {
  console.log(`simans: ${Math.round(found.ours).toLocaleString('en')} queries/s (K ${K}, m ${M}), one thread`);
  if (found.numpy && found.loop) {
    console.log(
      `NumPy ${found.version}, vectorised: ${Math.round(found.numpy).toLocaleString('en')} queries/s; ratio ${(found.ours / found.numpy).toFixed(2)}`,
    );
    console.log(
      `the published loop in Python: ${Math.round(found.loop).toLocaleString('en')} queries/s; ratio ${(found.ours / found.loop).toFixed(1)}`,
    );
  } else console.log(`no Python with NumPy at ${options.python}: nothing to compare with (--python names one)`);
}

/** @returns {{ numpy?: number, loop?: number, version?: string }} */
function python() {
  const { status, stdout } = spawnSync(options.python ?? 'python3', ['-c', NUMPY], { encoding: 'utf8' });
  return status === 0 ? JSON.parse(stdout) : {};
}
