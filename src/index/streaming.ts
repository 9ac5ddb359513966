/**
 * Search of vectors that lie on disk, a shard in memory at a time: exactly, or by what an approximate index found. Memory grows with the queries and k,
 * not with the passages; the hits are those of the index in memory.
 */
import { activeBackend, type BackendName } from '../backend/index.js';
import type { Phase } from '../core/reporter.js';
import { workerScript } from '../core/threads.js';
import { collect, type Hits, scoreOf } from './exact.js';
import { startSearch } from './runningSearch.js';
import type { StoredVectors } from './storedVectors.js';
import { ThreadPool } from './threadPool.js';
import { TopKBuffer } from './topk.js';
import { ShardRoom } from './vectorShards.js';
import type { Vectors } from './vectors.js';

/** Candidates held at once, of all queries together: of more queries each group reads the shards again. */
const HELD = 2 ** 21;

/** Shards [begin, end) of the passages. */
interface ShardRange {
  readonly begin: number;
  readonly end: number;
}

/** A search whose parts, of as many shards each, threads take in turn. All is shared memory. */
export interface SearchTask {
  readonly folder: string;
  readonly backend: BackendName;
  readonly queries: Vectors;
  readonly queryRows: Int32Array;
  readonly k: number;
  readonly parts: readonly ShardRange[];
  /** The part that is taken next, and the shards that are done. */
  readonly cursor: Int32Array;
  /** The k best of each part for each query, −1 behind the last: [parts, Q, k]. */
  readonly found: { readonly rows: Int32Array; readonly scores: Float64Array };
}

const THREADS = new ThreadPool<SearchTask>(workerScript('./searchWorker.js', import.meta.url));
/** Milliseconds between two looks at how far the threads are. */
const LOOK = 200;

/** The k best of all passages for every query, by so many threads, or in this one. Scores are dot products. */
export function searchShards(passages: StoredVectors, queries: Vectors, k: number, phase: Phase, threads = 1): Promise<Hits> {
  const size = queries.values.length / queries.width;
  const parts = partsOf(passages.shards, threads);
  if (parts.length > 1) return searchOnThreads(passages, queries, k, phase, parts);
  return inGroups(size, k, k, async (rows) => {
    const buffers = await searchRange(passages, parts[0]!, queries, rows, k, (done) =>
      phase.update(rows[0]! + Math.floor((done / passages.shards) * rows.length)),
    );
    return collect(buffers, k);
  });
}

/** Of as many shards each, but for one. */
function partsOf(shards: number, threads: number): ShardRange[] {
  const parts = Math.min(shards, threads);
  return Array.from({ length: parts }, (_, i) => ({
    begin: Math.floor((i * shards) / parts),
    end: Math.floor(((i + 1) * shards) / parts),
  }));
}

async function searchOnThreads(passages: StoredVectors, given: Vectors, k: number, phase: Phase, parts: ShardRange[]): Promise<Hits> {
  const size = given.values.length / given.width;
  const queries = { values: new Float32Array(new SharedArrayBuffer(given.values.byteLength)), width: given.width };
  queries.values.set(given.values);
  const workers = THREADS.take(parts.length);
  try {
    return await inGroups(size, k * parts.length, k, async (queryRows) => {
      const held = parts.length * queryRows.length * k;
      const task: SearchTask = {
        ...{ folder: passages.folder, backend: activeBackend(), queries, queryRows, k, parts },
        cursor: new Int32Array(new SharedArrayBuffer(8)),
        found: {
          rows: new Int32Array(new SharedArrayBuffer(4 * held)).fill(-1),
          scores: new Float64Array(new SharedArrayBuffer(8 * held)),
        },
      };
      const look = () => phase.update(queryRows[0]! + Math.floor((Atomics.load(task.cursor, 1) / passages.shards) * queryRows.length));
      const timer = setInterval(look, LOOK);
      await THREADS.everyone(workers, task).finally(() => clearInterval(timer));
      look();
      return collect(merged(task), k);
    });
  } finally {
    THREADS.giveBack(workers);
  }
}

