/**
 * Approximate search by a graph of near neighbours (HNSW; Malkov and Yashunin, 2016), in the native library usearch. It holds the vectors in half
 * precision; what it finds is scored anew from the full ones, so that scores are those of the exact index. Its build is done by threads that race:
 * two builds from the same vectors may differ.
 */
import { messageOf, UserError } from '../core/errors.js';
import type { Phase } from '../core/reporter.js';
import { gathered, type Hits, rescored, type Vectors } from './exact.js';

export interface HnswOptions {
  /** Neighbours of a node. */
  readonly connectivity: number;
  /** Candidates looked at when a node is added, and at least in a search. */
  readonly addExpansion: number;
  readonly searchExpansion: number;
  readonly threads: number;
}

/** Vectors of a call into the library: it blocks this thread. */
const BLOCK = 4096;
export const HNSW_INSTALL = 'npm i usearch';

type Library = typeof import('usearch');

/** The native library. Throws a UserError where it is not installed or does not load. */
export async function loadHnswLibrary(): Promise<Library> {
  try {
    return await import('usearch');
  } catch (error) {
    throw new UserError(
      `refresh.index.kind is hnsw, but usearch cannot be loaded (${messageOf(error)}); install it with: ${HNSW_INSTALL}; or take exact`,
    );
  }
}

export class HnswIndex {
  private constructor(
    private readonly graph: InstanceType<Library['Index']>,
    private readonly vectors: Vectors,
    private readonly threads: number,
  ) {}

  /** Holds on to `vectors`, which must not change. */
  static async build(
    vectors: Vectors,
    { connectivity, addExpansion, searchExpansion, threads }: HnswOptions,
    phase: Phase,
  ): Promise<HnswIndex> {
    const { Index, MetricKind, ScalarKind } = await loadHnswLibrary();
    const { values, width: D } = vectors;
    const graph = new Index({
      dimensions: D,
      metric: MetricKind.IP,
      quantization: ScalarKind.F16,
      connectivity,
      expansion_add: addExpansion,
      expansion_search: searchExpansion,
      multi: false,
    });
    const size = values.length / D;
    for (let first = 0; first < size; first += BLOCK) {
      const n = Math.min(BLOCK, size - first);
      const keys = BigUint64Array.from({ length: n }, (_, i) => BigInt(first + i));
      graph.add(keys, values.slice(first * D, (first + n) * D), threads);
      phase.update(first + n);
      await new Promise((resolve) => setImmediate(resolve)); // lets Ctrl-C in
    }
    return new HnswIndex(graph, vectors, threads);
  }

  /** As ExactIndex: the k best passages of the query rows, as far as the graph leads to them; −1 behind the last it found. */
  search(queries: Vectors, queryRows: Int32Array, k: number, scale: number): Hits {
    // Keys lie row after row; of several queries `counts` tells how many a row has.
    const { keys, counts } = this.graph.search(gathered(queries, queryRows), k, this.threads) as {
      keys: BigUint64Array;
      counts?: BigUint64Array;
    };
    const found = Array.from(queryRows, (_, i) =>
      Int32Array.from(keys.subarray(i * k, i * k + Number(counts?.[i] ?? keys.length)), Number),
    );
    return rescored(found, queries, queryRows, this.vectors, k, scale);
  }
}
