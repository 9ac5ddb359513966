/** A search by inner product under way: passages come block by block, and of each query the best met so far are held. */
import { BestProducts, productRows, productsInto, roomOnDevice, type Values, webgpuIsActive } from '../backend/index.js';
import { span } from '../core/spans.js';
import { ScoreBlock } from './scan.js';
import { TopKBuffer } from './topk.js';
import { gathered, type Vectors } from './vectors.js';

export interface RunningSearch {
  /** Goes on with the passages behind those met so far. */
  meet(passages: Vectors): Promise<void>;
  /** Ends the search: of each query the k best passages by products of 32 bits, and RESERVE more, in no order. */
  candidates(): Promise<Int32Array[]>;
}

/**
 * Passages looked at beyond the k best: sums of 32 bits depend on where in a block a passage lies, so that the last ranks, and passages of one text, are
 * told apart by sums of 64.
 */
const RESERVE = 16;

/** Of the query rows: in the memory of a device where there is one of WebGPU, from which the candidates alone are read back. */
export const startSearch = (queries: Vectors, queryRows: Int32Array, k: number): RunningSearch =>
  webgpuIsActive() ? new DeviceSearch(queries, queryRows, k) : new HostSearch(queries, queryRows, k);

class DeviceSearch implements RunningSearch {
  private readonly best: BestProducts;

  constructor(queries: Vectors, queryRows: Int32Array, k: number) {
    this.best = new BestProducts(gathered(queries, queryRows), queries.width, k + RESERVE);
  }

  async meet({ values, width: D }: Vectors): Promise<void> {
    const size = productRows() * D;
    for (let at = 0; at < values.length; at += size) {
      this.best.meet(values.subarray(at, at + size));
      await roomOnDevice();
    }
  }

  candidates(): Promise<Int32Array[]> {
    return this.best.columns();
  }
}

/** Queries of a product. */
const QUERIES = 512;

/** Used by one search after the other. */
let idleScores: ScoreBlock | undefined;

class HostSearch implements RunningSearch {
  private readonly buffers: readonly TopKBuffer[];
  private readonly queries: readonly Values[];
  /** A block of passages, copied: no backend takes shared memory, and the copy is in the cache. */
  private readonly block: Float32Array;
  private readonly blockRows = productRows();
  private held = 0;
  private met = 0;

  constructor(queries: Vectors, queryRows: Int32Array, k: number) {
    const D = queries.width;
    this.buffers = Array.from(queryRows, () => new TopKBuffer(k + RESERVE));
    const all = gathered(queries, queryRows);
    this.queries = Array.from({ length: Math.ceil(queryRows.length / QUERIES) }, (_, i) => {
      const values = all.subarray(i * QUERIES * D, (i + 1) * QUERIES * D);
      return { values, shape: [values.length / D, D] };
    });
    this.block = new Float32Array(this.blockRows * D);
  }

  /** Passages that fill no block wait for more. */
  async meet({ values, width: D }: Vectors): Promise<void> {
    for (let at = 0; at < values.length; ) {
      const part = values.subarray(at, at + (this.blockRows - this.held) * D);
      this.block.set(part, this.held * D);
      this.held += part.length / D;
      at += part.length;
      if (this.held === this.blockRows) await this.score();
    }
  }

  async candidates(): Promise<Int32Array[]> {
    if (this.held > 0) await this.score();
    return this.buffers.map((buffer) => buffer.best());
  }

  private async score(): Promise<void> {
    const { block, blockRows, buffers, held } = this;
    const D = block.length / blockRows;
    const scores = idleScores?.passages === blockRows ? idleScores : new ScoreBlock(QUERIES, blockRows);
    idleScores = undefined; // another search may begin while this one waits
    const passages = { values: block.subarray(0, held * D), shape: [held, D] };
    for (const [i, queries] of this.queries.entries()) {
      await productsInto(scores.scores, queries, passages);
      span('scan scores', () => scores.offerTo(buffers.slice(i * QUERIES, (i + 1) * QUERIES), queries.shape[0]!, held, this.met));
    }
    idleScores = scores;
    this.met += held;
    this.held = 0;
  }
}
