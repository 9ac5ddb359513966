/**
 * What GradCache costs and saves: a step of MiniLM's shape (6 layers, 384 wide, vocabulary 30,522) on pairs of 64 tokens.
 *   node bench/gradcache.mjs --pairs 1024 --micro 16 --whole 64
 * In a process of its own the step of all `pairs` with GradCache: seconds and the largest resident set. In two others the step of `whole` pairs in one
 * piece and with GradCache: their ratio is the overhead. Two replicas, no dropout. Prints JSON.
 */
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { selectBackend } from '../dist/backend/index.js';
import { deriveKey, integer } from '../dist/core/random.js';
import { bertShape } from '../dist/encoders/architectures.js';
import { createDualEncoder } from '../dist/encoders/dualEncoder.js';
import { initialParameters } from '../dist/encoders/parameters.js';
import { predictedStepBytes } from '../dist/train/step/memory.js';
import { createOptimizer } from '../dist/train/step/optimizer.js';
import { Replicas } from '../dist/train/step/replicas.js';
import { createSharedMemory } from '../dist/train/step/sharedMemory.js';

const TOKENS = 64;
const VOCABULARY = 30_522;

const { values: options } = parseArgs({
  options: {
    pairs: { type: 'string', default: '1024' },
    micro: { type: 'string', default: '16' },
    whole: { type: 'string', default: '64' },
    one: { type: 'string' },
    recompute: { type: 'boolean', default: false },
  },
});

if (options.one)
  console.log(JSON.stringify(await measureOne(Number(options.pairs), options.one, Number(options.micro), options.recompute)));
else {
  const large = inProcess('gradCache', Number(options.pairs));
  const whole = inProcess('whole', Number(options.whole));
  const cached = inProcess('gradCache', Number(options.whole));
  const recomputed = inProcess('whole', Number(options.whole), ['--recompute']);
  console.log(JSON.stringify({ large, whole, cached, recomputed, overhead: cached.seconds / whole.seconds }));
}

/** @param {string} kind @param {number} pairs @param {string[]} more @returns {Awaited<ReturnType<typeof measureOne>>} */
function inProcess(kind, pairs, more = []) {
  const argv = [fileURLToPath(import.meta.url), '--one', kind, '--pairs', String(pairs), '--micro', options.micro, ...more];
  return JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));
}

/** The step's median seconds of up to three, after one that warms up where it is small. @param {number} pairs @param {string} kind @param {number} micro @param {boolean} recompute */
async function measureOne(pairs, kind, micro, recompute) {
  await selectBackend('onnx');
  const resident = process.memoryUsage().rss;
  const replicaCount = Math.min(2, os.availableParallelism());
  /** @type {import('../dist/encoders/dualEncoder.js').EncoderShape} */
  const shape = {
    transformer: bertShape({ layers: 6, width: 384, heads: 12, feedForward: 1536, vocabulary: VOCABULARY, positions: TOKENS }),
    towers: 'shared',
    pooling: 'mean',
    similarity: { cosine: { temperature: 0.05 } },
    dropout: { hidden: 0, attention: 0 },
    frozen: { embeddings: false, layers: 0 },
  };
  /** @type {import('../dist/train/step/sharedMemory.js').MemoryPlan} */
  const memory = { kind: /** @type {'whole' | 'gradCache'} */ (kind), microBatch: micro, chunkRows: 2 * micro, recompute };
  const table = tokens(pairs);
  const none = { ids: new Int32Array(0), offsets: new Uint32Array(1) };
  const shared = createSharedMemory(
    { replicas: replicaCount, seed: 1, padId: 0, encoder: shape, memory, loss: { kind: 'softmax' }, maxStepRows: 2 * pairs },
    { query: none, passage: none },
  );
  const replicas = await Replicas.create(shared, 'onnx');
  const initial = initialParameters(createDualEncoder(shape).specs, 1);
  const optimizer = createOptimizer(
    replicas,
    { parameters: initial },
    { optimizer: 'adamw', weightDecay: 0.01, clipNorm: 1, averageDecay: 0 },
  );
  const contrast = { target: Int32Array.from({ length: pairs }, (_, i) => i), mask: new Float32Array(pairs * pairs) };
  const batch = { step: 0, queries: table, passages: table, contrast };
  const times = [];
  for (let run = 0; run < (pairs > 256 ? 1 : 4); run++) {
    const begin = performance.now();
    await optimizer.step({ ...batch, step: run }, run, 1e-5);
    times.push((performance.now() - begin) / 1000);
  }
  const timed = times.length > 1 ? times.slice(1).sort((a, b) => a - b) : times;
  await replicas.dispose();
  return {
    kind: recompute ? `${kind}, layers recomputed` : kind,
    pairs,
    seconds: timed[Math.floor(timed.length / 2)],
    peakBytes: process.resourceUsage().maxRSS * 1024,
    measuredBytes: process.resourceUsage().maxRSS * 1024 - resident,
    predictedBytes: predictedStepBytes(shape, batch, memory, { replicas: replicaCount, averaged: false }),
  };
}

/** @param {number} rows */
function tokens(rows) {
  const key = deriveKey(1, 'bench tokens');
  const ids = Int32Array.from({ length: rows * TOKENS }, (_, i) => integer(key, 0, i, VOCABULARY));
  return { ids, offsets: Uint32Array.from({ length: rows + 1 }, (_, row) => row * TOKENS) };
}
