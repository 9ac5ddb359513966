/**
 * `npm run bench`: one training step in the shape of MiniLM-L6 and one about that of the quickstart, by backend.
 *   npm run bench -- --backend onnx     one backend alone
 *   npm run bench -- --json             the figures for programs
 * Every backend runs in a process of its own, so that its peak memory is its own.
 */
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { probeBackends, selectBackend } from '../dist/backend/index.js';
import { gigabytes } from '../dist/report/figures.js';
import { table } from '../dist/report/table.js';
import { MINI_LM, QUICKSTART } from './shapes.mjs';
import { timeStep } from './step.mjs';

/** @typedef {import('./step.mjs').StepTiming & { backend: string, name: string, peakMemoryBytes: number }} Row */

const SHAPES = { 'MiniLM-L6': MINI_LM, quickstart: QUICKSTART };

const { values } = parseArgs({ options: { backend: { type: 'string' }, json: { type: 'boolean', default: false }, child: { type: 'boolean', default: false } } });

if (values.child) {
  console.log(JSON.stringify(await measure(/** @type {Row['backend']} */ (values.backend))));
} else {
  const backends = values.backend ? [values.backend] : await usableBackends();
  const rows = backends.flatMap(inOwnProcess);
  console.log(values.json ? JSON.stringify(rows, null, 2) : report(rows));
}
process.exit();

/** The backends that start here; of TensorFlow.js' GPU backends those that have a GPU. */
async function usableBackends() {
  const probes = await probeBackends();
  return probes.filter(({ name, usable, accelerated }) => usable && (accelerated || name !== 'webgpu')).map(({ name }) => name);
}

/** @param {string} backend @returns {Row[]} */
function inOwnProcess(backend) {
  if (!values.json) console.error(`${backend} …`);
  const output = execFileSync(process.execPath, [fileURLToPath(import.meta.url), '--child', '--backend', backend], { encoding: 'utf8' });
  return JSON.parse(output);
}

/** @param {string} name @returns {Promise<Row[]>} */
async function measure(name) {
  const { name: backend } = await selectBackend(/** @type {import('../dist/backend/index.js').BackendName} */ (name));
  const rows = [];
  for (const [shapeName, shape] of Object.entries(SHAPES).reverse()) {
    rows.push({ backend, name: shapeName, ...(await timeStep(shape)), peakMemoryBytes: process.resourceUsage().maxRSS * 1024 });
  }
  return rows.reverse();
}

/** @param {Row[]} rows */
function report(rows) {
  const lines = rows.map(({ name, shape, backend, seconds, gflops, overProducts, repeats, peakMemoryBytes }) => [
    `${name}, ${shape.sequences}×${shape.tokens} tokens`,
    backend,
    seconds < 10 ? seconds.toFixed(3) : seconds.toFixed(1),
    (1 / seconds).toPrecision(3),
    gflops.toPrecision(3),
    overProducts === undefined ? '' : overProducts.toFixed(2),
    String(repeats),
    gigabytes(peakMemoryBytes),
  ]);
  const head = ['step', 'backend', 's/step', 'steps/s', 'GFLOP/s', 'over products', 'repeats', 'peak memory'];
  const reduced = rows.filter(({ name, shape }) => shape.sequences < SHAPES[/** @type {keyof typeof SHAPES} */ (name)].sequences);
  return [
    `${os.cpus()[0]?.model ?? os.arch()}, ${os.availableParallelism()} cores, Node ${process.version}; one thread, forward and backward, medians`,
    '',
    table(head, lines),
    '',
    'GFLOP/s counts the matrix products; "over products" is the step over the time of those products alone, in the same process, in turn.',
    ...reduced.map(({ name, backend, shape }) => `${name} on ${backend} is timed with ${shape.sequences} sequences, for the whole step takes minutes.`),
  ].join('\n');
}
