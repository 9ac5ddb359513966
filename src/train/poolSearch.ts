/** The candidates of the coming queries, searched for by the index that the configuration asks for. */

import type { RunConfig } from '../config/schema.js';
import { chooseIndex } from '../index/choice.js';
import type { Hits } from '../index/exact.js';
import { HnswIndex, loadHnswLibrary } from '../index/hnsw.js';
import type { RefreshContext } from './refresh.js';

export interface PoolHits extends Hits {
  /** Of an approximate index: the share of the exact best that it found, on a sample of the queries. */
  readonly recall?: number;
}

/** Queries that an approximate index is compared on. */
const SAMPLE = 50;
/** Queries of a call into the graph: it blocks this thread. */
const BLOCK = 1024;

/** Refuses, before long work, an index that cannot be had. */
export async function requireIndex({ refresh: { index } }: RunConfig): Promise<void> {
  if (index.kind === 'hnsw') await loadHnswLibrary();
}

/** The `depth` best passages of the encoded query rows. */
export async function searchPools(context: RefreshContext, name: string, rows: Int32Array, depth: number): Promise<PoolHits> {
  const { replicas, reporter } = context;
  if (indexFor(context, rows.length, depth) === 'hnsw') return searchGraph(context, name, rows, depth);
  const phase = reporter.phase(`${name}: search`, rows.length, 'queries');
  const hits = await replicas.search(rows, depth, phase);
  phase.update(rows.length);
  phase.end();
  return hits;
}

function indexFor({ config: { refresh }, dataset, replicas, reporter }: RefreshContext, queries: number, depth: number): 'exact' | 'hnsw' {
  const { index } = refresh;
  if (index.kind !== 'auto') return index.kind;
  const expansion = Math.max(depth, index.searchExpansion);
  const { kind, seconds } = chooseIndex({ passages: dataset.corpus.size, queries, width: replicas.first.encoder.width, expansion });
  const said = (of: number) => `${of.toPrecision(2)} s`;
  reporter.line(
    `index: ${kind}; for ${queries.toLocaleString('en')} queries and ${dataset.corpus.size.toLocaleString('en')} passages one thread is estimated to take ${said(seconds.exact)} exactly, ${said(seconds.hnsw)} by a graph`,
  );
  return kind;
}

async function searchGraph(
  { config, replicas, reporter }: RefreshContext,
  name: string,
  rows: Int32Array,
  depth: number,
): Promise<PoolHits> {
  const { index } = config.refresh;
  if (index.kind === 'exact') throw new Error('internal: an exact index has no graph');
  const { width, logitScale } = replicas.first.encoder;
  const { passage, query } = replicas.shared.vectors;
  const building = reporter.phase(`${name}: build graph`, passage.length / width, 'passages');
  const options = { ...index, searchExpansion: Math.max(depth, index.searchExpansion), threads: replicas.shared.replicas };
  const graph = await HnswIndex.build({ values: passage, width }, options, building);
  building.end();
  const phase = reporter.phase(`${name}: search`, rows.length, 'queries');
  const hits = { passages: new Int32Array(rows.length * depth), scores: new Float32Array(rows.length * depth) };
  for (let begin = 0; begin < rows.length; begin += BLOCK) {
    const found = graph.search({ values: query, width }, rows.subarray(begin, begin + BLOCK), depth, logitScale);
    hits.passages.set(found.passages, begin * depth);
    hits.scores.set(found.scores, begin * depth);
    phase.update(Math.min(rows.length, begin + BLOCK));
    await new Promise((resolve) => setImmediate(resolve)); // lets Ctrl-C in
  }
  phase.end();
  // Spread over the queries, which stand in the order of their rows.
  const sample = Int32Array.from({ length: Math.min(SAMPLE, rows.length) }, (_, i) =>
    Math.floor((i * rows.length) / Math.min(SAMPLE, rows.length)),
  );
  const exact = await replicas.search(
    sample.map((i) => rows[i]!),
    depth,
  );
  return { ...hits, recall: recallOf(hits, sample, exact, depth) };
}

/** The share of the exact rows, over the sampled queries, that the graph found. */
function recallOf(hits: Hits, sample: Int32Array, exact: Hits, depth: number): number {
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
