/** Numbers in, row numbers out: this room knows no tensors. */
import type { Key } from '../core/random.js';

/** The candidates of one query: the Top-K of the last refresh less its positives, best first, ties by row. */
export interface Pool {
  /** The query's id, for error messages. */
  readonly query: string;
  /** Passage rows, by descending score. */
  readonly passages: Int32Array;
  /** Logits of the loss, aligned with `passages`; empty where nothing scores these: the negatives that come with the data. */
  readonly scores: Float32Array;
  /** The logit of the chosen positive from the same refresh's weights. */
  readonly positiveScore: number;
  /** Of docSim alone: logits of the chosen positive with each of `passages`, as if it were the query. */
  readonly similarities?: Float32Array;
  /** The query's judged passage rows, ascending: never drawn. */
  readonly positives: Int32Array;
  readonly corpusSize: number;
}

/** A uniform number in (0, 1) for each element: a pure function, see core/random.ts. */
export interface Uniforms {
  (element: number): number;
  /** Where they are `uniform` of a key and a row: these. */
  readonly stream?: { readonly key: Key; readonly row: number };
  /** Elements 0 … n − 1 at once, where that is faster: at the begin of an array that the next call may overwrite. */
  first?(n: number): Float64Array;
}

/** One way of choosing m negatives; deterministic given the uniforms. */
export interface Sampler {
  readonly kind: string;
  /** How many distinct passages it can draw for this query. */
  capacity(pool: Pool): number;
  /** The law of the first draw over `pool.passages` (those beyond are never drawn first); absent where nothing is drawn or the pool is not looked at. */
  probabilities?(pool: Pool): Float64Array;
  /** m passage rows, distinct unless the sampler draws with replacement. Throws a UserError naming the query where m exceeds the capacity; negatives.ts pads instead. */
  draw(pool: Pool, m: number, uniforms: Uniforms): Int32Array;
}
