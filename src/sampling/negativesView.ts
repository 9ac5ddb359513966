/** One query's negatives, for reading. */
import type { FilterName } from './filters.js';

export interface NegativesView {
  readonly query: { readonly id: string; readonly text: string };
  readonly refresh: number;
  /** Steps that draw from this pool: [from, to). */
  readonly steps: readonly [number, number];
  readonly positives: readonly { readonly id: string; readonly text: string; readonly score: number }[];
  /** By descending score. `p` is of the first draw, seen from the first positive; absent where nothing is drawn by chance. */
  readonly candidates: readonly {
    readonly rank: number;
    readonly id: string;
    readonly text: string;
    readonly score: number;
    readonly p?: number;
    readonly drawn: readonly number[];
  }[];
  readonly removed: readonly { readonly id: string; readonly text: string; readonly score: number; readonly by: FilterName }[];
  /** 1/Σp². */
  readonly effectiveSize?: number;
  /** Passages drawn that the pool does not have: padding, or another source. */
  readonly others: readonly { readonly step: number; readonly id: string }[];
}
