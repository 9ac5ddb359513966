/**
 * What a training step takes of memory beside what `simans plan` and a job predict, by shape and replicas, each in a process of its own.
 *   node bench/memory.mjs [--shape 'MiniLM-L6 16×64'] [--json]
 * Without `--shape` all of shapes.mjs. Measured is the largest resident set of three steps less what was resident before the weights were made, and less the
 * start of the weights, which the benchmark keeps. The factors of src/train/step/memory.ts are fitted to this.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { selectBackend } from '../dist/backend/index.js';
import { MIXED, SHAPES, shapeOf } from './shapes.mjs';
import { openTrainer, TIMED_RATE } from './trainer.mjs';

const REPLICAS = [1, 2];
const STEPS = 3;

/** Bytes. @typedef {{ shape: string, replicas: number, parameters: number, measured: number, predicted: number }} StepMemory */

const { values: options } = parseArgs({
  options: { shape: { type: 'string' }, replicas: { type: 'string' }, json: { type: 'boolean', default: false } },
});

if (options.shape && options.replicas) console.log(JSON.stringify(await measured(options.shape, Number(options.replicas))));
else {
  const names = options.shape ? [options.shape] : Object.keys({ ...SHAPES, ...MIXED });
  const rows = names.flatMap((name) => REPLICAS.map((replicas) => inProcess(name, replicas)));
  if (options.json) console.log(JSON.stringify(rows));
  else for (const row of rows) console.log(lineOf(row));
}
process.exit();

/** @param {string} name @param {number} replicas @returns {StepMemory} */
function inProcess(name, replicas) {
  const argv = [fileURLToPath(import.meta.url), '--shape', name, '--replicas', String(replicas)];
  return JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));
}

/** @param {string} name @param {number} replicas @returns {Promise<StepMemory>} */
async function measured(name, replicas) {
  await selectBackend('onnx');
  const before = process.memoryUsage().rss;
  const trainer = await openTrainer(shapeOf(name), replicas, 'onnx');
  for (let step = 0; step < STEPS; step++) await trainer.update(TIMED_RATE);
  const { parameters, predictedBytes } = trainer;
  return {
    ...{ shape: name, replicas, parameters: parameters.length, predicted: predictedBytes },
    measured: process.resourceUsage().maxRSS * 1024 - before - parameters.byteLength,
  };
}

/** @param {StepMemory} row */
function lineOf({ shape, replicas, parameters, measured, predicted }) {
  const gigabytes = (/** @type {number} */ bytes) => `${(bytes / 1e9).toFixed(2)} GB`;
  const of = `${shape}, ${replicas} replica${replicas > 1 ? 's' : ''}, ${(parameters / 1e6).toFixed(1)} M parameters`;
  return `${of.padEnd(62)} ${gigabytes(measured)}, predicted ${gigabytes(predicted)}, ${(predicted / measured).toFixed(2)} ×`;
}
