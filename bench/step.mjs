/**
 * One training step of one shape: forward and backward, and with AdamW; beside PyTorch's in turns and beside its matrix products alone.
 *   node bench/step.mjs --shape 'MiniLM-L6 16×64' [--backend onnx] [--replicas 2] [--repeats 9] [--equal 10] [--json]
 * `--equal n`: loss and gradient of n states of a short training are held against PyTorch's on the same batch. SIMANS_PYTHON names a Python with
 * torch and transformers; without it there is no peer. Peak memory is the process's own. Of mixed lengths the peer pads each side to its longest, as its users do.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { selectBackend } from '../dist/backend/index.js';
import { bytesOf } from '../dist/core/files.js';
import { openLimit } from './limit.mjs';
import { flopsOf, isMixed, partOf, sequencesOf, shapeOf } from './shapes.mjs';
import { openStepPeer } from './stepPeer.mjs';
import { clock, median } from './timing.mjs';
import { largestDifferences, openTrainer, statesOf, TIMED_RATE } from './trainer.mjs';

/** @typedef {import('./shapes.mjs').StepShape} StepShape */
/** @typedef {import('./trainer.mjs').Trainer} Trainer */

/**
 * Seconds are medians.
 * @typedef {object} StepTiming
 * @property {string} shape
 * @property {number} sequences as timed: a slow backend gets two
 * @property {number} whole sequences of the shape
 * @property {string} backend
 * @property {number} replicas
 * @property {number} repeats
 * @property {number} gradient forward and backward
 * @property {number} step with AdamW
 * @property {number} gflops 10⁹ floating-point operations of the products a second of `gradient`
 * @property {number} peakMemoryBytes
 * @property {number} [limit] the products alone on as many threads; backend onnx only, and sequences of one length
 * @property {{ version: string, gradient: number, step: number, peakMemoryBytes: number }} [peer]
 * @property {{ states: number, loss: number, gradient: number }} [difference] the largest from the peer's, relative
 */

/** Seconds of a step beyond which two sequences are timed instead, once. */
const SLOW_STEP = 15;
/** Of the short training whose states are compared: at 5e-6 BERT-base learns the one batch in six steps, and a loss of 1e-5 is rounding alone. */
const STATE_RATE = 1e-6;
const PAUSE = 60; // milliseconds that let the other's threads come to rest

const { values: options } = parseArgs({
  options: {
    shape: { type: 'string', default: 'MiniLM-L6 16×64' },
    backend: { type: 'string', default: 'onnx' },
    replicas: { type: 'string' },
    repeats: { type: 'string', default: '9' },
    equal: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
  },
});
const backend = /** @type {import('../dist/backend/index.js').BackendName} */ (options.backend);
const shape = shapeOf(options.shape);
// Replicas share memory: on backends without onnxruntime one thread computes.
const replicas = Number(options.replicas ?? (backend === 'onnx' ? Math.min(2, os.availableParallelism()) : 1));
await selectBackend(backend);
const timing = await measure();
console.log(options.json ? JSON.stringify(timing) : timing);
process.exit();

/** @returns {Promise<StepTiming>} */
async function measure() {
  if (backend !== 'onnx') {
    const pair = partOf(shape, shape.queries.sequences);
    const seconds = await timedOnce(pair);
    if ((seconds * sequencesOf(shape)) / 2 > SLOW_STEP) return summary(pair, { gradient: [seconds], step: [seconds], limit: [], peer: [] });
  }
  const trainer = await openTrainer(shape, replicas, backend);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-bench-'));
  try {
    const peer = backend === 'onnx' ? await openStepPeer(trainer, shape, folder, { threads: replicas, device: 'cpu' }) : undefined;
    const limit = backend === 'onnx' && !isMixed(shape) ? await openLimit(shape, replicas) : undefined;
    const times = await takeTurns(trainer, peer, limit);
    const peakOfPeer = peer && (await peer.ask('memory')).bytes;
    const timed = summary(shape, times, peer && { version: peer.version, peakMemoryBytes: peakOfPeer });
    const difference = peer && Number(options.equal) > 0 ? await compare(trainer, peer, folder, Number(options.equal)) : undefined;
    peer?.end();
    return { ...timed, ...(difference && { difference }) };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** @param {StepShape} pair */
async function timedOnce(pair) {
  const trainer = await openTrainer(pair, 1, backend);
  const seconds = await clock(async () => void (await trainer.gradient()));
  await trainer.dispose();
  return seconds;
}

/** @param {Trainer} trainer @param {import('./peer.mjs').Peer | undefined} peer @param {(() => Promise<void>) | undefined} limit */
async function takeTurns(trainer, peer, limit) {
  /** @type {Times} */
  const times = { gradient: [], step: [], limit: [], peer: [] };
  const rest = () => new Promise((resolve) => setTimeout(resolve, PAUSE));
  await trainer.update(TIMED_RATE); // warms up
  for (let i = 0; i < Number(options.repeats); i++) {
    times.gradient.push(await clock(async () => void (await trainer.gradient())));
    times.step.push(await clock(async () => void (await trainer.update(TIMED_RATE))));
    if (limit) times.limit.push(await clock(limit));
    await rest();
    if (peer) times.peer.push(await peer.ask('step fp32'));
    await rest();
  }
  return times;
}

/** @typedef {{ gradient: number[], step: number[], limit: number[], peer: { gradient: number, update: number }[] }} Times */

/** @param {StepShape} timed @param {Times} times @param {{ version: string, peakMemoryBytes: number }} [peer] @returns {StepTiming} */
function summary(timed, times, peer) {
  const gradient = median(times.gradient);
  return {
    ...{
      shape: options.shape,
      sequences: sequencesOf(timed),
      whole: sequencesOf(shape),
      backend,
      replicas,
      repeats: times.gradient.length,
    },
    ...{ gradient, step: median(times.step), gflops: flopsOf(timed) / gradient / 1e9 },
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    ...(times.limit.length > 0 && { limit: median(times.limit) }),
    ...(peer && {
      peer: {
        ...peer,
        gradient: median(times.peer.map(({ gradient }) => gradient)),
        step: median(times.peer.map(({ gradient, update }) => gradient + update)),
      },
    }),
  };
}

/**
 * The largest differences from the peer's over `states` states of a short training.
 * @param {Trainer} trainer @param {import('./peer.mjs').Peer} peer @param {string} folder @param {number} states
 */
async function compare(trainer, peer, folder, states) {
  const [file, into] = ['state', 'gradient'].map((name) => path.join(folder, name));
  return largestDifferences(trainer, await statesOf(trainer, states, STATE_RATE), async (parameters) => {
    fs.writeFileSync(file, bytesOf(parameters));
    const { loss } = await peer.ask(`gradient ${file} ${into}`);
    const bytes = fs.readFileSync(into);
    return { loss, gradient: new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) };
  });
}
