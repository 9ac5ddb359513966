/**
 * Approximate search by a graph of near neighbours (HNSW; Malkov and Yashunin, 2016), in the native library usearch. It holds the vectors in half
 * precision; what it finds is scored anew from the full ones, so that scores are those of the exact index. Its build is done by threads that race,
 * but for the first vectors: two builds from the same vectors may differ.
 */
import { messageOf, UserError } from '../core/errors.js';
import type { Phase } from '../core/reporter.js';
import { type Hits, rescored } from './exact.js';
import { gathered, type Vectors } from './vectors.js';

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
/** The first vectors are added by one thread: two that race where there is next to no graph do not see each other, and a query may miss a fifth of its best. */
const FIRST = 1024;
export const HNSW_INSTALL = 'npm i usearch';

type Library = typeof import('usearch');

/** The native library. Throws a UserError where it is not installed or does not load. */
export async function loadHnswLibrary(): Promise<Library> {
  try {
    return await import('usearch');
  } catch (error) {
    throw new UserError(
      `a graph (hnsw) is asked for, but usearch cannot be loaded (${messageOf(error)}); install it with: ${HNSW_INSTALL}; or take exact`,
    );
  }
}

/** The graph alone: it holds the vectors in half precision and names rows; their scores are for others to say. */
export class HnswGraph {
  private size = 0;

  private constructor(
    private readonly graph: InstanceType<Library['Index']>,
    private readonly threads: number,
  ) {}

  /** An empty graph for vectors of `width`. */
  static async create(width: number, { connectivity, addExpansion, searchExpansion, threads }: HnswOptions): Promise<HnswGraph> {
    const { Index, MetricKind, ScalarKind } = await loadHnswLibrary();
    const graph = new Index({
      dimensions: width,
      metric: MetricKind.IP,
      quantization: ScalarKind.F16,
      connectivity,
      expansion_add: addExpansion,
      expansion_search: searchExpansion,
      multi: false,
    });
    return new HnswGraph(graph, threads);
  }

  /** Adds the next rows, a call into the library after the other: each blocks this thread. */
  async add({ values, width: D }: Vectors, onRows: (rows: number) => void): Promise<void> {
    for (let at = 0; at < values.length; ) {
      const racing = this.size >= FIRST;
      const block = values.slice(at, at + D * (racing ? BLOCK : FIRST - this.size));
      const first = this.size;
      at += block.length;
      this.size += block.length / D;
      this.graph.add(
        BigUint64Array.from({ length: block.length / D }, (_, i) => BigInt(first + i)),
        block,
        racing ? this.threads : 1,
      );
      onRows(this.size);
      await new Promise((resolve) => setImmediate(resolve)); // lets Ctrl-C in
    }
  }

  save(file: string): void {
    this.graph.save(file);
  }

  /** Takes a saved graph in the place of this empty one: mapped, not read. */
  view(file: string): void {
    this.graph.view(file);
  }

  /** Of each query row about its k nearest rows, fewer where the graph leads to no more, in no order. */
  find(queries: Vectors, queryRows: Int32Array, k: number): Int32Array[] {
    // Keys lie row after row; of several queries `counts` tells how many a row has.
    const { keys, counts } = this.graph.search(gathered(queries, queryRows), k, this.threads) as {
      keys: BigUint64Array;
      counts?: BigUint64Array;
    };
    return Array.from(queryRows, (_, i) => Int32Array.from(keys.subarray(i * k, i * k + Number(counts?.[i] ?? keys.length)), Number));
  }
}

export class HnswIndex {
  private constructor(
    private readonly graph: HnswGraph,
    private readonly vectors: Vectors,
  ) {}

  /** Holds on to `vectors`, which must not change. */
  static async build(vectors: Vectors, options: HnswOptions, phase: Phase): Promise<HnswIndex> {
    const graph = await HnswGraph.create(vectors.width, options);
    await graph.add(vectors, (rows) => phase.update(rows));
    return new HnswIndex(graph, vectors);
  }

  /** As ExactIndex: the k best passages of the query rows, as far as the graph leads to them; −1 behind the last it found. */
  search(queries: Vectors, queryRows: Int32Array, k: number, scale: number): Hits {
    return rescored(this.graph.find(queries, queryRows, k), queries, queryRows, this.vectors, k, scale);
  }
}
