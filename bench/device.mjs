/**
 * A training step, and the encoding of its passages, on the device of WebGPU beside PyTorch on the same GPU, in turns: in 32 bits beside PyTorch without and
 * with TF32, in halves beside its bf16; and the device's memory beside what `simans plan` predicts.
 *   node bench/device.mjs [--precision fp16] [--shape 'BERT-base 32×128'] [--parts 1] [--repeats 9] [--peer cuda] [--json]
 * `--parts n`: of the shape's batch every n-th part. SIMANS_PYTHON names a Python with torch and transformers; `--peer cpu` tries the program where there is
 * no GPU. Seconds are medians, and end when the device has.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { probeBackends, selectBackend, tf } from '../dist/backend/index.js';
import { flopsOf, partOf, shapeOf } from './shapes.mjs';
import { openStepPeer } from './stepPeer.mjs';
import { clock, median } from './timing.mjs';
import { openTrainer, TIMED_RATE } from './trainer.mjs';

/** What of PyTorch a precision is held against. @type {Record<import('../dist/backend/index.js').Precision, readonly string[]>} */
const MODES = { fp32: ['fp32', 'tf32'], fp16: ['bf16'] };

/**
 * Seconds of forward and backward, of both with AdamW, and of the vectors of the batch's passages.
 * @typedef {{ gradient: number, step: number, encode: number }} Times
 */
/**
 * @typedef {object} DeviceTiming
 * @property {string} shape
 * @property {string} device
 * @property {boolean} hardware
 * @property {Times} own
 * @property {number} flops floating-point operations of the products a second of `gradient`
 * @property {number} passagesASecond
 * @property {number} bytes on the device, what is kept for the next step included
 * @property {number} predictedBytes
 * @property {string} [version] of the peer
 * @property {number} [peerBytes]
 * @property {(Times & { mode: string, limitFlops: number })[]} beside the peer's, by mode; `limitFlops` is what it makes of one large product
 */

const { values: options } = parseArgs({
  options: {
    precision: { type: 'string', default: 'fp32' },
    shape: { type: 'string', default: 'BERT-base 32×128' },
    parts: { type: 'string', default: '1' },
    repeats: { type: 'string', default: '9' },
    peer: { type: 'string', default: 'cuda' },
    json: { type: 'boolean', default: false },
  },
});
if (!(options.precision in MODES)) throw new Error(`--precision ${options.precision}; expected one of ${Object.keys(MODES).join(', ')}`);
const precision = /** @type {keyof typeof MODES} */ (options.precision);
const shape = partOf(shapeOf(options.shape), Number(options.parts));
const probe = (await probeBackends()).find(({ name }) => name === 'webgpu');
if (!probe?.usable) throw new Error(`webgpu: ${probe?.whyNot}`);
await selectBackend('webgpu', precision);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-bench-'));
const timing = await measure();
fs.rmSync(folder, { recursive: true });
console.log(options.json ? JSON.stringify(timing) : timing);
process.exit();

/** @returns {Promise<DeviceTiming>} */
async function measure() {
  const trainer = await openTrainer(shape, 1, 'webgpu');
  const peer = await openStepPeer(trainer, shape, folder, { threads: 1, device: options.peer === 'cpu' ? 'cpu' : 'cuda' });
  const ownTimes = async () => ({
    gradient: await clock(() => trainer.gradient()),
    step: await clock(() => trainer.update(TIMED_RATE)),
    encode: await clock(() => trainer.encode()),
  });
  const rounds = [];
  for (let i = 0; i <= Number(options.repeats); i++) rounds.push({ own: await ownTimes(), beside: peer ? await besideTimes(peer) : [] });
  const counted = rounds.slice(1); // the first warms up
  const own = medians(counted.map((round) => round.own));
  const beside = MODES[precision].map((mode, i) => ({ mode, ...medians(counted.map((round) => round.beside[i])) }));
  const timed = {
    ...{ shape: options.shape, device: probe?.device ?? '', hardware: probe?.accelerated === true, own },
    ...{ flops: flopsOf(shape) / own.gradient, passagesASecond: shape.passages.sequences / own.encode },
    ...{ bytes: allocatedBytes(), predictedBytes: trainer.predictedBytes },
  };
  if (!peer) return { ...timed, beside: [] };
  const limits = [];
  for (const { mode, ...times } of beside) limits.push({ mode, ...times, limitFlops: (await peer.ask(`limit ${mode}`)).flops });
  const { bytes: peerBytes } = await peer.ask('memory');
  peer.end();
  return { ...timed, version: peer.version, peerBytes, beside: limits };
}

/** @param {import('./peer.mjs').Peer} peer */
async function besideTimes(peer) {
  const all = [];
  for (const mode of MODES[precision]) {
    const { gradient, update } = await peer.ask(`step ${mode}`);
    const { seconds } = await peer.ask(`encode ${mode}`);
    all.push({ gradient, step: gradient + update, encode: seconds });
  }
  return all;
}

/** @param {(Times | undefined)[]} all @returns {Times} */
function medians(all) {
  const of = (/** @type {keyof Times} */ what) => median(all.map((times) => times?.[what] ?? Number.NaN));
  return { gradient: of('gradient'), step: of('step'), encode: of('encode') };
}

/** Of the device's memory, with what TensorFlow.js keeps to use it again. */
function allocatedBytes() {
  const memory = /** @type {import('@tensorflow/tfjs').MemoryInfo & { numBytesAllocatedInGPU?: number }} */ (tf.memory());
  return memory.numBytesAllocatedInGPU ?? 0;
}