/** In a thread: parts of the task until none is left. */
export async function searchParts({ queries, queryRows, k, parts, cursor, found }: SearchTask, passages: StoredVectors): Promise<void> {
  for (;;) {
    const part = Atomics.add(cursor, 0, 1);
    if (part >= parts.length) return;
    const buffers = await searchRange(passages, parts[part]!, queries, queryRows, k, () => Atomics.add(cursor, 1, 1));
    buffers.forEach((buffer, i) => {
      const { rows, scores } = buffer.pairs();
      const at = (part * queryRows.length + i) * k;
      found.rows.set(rows, at);
      found.scores.set(scores, at);
    });
  }
}

/** The k best of all parts. */
function merged({ queryRows, k, parts, found }: SearchTask): TopKBuffer[] {
  const Q = queryRows.length;
  return Array.from(queryRows, (_, i) => {
    const buffer = new TopKBuffer(k);
    for (let part = 0; part < parts.length; part++) {
      const begin = (part * Q + i) * k;
      for (let at = begin; at < begin + k && found.rows[at]! >= 0; at++) buffer.offer(found.rows[at]!, found.scores[at]!);
    }
    return buffer;
  });
}

/** The k best passages of some shards for the query rows. `onShard` hears how many of the shards are done. */
async function searchRange(
  passages: StoredVectors,
  { begin, end }: ShardRange,
  queries: Vectors,
  queryRows: Int32Array,
  k: number,
  onShard: (done: number) => void,
): Promise<TopKBuffer[]> {
  const search = startSearch(queries, queryRows, k);
  const room = new ShardRoom();
  for (let shard = begin; shard < end; shard++) {
    await search.meet(passages.shard(shard, room));
    onShard(shard + 1 - begin);
  }
  const first = begin * passages.manifest.shardRows;
  const candidates = (await search.candidates()).map((rows) => rows.map((row) => first + row));
  return rescoredFromShards(candidates, passages, queries, queryRows, k);
}

/** The k best of the passages that `find` names for the query rows. */
export async function searchCandidates(
  find: (queryRows: Int32Array) => Promise<readonly Int32Array[]>,
  passages: StoredVectors,
  queries: Vectors,
  k: number,
): Promise<Hits> {
  const size = queries.values.length / queries.width;
  return inGroups(size, k, k, async (rows) => collect(rescoredFromShards(await find(rows), passages, queries, rows, k), k));
}

function groupsOf(size: number, heldEach: number): Int32Array[] {
  const together = Math.max(1, Math.floor(HELD / heldEach));
  return Array.from({ length: Math.ceil(size / together) }, (_, group) =>
    Int32Array.from({ length: Math.min(together, size - group * together) }, (_, i) => group * together + i),
  );
}

/** The queries in groups, for each of which so many candidates are held. */
async function inGroups(size: number, heldEach: number, k: number, search: (rows: Int32Array) => Promise<Hits>): Promise<Hits> {
  const hits = { passages: new Int32Array(size * k), scores: new Float32Array(size * k) };
  for (const rows of groupsOf(size, heldEach)) {
    const found = await search(rows);
    hits.passages.set(found.passages, rows[0]! * k);
    hits.scores.set(found.scores, rows[0]! * k);
  }
  return hits;
}

/** As `rescored`: the candidates in the order of their rows, so that each shard is read once. */
function rescoredFromShards(
  candidates: readonly Int32Array[],
  passages: StoredVectors,
  queries: Vectors,
  rows: Int32Array,
  k: number,
): TopKBuffer[] {
  const Q = candidates.length;
  // (row, query) as one number: rows and queries have 53 bits together.
  const pairs = Float64Array.from(candidates.flatMap((found, i) => Array.from(found, (row) => row * Q + i))).sort();
  const buffers = candidates.map(() => new TopKBuffer(k));
  const { shardRows } = passages.manifest;
  const room = new ShardRoom();
  let shard = -1;
  let vectors: Vectors = { values: new Float32Array(0), width: passages.width };
  for (const pair of pairs) {
    const row = Math.floor(pair / Q);
    const i = pair - row * Q;
    if (Math.floor(row / shardRows) !== shard) {
      shard = Math.floor(row / shardRows);
      vectors = passages.shard(shard, room);
    }
    buffers[i]!.offer(row, scoreOf(queries, rows[i]!, vectors, row - shard * shardRows, 1));
  }
  return buffers;
}
