/** What this machine can do and what is missing: the findings of `simans doctor`. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { promisify } from 'node:util';
import { probeBackends } from '../backend/index.js';
import { messageOf } from '../core/errors.js';
import { XENOVA_INSTALL } from '../encoders/tokenizer/tokenizer.js';
import { MILVUS_INSTALL, MILVUS_PACKAGE } from '../index/engine/milvus.js';
import { PG_INSTALL } from '../index/engine/pgvector.js';
import { HNSW_INSTALL } from '../index/hnsw.js';
import { wrap } from './wrap.js';

type BackendFinding = Awaited<ReturnType<typeof probeBackends>>[number];

export interface Findings {
  readonly canTrain: boolean;
  readonly node: { readonly version: string; readonly supported: boolean };
  readonly backends: readonly BackendFinding[];
  /** Reads tokenizer.json; `fix` is the line to run where it is missing. */
  readonly tokenizer: { readonly usable: boolean; readonly whyNot?: string; readonly fix?: string };
  /** Packages that one or the other kind of refresh.index needs. */
  readonly indexes: readonly IndexFinding[];
  readonly cores: number;
  readonly memoryGiB: { readonly total: number; readonly free: number };
  /** One line a GPU as nvidia-smi names it; empty without one. */
  readonly gpus: readonly string[];
  /** In the folder where simans runs. */
  readonly freeDiskGiB: number;
}

interface IndexFinding {
  readonly kind: 'hnsw' | 'engine';
  readonly package: string;
  readonly usable: boolean;
  readonly whyNot?: string;
  readonly fix: string;
}

const LEAST_NODE = 20;

export async function examine(): Promise<Findings> {
  const version = process.versions.node;
  const node = { version, supported: Number.parseInt(version, 10) >= LEAST_NODE };
  const [backends, tokenizer, indexes, gpus] = await Promise.all([probeBackends(), probeTokenizer(), probeIndexes(), listGpus()]);
  const disk = fs.statfsSync('.');
  return {
    canTrain: node.supported && tokenizer.usable && backends.some(({ usable }) => usable),
    node,
    backends,
    tokenizer,
    indexes,
    cores: os.availableParallelism(),
    memoryGiB: { total: gib(os.totalmem()), free: gib(os.freemem()) },
    gpus,
    freeDiskGiB: gib(disk.bavail * disk.bsize),
  };
}

export function findingLines(findings: Findings, columns: number): string {
  const { node, backends, tokenizer, indexes, cores, memoryGiB, gpus, freeDiskGiB, canTrain } = findings;
  const mark = (well: boolean) => (well ? 'ok' : '--');
  const lines = [
    [mark(node.supported), 'Node', node.supported ? node.version : `${node.version}; install Node ${LEAST_NODE} or later`],
    ...backends.map((backend) => [mark(backend.usable), `backend ${backend.name}`, backendText(backend)]),
    [
      mark(tokenizer.usable),
      'tokenizer',
      tokenizer.usable ? '@xenova/transformers' : `@xenova/transformers: ${tokenizer.whyNot}; run: ${tokenizer.fix}`,
    ],
    ...indexes.map((index) => [
      mark(index.usable),
      `index ${index.kind}`,
      index.usable ? index.package : `${index.package}, optional: ${index.whyNot}; run: ${index.fix}`,
    ]),
    [mark(gpus.length > 0), 'GPU', gpus.length > 0 ? gpus.join('; ') : 'nvidia-smi finds none'],
    ['', 'cores', String(cores)],
    ['', 'memory', `${memoryGiB.free} of ${memoryGiB.total} GiB free`],
    ['', 'disk', `${freeDiskGiB} GiB free here`],
  ];
  const rows = lines.map(
    ([sign, name, text]) => `${sign!.padEnd(2)}  ${name!.padEnd(18)}  ${wrap(text!, columns - 24).join(`\n${' '.repeat(24)}`)}`,
  );
  return [
    ...rows,
    '',
    canTrain ? 'simans can train here.' : 'simans cannot train here: mend the lines marked -- for Node, tokenizer or all backends.',
  ].join('\n');
}

function backendText({ found, usable, version, device, whyNot }: BackendFinding): string {
  const state = usable ? 'usable' : found ? 'found, but not usable' : 'not found';
  const on = device === undefined ? '' : `: ${device}`;
  return `${state}${version === undefined ? '' : ` (${version})`}${on}${whyNot === undefined ? '' : `: ${whyNot}`}`;
}

/** The very import that training makes. */
async function probeTokenizer(): Promise<Findings['tokenizer']> {
  const found = await probePackage('@xenova/transformers/src/tokenizers.js');
  return found.usable ? found : { ...found, fix: XENOVA_INSTALL };
}

/** Whether an optional package can be imported. */
async function probePackage(name: string): Promise<{ usable: boolean; whyNot?: string }> {
  try {
    await import(name);
    return { usable: true };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND';
    return { usable: false, whyNot: missing ? 'not installed' : messageOf(error) };
  }
}

async function probeIndexes(): Promise<IndexFinding[]> {
  const probe = async (kind: IndexFinding['kind'], name: string, fix: string): Promise<IndexFinding> => ({
    kind,
    package: name,
    ...(await probePackage(name)),
    fix,
  });
  return Promise.all([
    probe('hnsw', 'usearch', HNSW_INSTALL),
    probe('engine', 'pg', PG_INSTALL),
    probe('engine', MILVUS_PACKAGE, MILVUS_INSTALL),
  ]);
}

async function listGpus(): Promise<string[]> {
  try {
    const { stdout } = await promisify(execFile)('nvidia-smi', ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader']);
    return stdout.trim().split('\n');
  } catch {
    return []; // no nvidia-smi, or no driver: no GPU to speak of
  }
}

const gib = (bytes: number): number => Math.round((bytes / 2 ** 30) * 10) / 10;
