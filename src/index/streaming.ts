/**
 * Search of vectors that lie on disk, a shard in memory at a time: exactly, or by what an approximate index found. Memory grows with the queries and k,
 * not with the passages; the hits are those of the index in memory.
 */
import type { Phase } from '../core/reporter.js';
import { collect, type Hits, RunningSearch, scoreOf, type Vectors } from './exact.js';
import type { StoredVectors } from './storedVectors.js';
import { TopKBuffer } from './topk.js';

/** Candidates held at once, of all queries together: of more queries each group reads the shards again. */
const HELD = 2 ** 21;

/** The k best of all passages for every query. Scores are dot products. */
export function searchShards(passages: StoredVectors, queries: Vectors, k: number, phase: Phase): Promise<Hits> {
  const size = queries.values.length / queries.width;
  return inGroups(size, k, async (rows) => {
    const search = new RunningSearch(queries, rows, k);
    for (let shard = 0; shard < passages.shards; shard++) {
      await search.meet(passages.shard(shard));
      phase.update(rows[0]! + Math.floor(((shard + 1) / passages.shards) * rows.length));
    }
    return rescoredFromShards(await search.candidates(), passages, queries, rows, k);
  });
}

/** The k best of the passages that `find` names for the query rows. */
export async function searchCandidates(
  find: (queryRows: Int32Array) => Promise<readonly Int32Array[]>,
  passages: StoredVectors,
  queries: Vectors,
  k: number,
): Promise<Hits> {
  const size = queries.values.length / queries.width;
  return inGroups(size, k, async (rows) => rescoredFromShards(await find(rows), passages, queries, rows, k));
}

function groupsOf(size: number, k: number): Int32Array[] {
  const together = Math.max(1, Math.floor(HELD / k));
  return Array.from({ length: Math.ceil(size / together) }, (_, group) =>
    Int32Array.from({ length: Math.min(together, size - group * together) }, (_, i) => group * together + i),
  );
}

async function inGroups(size: number, k: number, search: (rows: Int32Array) => Promise<Hits>): Promise<Hits> {
  const hits = { passages: new Int32Array(size * k), scores: new Float32Array(size * k) };
  for (const rows of groupsOf(size, k)) {
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
): Hits {
  const Q = candidates.length;
  // (row, query) as one number: rows and queries have 53 bits together.
  const pairs = Float64Array.from(candidates.flatMap((found, i) => Array.from(found, (row) => row * Q + i))).sort();
  const buffers = candidates.map(() => new TopKBuffer(k));
  const { shardRows } = passages.manifest;
  let shard = -1;
  let vectors: Vectors = { values: new Float32Array(0), width: passages.width };
  for (const pair of pairs) {
    const row = Math.floor(pair / Q);
    const i = pair - row * Q;
    if (Math.floor(row / shardRows) !== shard) {
      shard = Math.floor(row / shardRows);
      vectors = passages.shard(shard);
    }
    buffers[i]!.offer(row, scoreOf(queries, rows[i]!, vectors, row - shard * shardRows, 1));
  }
  return collect(buffers, k);
}
