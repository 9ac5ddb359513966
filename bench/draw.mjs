/**
 * Drawing negatives: queries a second for pools of K = 200, m = 15, beside a vectorised NumPy version (Gumbel keys and argpartition) and the published
 * loop (rounds with replacement until m are together), both in Python where there is one with NumPy.
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
const [Q, K, M] = [Number(options.queries), 200, 15];

/** Pools share their scores, of which each query sees another stretch: generating them is not what is measured. */
const scores = Float32Array.from({ length: K + 1000 }, (_, i) => {
  const words = new Uint32Array(2);
  threefry2x32(deriveKey(1, 'bench'), i, 0, words);
  return (words[0] / 2 ** 32) * 10;
});
const passages = Int32Array.from({ length: K }, (_, i) => i);

function ours() {
  const sampler = createSampler({ kind: 'simans', pool: K, a: 0.5, b: 0, kernel: 'squared' });
  const key = deriveKey(2, 'draw');
  const draw = (/** @type {number} */ row) => {
    const pool = {
      query: 'q',
      passages,
      scores: scores.subarray(row % 1000, (row % 1000) + K),
      positiveScore: 5,
      positives: new Int32Array(0),
      corpusSize: 1e6,
    };
    return sampler.draw(pool, M, rowUniforms(key, row));
  };
  for (let row = 0; row < 2000; row++) draw(row);
  const begin = performance.now();
  for (let row = 0; row < Q; row++) draw(row);
  return (Q / (performance.now() - begin)) * 1000;
}

const NUMPY = `
import sys, time, json
import numpy as np
Q, K, M, B = ${Q}, ${K}, ${M}, 10000
rng = np.random.default_rng(1)
base = (rng.random((1000, K)) * 10).astype(np.float32)
def vectorised(n):
    done = 0
    while done < n:
        b = min(B, n - done)
        s = base[np.arange(done, done + b) % 1000]
        keys = -0.5 * (s - 5.0) ** 2 - np.log(-np.log(rng.random((b, K))))
        np.argpartition(-keys, M, axis=1)[:, :M]
        done += b
vectorised(B)
t = time.perf_counter(); vectorised(Q); numpy = Q / (time.perf_counter() - t)
import random
def published(n):
    for i in range(n):
        s = base[i % 1000].tolist()
        w = [2.718281828 ** (-0.5 * (x - 5.0) ** 2) for x in s]
        pool = list(range(K)); got = set()
        while len(got) < M:
            for d in random.choices(range(len(pool)), weights=w, k=M): got.add(pool[d])
            keep = [j for j, d in enumerate(pool) if d not in got]
            pool = [pool[j] for j in keep]; w = [w[j] for j in keep]
n = min(Q, 5000)
t = time.perf_counter(); published(n); loop = n / (time.perf_counter() - t)
print(json.dumps({"numpy": numpy, "loop": loop, "version": np.__version__}))
`;

const found = { queries: Q, ours: ours(), ...python() };
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
