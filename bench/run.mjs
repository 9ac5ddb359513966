/**
 * `npm run bench`: every benchmark of this folder in one table, each with its ratio to a peer in the same run.
 *   npm run bench -- --only step,index     some of them alone
 *   npm run bench -- --json                the figures for programs
 * Each row is measured in a process of its own, so that its peak memory is its own. SIMANS_PYTHON names a Python with the peers: torch, transformers,
 * sentence-transformers, faiss-cpu, tokenizers; SIMANS_DATA the folder of data sets and SIMANS_MINILM that of all-MiniLM-L6-v2: rows that read what is not
 * named are left out, which the last line says.
 */
import { spawnSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { probeBackends } from '../dist/backend/index.js';
import { gigabytes } from '../dist/report/figures.js';
import { table } from '../dist/report/table.js';
import { PYTHON } from './peer.mjs';
import { MIXED, SHAPES } from './shapes.mjs';

/**
 * One measurement: `own` and `peer` as the table shows them, `ratio` > 1 where the peer is slower.
 * @typedef {object} Row
 * @property {string} what
 * @property {string} own
 * @property {string} [peer]
 * @property {number} [ratio]
 * @property {string} [limit] the share of the machine's own limit
 * @property {number} [peakMemoryBytes]
 * @property {string} [note]
 */
/** @typedef {{ name: string, argv: string[], rows: (found: any) => Row[] }} Bench */

/** Seconds after which a benchmark is given up. */
const MOST_SECONDS = 900;

const { values } = parseArgs({ options: { only: { type: 'string' }, json: { type: 'boolean', default: false } } });
const wanted = values.only?.split(',');
const benches = [...(await steps()), ...others()].filter(({ name }) => !wanted || wanted.includes(name));
if (benches.length === 0)
  throw new Error(`--only ${values.only}; expected ${[...new Set(others().map(({ name }) => name)), 'step'].join(', ')}`);
const rows = benches.flatMap(measure);
console.log(values.json ? JSON.stringify(rows, null, 2) : report());

/** On every backend that starts here; webgpu only on a hardware GPU; the default one in every shape. @returns {Promise<Bench[]>} */
async function steps() {
  const usable = (await probeBackends()).filter(({ name, usable, accelerated }) => usable && (accelerated || name !== 'webgpu'));
  return usable.flatMap(({ name: backend }) =>
    Object.keys({ ...SHAPES, ...MIXED })
      .filter((shape) => backend === 'onnx' || /MiniLM-L6 16×64|quickstart/.test(shape))
      .map((shape) => ({
        name: 'step',
        argv: ['step.mjs', '--backend', backend, '--shape', shape],
        rows: stepRows,
      })),
  );
}

/** @param {import('./step.mjs').StepTiming} timing @returns {Row[]} */
function stepRows({ shape, sequences, whole, backend, replicas, gradient, step, gflops, limit, peer, peakMemoryBytes }) {
  const what = `step ${shape}, ${backend}, ${replicas} thread${replicas > 1 ? 's' : ''}`;
  const speed = `${gflops.toPrecision(3)} GFLOP/s`;
  const note = sequences < whole ? [`${what}: timed with ${sequences} of ${whole} sequences, once: a whole step takes too long`] : [];
  return [
    {
      what: `${what}: forward and backward`,
      own: `${seconds(gradient)}, ${speed}`,
      ...(peer && { peer: `${seconds(peer.gradient)}, ${peer.version}`, ratio: peer.gradient / gradient }),
      ...(limit !== undefined && { limit: `${Math.round((100 * limit) / gradient)} %` }),
      peakMemoryBytes,
      ...(note.length > 0 && { note: note[0] }),
    },
    {
      what: `${what}: with AdamW`,
      own: seconds(step),
      ...(peer && { peer: seconds(peer.step), ratio: peer.step / step }),
      ...(limit !== undefined && { limit: `${Math.round((100 * limit) / step)} %` }),
    },
  ];
}

/** @returns {Bench[]} */
function others() {
  return [
    {
      name: 'index',
      argv: ['index.mjs', '--python', PYTHON],
      rows: ({ passages, width, k, exact, faiss, version, overFaiss, peakMemoryBytes }) => [
        {
          what: `exact search of ${passages.toLocaleString('en')} × ${width}, K ${k}, 1 thread`,
          own: `${exact.toFixed(1)} queries/s`,
          ...(faiss && { peer: `${faiss.toFixed(1)}, faiss ${version}`, ratio: overFaiss }),
          peakMemoryBytes,
        },
      ],
    },
    ...(process.env.SIMANS_DATA && process.env.SIMANS_MINILM ? [encoding('cls'), encoding('mean')] : []),
    ...(process.env.SIMANS_DATA ? [tokenising()] : []),
    ...(process.env.SIMANS_MINILM ? [refreshing()] : []),
    {
      name: 'draw',
      argv: ['draw.mjs', '--python', PYTHON],
      rows: ({ ours, numpy, version }) => [
        {
          what: 'drawing 15 of 200, 1 thread',
          own: `${Math.round(ours).toLocaleString('en')} queries/s`,
          ...(numpy && { peer: `${Math.round(numpy).toLocaleString('en')}, NumPy ${version}`, ratio: ours / numpy }),
        },
      ],
    },
  ];
}

/** A block of 2,000 passages; npm run claims -- speed has ten. @param {string} pooling @returns {Bench} */
function encoding(pooling) {
  return {
    name: 'encode',
    argv: ['encode.mjs', '--pooling', pooling, '--passages', '2000'],
    rows: ({ passages, threads, seconds, version, overPeer, peakMemoryBytes }) =>
      /** @type {const} */ (['fp32', 'int8']).map((precision) => ({
        what: `encoding ${passages.toLocaleString('en')} passages, MiniLM-L6, ${pooling}, ${precision}, ${threads} threads`,
        own: `${(passages / seconds[precision][0]).toFixed(1)} passages/s`,
        ...(overPeer && { peer: `${(passages / seconds.peer[0]).toFixed(1)}, ${version}`, ratio: overPeer[precision] }),
        peakMemoryBytes,
      })),
  };
}

/** @returns {Bench} */
function refreshing() {
  return {
    name: 'refresh',
    argv: ['refresh.mjs'],
    rows: ({ passages, queries, threads, seconds: taken, peer, overPeer, peakMemoryBytes }) => [
      {
        what: `refresh of ${passages.toLocaleString('en')} passages, ${queries.toLocaleString('en')} queries, MiniLM-L6, ${threads} threads`,
        own: seconds(taken),
        ...(peer && { peer: `${seconds(peer.seconds)}, ${peer.version}`, ratio: overPeer }),
        peakMemoryBytes,
      },
    ],
  };
}

/** @returns {Bench} */
function tokenising() {
  const rate = (/** @type {number} */ tokens) => `${(tokens / 1e6).toFixed(2)} M tokens/s`;
  return {
    name: 'tokenise',
    argv: ['tokenise.mjs'],
    rows: ({ texts, own, peer, version, overPeer, alike }) => [
      {
        what: `tokenising ${texts.toLocaleString('en')} passages, 1 thread`,
        own: rate(own),
        ...(peer && { peer: `${rate(peer)}, ${version}`, ratio: overPeer }),
        ...(alike === false && { note: 'tokenising: the ids DIFFER from those of the peer' }),
      },
    ],
  };
}

/** @param {Bench} bench @returns {Row[]} */
function measure({ argv: [program, ...argv], rows }) {
  if (!values.json) console.error(`${[program, ...argv].join(' ')} …`);
  const file = path.join(path.dirname(fileURLToPath(import.meta.url)), program);
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [file, ...argv, '--json'], {
    encoding: 'utf8',
    timeout: MOST_SECONDS * 1000,
  });
  const what = [program, ...argv].join(' ');
  if (/** @type {NodeJS.ErrnoException | undefined} */ (error)?.code === 'ETIMEDOUT')
    return [{ what, own: `given up after ${MOST_SECONDS} s` }];
  if (status !== 0) throw new Error(`${what} ended with ${status}: ${stderr}`);
  return rows(JSON.parse(stdout));
}

function report() {
  const lines = rows.map(({ what, own, peer, ratio, limit, peakMemoryBytes }) => [
    what,
    own,
    peer ?? 'absent',
    ratio === undefined ? '' : ratio.toFixed(2),
    limit ?? '',
    peakMemoryBytes === undefined ? '' : gigabytes(peakMemoryBytes),
  ]);
  return [
    `${os.cpus()[0]?.model ?? os.arch()}, ${os.availableParallelism()} cores, Node ${process.version}; medians, own and peer in turns`,
    '',
    table(['what', 'here', 'peer', 'ratio', 'of the limit', 'peak memory'], lines),
    '',
    'Ratio: how many times faster than the peer. The limit of a step is its matrix products alone, on as many threads, in turns with it.',
    ...rows.flatMap(({ note }) => note ?? []),
    ...(['SIMANS_DATA', 'SIMANS_MINILM'].some((name) => !process.env[name])
      ? ['Left out: rows of encoding, a refresh or tokenising, for SIMANS_DATA and SIMANS_MINILM are not both set.']
      : []),
  ].join('\n');
}

/** @param {number} value */
function seconds(value) {
  return `${value < 10 ? value.toFixed(3) : value.toFixed(1)} s`;
}
