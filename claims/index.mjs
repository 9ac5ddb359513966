/** What issue 7 asks to be shown of the indexes. */
import fs from 'node:fs';
import path from 'node:path';
import { BIN, benchmark, inTemporaryFolder, pythonFlags, ROOT, timed } from './processes.mjs';
import { testCounts } from './sampling.mjs';

/** @typedef {import('./verdicts.mjs').Measured} Measured */

/** @returns {Promise<Record<string, Measured>>} */
export async function measureFaiss() {
  const found = benchmark('index.mjs', '--graph', '0', ...pythonFlags());
  const note = `${found.exact.toFixed(1)} queries in a second of one thread's time, 1 M × 384, K 200, peak ${(found.peakMemoryBytes / 1e9).toFixed(1)} GB`;
  if (!found.faiss) return { 'index.overFaiss': { note: `${note}; no Python with faiss (SIMANS_PYTHON names one)` } };
  const peer = `faiss ${found.version} ${found.faiss.toFixed(1)}; median of ${found.repeats} pairs in turns`;
  return { 'index.overFaiss': { value: found.overFaiss, note: `${note}; ${peer}` } };
}

/**
 * WordNet's 117,791 passages by an encoder of 300 steps, pools of 200 by a graph: its recall on 50 queries, as the job itself measures it.
 * @returns {Promise<Record<string, Measured>>}
 */
export async function measureGraph() {
  return inTemporaryFolder(async (folder) => {
    const settings = [
      'name=graph',
      `jobsFolder=${folder}`,
      'train.steps=320',
      'refresh.everySteps=300',
      'refresh.index={kind: hnsw, searchExpansion: 400}',
      'sampler.pool=200',
      'sampler.fromStep=300',
      'eval.bm25=false',
      'eval.test=never',
    ].flatMap((setting) => ['--set', setting]);
    await timed([process.execPath, BIN, 'train', path.join(ROOT, 'configs', 'wordnet.yaml'), ...settings], 'silent');
    const lines = fs
      .readFileSync(path.join(folder, 'graph', 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n');
    const pools = lines.flatMap((line) => JSON.parse(line).pools ?? []).at(-1);
    return { 'index.graphRecall': { value: pools.indexRecall, note: `${pools.queries} queries searched; searchExpansion 400` } };
  });
}

/** What 100 k and 1 M passages on disk cost in memory. @returns {Promise<Record<string, Measured>>} */
export async function measureStreaming() {
  const { sizes, queries, k } = benchmark('streaming.mjs', '--json');
  const bytes = sizes.map((/** @type {{ bytes: number }} */ size) => size.bytes);
  const note = sizes.map(
    (/** @type {{ passages: number, bytes: number }} */ size) =>
      `${size.passages.toLocaleString('en')} passages ${(size.bytes / 1e6).toFixed(0)} MB`,
  );
  const value = 100 * (Math.max(...bytes) / Math.min(...bytes) - 1);
  return { 'index.memoryFlat': { value, note: `${note.join(', ')}; peak of simans search, 384 wide, ${queries} queries, K ${k}` } };
}

/** @returns {Promise<Record<string, Measured>>} */
export async function measureIndexTests() {
  const exactly = ['tests/index/exact.test.ts', 'tests/index/streaming.test.ts'];
  const [exact, engine] = [exactly, ['tests/index/pgvector.test.ts', 'tests/index/milvus.test.ts']].map((files) => testCounts(files));
  return {
    'index.exactness': { value: exact.failed, note: `${exact.passed} tests passed` },
    'index.engine': { value: engine.failed, note: `${engine.passed} tests passed` },
  };
}

/** @returns {Promise<Record<string, Measured>>} */
export async function measureRealServers() {
  const servers = { 'index.realServer': ['SIMANS_PG_BIN', 'PostgreSQL'], 'index.realMilvus': ['SIMANS_MILVUS_SERVER', 'Milvus'] };
  const measured = Object.entries(servers).map(([id, [variable, name]]) => {
    if (!process.env[variable]) return [id, { note: `${variable} names no program of ${name}` }];
    const { passed, failed } = testCounts(['--config', 'vitest.full.config.ts', 'tests/full/engines.full.test.ts', '-t', name]);
    return [id, { value: failed, note: `${passed} tests passed` }];
  });
  return Object.fromEntries(measured);
}
