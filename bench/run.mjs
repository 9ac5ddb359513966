/**
 * `npm run bench`: one training step in the shape of MiniLM-L6 and one about that of the quickstart, by backend.
 *   npm run bench -- --backend onnx     one backend alone
 *   npm run bench -- --json             the figures for programs
 * Every row is measured in a process of its own, so that its peak memory is its own.
 */
import { spawnSync } from 'node:child_process';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { probeBackends, selectBackend } from '../dist/backend/index.js';
import { gigabytes } from '../dist/report/figures.js';
import { table } from '../dist/report/table.js';
import { MINI_LM, QUICKSTART } from './shapes.mjs';
import { timeStep } from './step.mjs';

/** @typedef {import('../dist/backend/index.js').BackendName} BackendName */
/** @typedef {'MiniLM-L6' | 'quickstart'} ShapeName */
/** `timing` is absent where not even one step of two sequences ended in time. @typedef {{ backend: string, shape: ShapeName, timing?: Timing }} Row */
/** @typedef {import('./step.mjs').StepTiming & { peakMemoryBytes: number }} Timing */

/** @type {Record<ShapeName, import('./shapes.mjs').StepShape>} */
const SHAPES = { 'MiniLM-L6': MINI_LM, quickstart: QUICKSTART };
/** Seconds after which a row is given up. */
const MOST_SECONDS = 120;

const { values } = parseArgs({
  options: { backend: { type: 'string' }, shape: { type: 'string' }, json: { type: 'boolean', default: false } },
});

if (values.backend && values.shape) {
  console.log(JSON.stringify(await measure(/** @type {BackendName} */ (values.backend), /** @type {ShapeName} */ (values.shape))));
} else {
  const backends = values.backend ? [values.backend] : await usableBackends();
  const rows = backends.flatMap((backend) => /** @type {ShapeName[]} */ (Object.keys(SHAPES)).map((shape) => inOwnProcess(backend, shape)));
  console.log(values.json ? JSON.stringify(rows, null, 2) : report(rows));
}
process.exit();

/** The backends that start here; webgpu only on a hardware GPU. */
async function usableBackends() {
  const probes = await probeBackends();
  return probes.filter(({ name, usable, accelerated }) => usable && (accelerated || name !== 'webgpu')).map(({ name }) => name);
}

/** @param {string} backend @param {ShapeName} shape @returns {Row} */
function inOwnProcess(backend, shape) {
  if (!values.json) console.error(`${backend}, ${shape} …`);
  const argv = [fileURLToPath(import.meta.url), '--backend', backend, '--shape', shape];
  const { status, stdout, stderr, error } = spawnSync(process.execPath, argv, { encoding: 'utf8', timeout: MOST_SECONDS * 1000 });
  if (/** @type {NodeJS.ErrnoException | undefined} */ (error)?.code === 'ETIMEDOUT') return { backend, shape };
  if (status !== 0) throw new Error(`${backend}, ${shape} ended with ${status}: ${stderr}`);
  return { backend, shape, timing: JSON.parse(stdout) };
}

/** @param {BackendName} backend @param {ShapeName} shape @returns {Promise<Timing>} */
async function measure(backend, shape) {
  await selectBackend(backend);
  return { ...(await timeStep(SHAPES[shape])), peakMemoryBytes: process.resourceUsage().maxRSS * 1024 };
}

/** @param {Row[]} rows */
function report(rows) {
  const head = ['step', 'backend', 's/step', 'steps/s', 'GFLOP/s', 'over products', 'repeats', 'peak memory'];
  return [
    `${os.cpus()[0]?.model ?? os.arch()}, ${os.availableParallelism()} cores, Node ${process.version}; one thread, forward and backward, medians`,
    '',
    table(head, rows.map(cells)),
    '',
    'GFLOP/s counts the matrix products; "over products" is the step over the time of those products alone, in the same process, in turn.',
    ...rows.flatMap(reservation),
  ].join('\n');
}

/** @param {Row} row */
function cells({ shape, backend, timing }) {
  const { sequences, tokens } = timing?.shape ?? SHAPES[shape];
  const name = `${shape}, ${sequences}×${tokens} tokens`;
  if (timing === undefined) return [name, backend, `over ${MOST_SECONDS}`, '', '', '', '0', ''];
  const { seconds, gflops, overProducts, repeats, peakMemoryBytes } = timing;
  return [
    name,
    backend,
    seconds < 10 ? seconds.toFixed(3) : seconds.toFixed(1),
    (1 / seconds).toPrecision(3),
    gflops.toPrecision(3),
    overProducts === undefined ? '' : overProducts.toFixed(2),
    String(repeats),
    gigabytes(peakMemoryBytes),
  ];
}

/** What a row does not say of itself. @param {Row} row */
function reservation({ shape, backend, timing }) {
  if (timing === undefined) return [`${shape} on ${backend} was given up after ${MOST_SECONDS} s, start-up included.`];
  if (timing.shape.sequences === SHAPES[shape].sequences) return [];
  return [`${shape} on ${backend} is timed with ${timing.shape.sequences} sequences, once: a whole step takes too long.`];
}
