/** The candidates of the coming queries, searched for by the index that the configuration asks for. */
import type { RunConfig } from '../../config/schema.js';
import { bytesOf, sha256 } from '../../core/files.js';
import { chooseIndex } from '../../index/choice.js';
import { openEngine } from '../../index/engine/index.js';
import { type Hits, rescored, rowsAmong } from '../../index/exact.js';
import { HnswIndex, loadHnswLibrary } from '../../index/hnsw.js';
import { rowsOfVectors } from '../../index/storedVectors.js';
import { gathered, type Vectors } from '../../index/vectors.js';
import { spreadPlaces } from '../../sampling/pools.js';
import type { RefreshContext } from './refresh.js';

export interface PoolHits extends Hits {
  /** Of an approximate index: the share of the exact best that it found, on a sample of the queries. */
  readonly recall?: number;
}

/** Queries that an approximate index is compared on. */
const SAMPLE = 50;
/** Queries of a call: into the graph it blocks this thread. */
const BLOCK = 1024;

/** Refuses, before long work, an index that cannot be had. */
export async function requireIndex({ refresh: { index } }: RunConfig): Promise<void> {
  if (index.kind === 'hnsw') await loadHnswLibrary();
  if (index.kind === 'engine') await (await openEngine(index)).close();
}

/** The `depth` best passages of the encoded query rows; of those in `among`, ascending, where that is given. */
export async function searchPools(
  context: RefreshContext,
  name: string,
  rows: Int32Array,
  depth: number,
  among?: Int32Array,
): Promise<PoolHits> {
  const kind = indexFor(context, rows.length, depth, among?.length ?? context.dataset.corpus.size);
  if (kind === 'exact') return searchExact(context, name, rows, depth, among);
  const all = context.replicas.first.vectorsOf('passage');
  const passages = among ? { values: gathered(all, among), width: all.width } : all;
  const found = await (kind === 'hnsw' ? searchGraph : searchEngine)(context, name, passages, rows, depth);
  const hits = among ? { ...found, passages: rowsAmong(found.passages, among) } : found;
  return { ...hits, recall: await recallOf(context, rows, hits, depth, among) };
}

async function searchExact(
  { replicas, reporter }: RefreshContext,
  name: string,
  rows: Int32Array,
  depth: number,
  among: Int32Array | undefined,
): Promise<Hits> {
  const phase = reporter.phase(`${name}: search`, rows.length, 'queries');
  const hits = await replicas.search(rows, depth, { phase, among });
  phase.update(rows.length);
  phase.end();
  return hits;
}

function indexFor(
  { config: { refresh }, replicas, reporter }: RefreshContext,
  queries: number,
  depth: number,
  passages: number,
): 'exact' | 'hnsw' | 'engine' {
  const { index } = refresh;
  if (index.kind !== 'auto') return index.kind;
  const expansion = Math.max(depth, index.searchExpansion);
  const { kind, seconds } = chooseIndex({ passages, queries, width: replicas.first.encoder.width, expansion });
  const said = (of: number) => `${of.toPrecision(2)} s`;
  reporter.line(
    `index: ${kind}; for ${queries.toLocaleString('en')} queries and ${passages.toLocaleString('en')} passages one thread is estimated to take ${said(seconds.exact)} exactly, ${said(seconds.hnsw)} by a graph`,
  );
  return kind;
}

async function searchGraph(context: RefreshContext, name: string, passages: Vectors, rows: Int32Array, depth: number): Promise<Hits> {
  const { config, replicas, reporter } = context;
  const { index } = config.refresh;
  if (!('connectivity' in index)) throw new Error('internal: an exact index has no graph');
  const { logitScale } = replicas.first.encoder;
  const queries = replicas.first.vectorsOf('query');
  const building = reporter.phase(`${name}: build graph`, passages.values.length / passages.width, 'passages');
  const options = { ...index, searchExpansion: Math.max(depth, index.searchExpansion), threads: replicas.shared.replicas };
  const graph = await HnswIndex.build(passages, options, building);
  building.end();
  return inBlocks(context, name, rows, depth, async (block) => graph.search(queries, block, depth, logitScale));
}

async function searchEngine(context: RefreshContext, name: string, passages: Vectors, rows: Int32Array, depth: number): Promise<Hits> {
  const { config, replicas, reporter } = context;
  const { index } = config.refresh;
  if (index.kind !== 'engine') throw new Error('internal: no engine is configured');
  const { logitScale } = replicas.first.encoder;
  const queries = replicas.first.vectorsOf('query');
  // What the vectors are tells generations apart: none is loaded twice, and no two are mixed.
  const generation = sha256(bytesOf(passages.values)).slice(0, 16);
  const engine = await openEngine(index);
  try {
    const loading = reporter.phase(`${name}: load engine`, passages.values.length / passages.width, 'passages');
    const reused = await engine.load(rowsOfVectors(passages), generation, loading);
    loading.end(reused ? `${name}: the engine has these vectors already` : undefined);
    return await inBlocks(context, name, rows, depth, async (block) =>
      rescored(await engine.search(generation, queries, block, depth), queries, block, passages, depth, logitScale),
    );
  } finally {
    await engine.close();
  }
}

async function inBlocks(
  { reporter }: RefreshContext,
  name: string,
  rows: Int32Array,
  depth: number,
  search: (block: Int32Array) => Promise<Hits>,
): Promise<Hits> {
  const phase = reporter.phase(`${name}: search`, rows.length, 'queries');
  const hits = { passages: new Int32Array(rows.length * depth), scores: new Float32Array(rows.length * depth) };
  for (let begin = 0; begin < rows.length; begin += BLOCK) {
    const found = await search(rows.subarray(begin, begin + BLOCK));
    hits.passages.set(found.passages, begin * depth);
    hits.scores.set(found.scores, begin * depth);
    phase.update(Math.min(rows.length, begin + BLOCK));
    await new Promise((resolve) => setImmediate(resolve)); // lets Ctrl-C in
  }
  phase.end();
  return hits;
}

/** The share of the exact candidates that were found, over a sample of the queries. */
async function recallOf(
  { replicas }: RefreshContext,
  rows: Int32Array,
  hits: Hits,
  depth: number,
  among: Int32Array | undefined,
): Promise<number> {
  const sample = spreadPlaces({ rows }, SAMPLE);
  const exact = await replicas.search(
    Int32Array.from(sample, (i) => rows[i]!),
    depth,
    { among },
  );
  let [found, all] = [0, 0];
  sample.forEach((query, i) => {
    const have = new Set(hits.passages.subarray(query * depth, (query + 1) * depth));
    for (const passage of exact.passages.subarray(i * depth, (i + 1) * depth)) {
      if (passage < 0) continue;
      all++;
      if (have.has(passage)) found++;
    }
  });
  return all > 0 ? found / all : 1;
}
