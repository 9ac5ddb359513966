/** Vectors of `simans encode` indexed and searched without the texts or the model that they came from: each a step of its own on a cluster. */
import os from 'node:os';
import { isOnDevice, selectBackend } from '../backend/index.js';
import { UserError } from '../core/errors.js';
import type { Reporter } from '../core/reporter.js';
import { writeTrecRun } from '../eval/runFiles.js';
import { type EngineOptions, openEngine, type VectorEngine } from '../index/engine/index.js';
import type { Hits } from '../index/exact.js';
import { buildGraph, openGraph } from '../index/savedGraph.js';
import { readVectors, requireSameModel, StoredVectors } from '../index/storedVectors.js';
import { searchCandidates, searchShards } from '../index/streaming.js';
import type { Vectors } from '../index/vectors.js';

export type IndexKind = 'exact' | 'hnsw' | 'engine';

export interface IndexOptions extends EngineOptions {
  readonly kind: IndexKind;
  readonly reporter: Reporter;
}

export interface SearchOptions extends IndexOptions {
  /** Folder of query vectors. */
  readonly queries: string;
  /** The run file to write. */
  readonly to: string;
  readonly k: number;
}

/** Queries of a call into a graph or an engine. */
const BLOCK = 1024;

/** Makes what a search by `kind` needs of the passage vectors in `folder`. */
export async function indexVectors(folder: string, options: IndexOptions): Promise<void> {
  const { kind, reporter } = options;
  const passages = new StoredVectors(folder, 'passage');
  const size = passages.size.toLocaleString('en');
  const phase = reporter.phase(`index ${kind}`, passages.size, 'passages');
  if (kind === 'exact') {
    for (let shard = 0; shard < passages.shards; shard++) {
      passages.shard(shard);
      passages.idsOfShard(shard);
      phase.update(Math.min(passages.size, (shard + 1) * passages.manifest.shardRows));
    }
    phase.end();
    reporter.line(`${folder}: all ${passages.shards} shards of ${size} vectors are whole; exact search reads them as they are`);
    return;
  }
  if (kind === 'hnsw') {
    const built = await buildGraph(passages, { ...options, threads: os.availableParallelism() }, phase);
    phase.end();
    reporter.line(`${folder}/hnsw: a graph of ${size} vectors${built ? '' : ' was there already'}`);
    return;
  }
  const reused = await withEngine(options, (engine) => engine.load(passages, passages.generation(), phase));
  phase.end();
  reporter.line(
    `engine ${options.name}: ${size} vectors${reused ? ' were there already' : ' loaded'}, generation ${passages.generation()}`,
  );
}

/** Ranks the passages of `folder` for query vectors of the same model, a shard in memory at a time, and writes a run file. */
export async function searchVectors(folder: string, options: SearchOptions): Promise<void> {
  const { queries: queryFolder, to, reporter } = options;
  const passages = new StoredVectors(folder, 'passage');
  requireSameModel(passages, new StoredVectors(queryFolder, 'query'));
  const { ids, vectors, width } = readVectors(queryFolder);
  const k = Math.min(options.k, passages.size);
  const hits = await search(passages, { values: vectors, width }, k, options);
  const names = passages.idsOf(hits.passages.filter((row) => row >= 0));
  const run = { k, rows: Int32Array.from(ids.keys()), ...hits };
  writeTrecRun(to, run, { queryId: (row) => ids[row]!, passageId: (row) => names.get(row)! }, 'simans');
  reporter.line(`${to}: ${ids.length.toLocaleString('en')} queries, ${k} of ${passages.size.toLocaleString('en')} passages each`);
}

async function search(passages: StoredVectors, queries: Vectors, k: number, options: SearchOptions): Promise<Hits> {
  const { kind, searchExpansion, reporter } = options;
  const phase = reporter.phase(`search ${kind}`, queries.values.length / queries.width, 'queries');
  const inBlocks = (find: (rows: Int32Array) => Promise<Int32Array[]>) => async (rows: Int32Array) => {
    const found: Int32Array[] = [];
    for (let begin = 0; begin < rows.length; begin += BLOCK) {
      found.push(...(await find(rows.subarray(begin, begin + BLOCK))));
      phase.update(rows[0]! + found.length);
    }
    return found;
  };
  try {
    if (kind === 'exact') {
      await selectBackend('auto');
      return await searchShards(passages, queries, k, phase, isOnDevice() ? 1 : os.availableParallelism());
    }
    if (kind === 'hnsw') {
      const graph = await openGraph(passages, { searchExpansion: Math.max(k, searchExpansion), threads: os.availableParallelism() });
      return await searchCandidates(
        inBlocks(async (rows) => graph.find(queries, rows, k)),
        passages,
        queries,
        k,
      );
    }
    return await withEngine(options, async (engine) => {
      const generation = passages.generation();
      if (!(await engine.holds(generation)))
        throw new UserError(
          `${passages.folder}: the engine's ${options.name} does not hold these vectors (${generation}); load them with: simans index ${passages.folder} --kind engine --name ${options.name}`,
        );
      return await searchCandidates(
        inBlocks((rows) => engine.search(generation, queries, rows, k)),
        passages,
        queries,
        k,
      );
    });
  } finally {
    phase.end();
  }
}

async function withEngine<T>(options: EngineOptions, work: (engine: VectorEngine) => Promise<T>): Promise<T> {
  const engine = await openEngine(options);
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}
