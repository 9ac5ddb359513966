/** Vectors of `simans encode` indexed and searched without the texts or the model that they came from: each a step of its own on a cluster. */
import os from 'node:os';
import { isOnDevice, selectBackend } from '../backend/index.js';
import { concatenated } from '../core/arrays.js';
import { UserError } from '../core/errors.js';
import type { Reporter } from '../core/reporter.js';
import { policyFrom } from '../data/corpus.js';
import { Ids } from '../data/ids.js';
import { documentsOf } from '../data/windows.js';
import { searchDocuments } from '../eval/documents.js';
import type { Run } from '../eval/run.js';
import { writeTrecRun } from '../eval/runFiles.js';
import { type EngineOptions, openEngine, type VectorEngine } from '../index/engine/index.js';
import type { Hits } from '../index/exact.js';
import { buildGraph, openGraph } from '../index/savedGraph.js';
import { precisionNote, readVectors, requireSameModel, StoredVectors } from '../index/storedVectors.js';
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

/** Ranks the passages of `folder`, or the documents that they are windows of, for query vectors of the same model, a shard in memory at a time, and writes a run file. */
export async function searchVectors(folder: string, options: SearchOptions): Promise<void> {
  const { queries: queryFolder, to, reporter } = options;
  const passages = new StoredVectors(folder, 'passage');
  const stored = new StoredVectors(queryFolder, 'query');
  requireSameModel(passages, stored);
  const note = precisionNote(passages, stored.manifest.precision);
  if (note) reporter.line(note);
  const { ids, vectors, width } = readVectors(queryFolder);
  const queries = { values: vectors, width };
  const { reads } = passages.manifest;
  const isWindows = reads !== undefined && policyFrom(reads).windows !== undefined;
  const { run, size, passageId } = await (isWindows ? rankDocuments : rankPassages)(passages, queries, options);
  writeTrecRun(to, run, { queryId: (row) => ids[row]!, passageId }, 'simans');
  reporter.line(
    `${to}: ${ids.length.toLocaleString('en')} queries, ${run.k} of ${size.toLocaleString('en')} ${isWindows ? 'documents' : 'passages'} each`,
  );
}

interface RankedVectors {
  readonly run: Run;
  /** Of what is ranked. */
  readonly size: number;
  passageId(row: number): string;
}

async function rankPassages(passages: StoredVectors, queries: Vectors, options: SearchOptions): Promise<RankedVectors> {
  const k = Math.min(options.k, passages.size);
  const hits = await search(passages, queries, k, options);
  const names = passages.idsOf(hits.passages.filter((row) => row >= 0));
  return { run: { k, rows: rowsIn(queries), ...hits }, size: passages.size, passageId: (row) => names.get(row)! };
}

/** Of documents in windows, each by its best one: the ids of all are held. */
async function rankDocuments(passages: StoredVectors, queries: Vectors, options: SearchOptions): Promise<RankedVectors> {
  const windows = new Ids();
  for (let shard = 0; shard < passages.shards; shard++) for (const id of passages.idsOfShard(shard)) windows.add(id);
  const documents = documentsOf({ size: windows.size, id: (row) => windows.id(row) });
  const { values, width } = queries;
  const rank = async (rows: Int32Array, depth: number): Promise<Run> => {
    const asked = Array.from(rows, (row) => values.subarray(row * width, (row + 1) * width));
    return { k: depth, rows, ...(await search(passages, { values: concatenated(Float32Array, asked), width }, depth, options)) };
  };
  const run = await searchDocuments(rowsIn(queries), Math.min(options.k, documents.size), documents, rank);
  return { run, size: documents.size, passageId: documents.id };
}

const rowsIn = ({ values, width }: Vectors): Int32Array => Int32Array.from({ length: values.length / width }, (_, row) => row);

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
