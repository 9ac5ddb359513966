/** Where weight decay applies, by ranges of a flat vector: a row of ones and zeros would be a quarter of what an update keeps in memory beside the gradients. */

/** Numbers begin … end of a row. */
export interface FlatRange {
  readonly begin: number;
  readonly end: number;
}

/** A stripe, numbers begin … end of all, as far as its decay goes. */
export interface DecayView extends FlatRange {
  /** What of the stripe decays, from its first number. */
  readonly decaying: readonly FlatRange[];
  /** The thread's room for a block. */
  readonly scratch: Float32Array<SharedArrayBuffer>;
  /** Addresses of a block each. */
  readonly ones: number;
  readonly zeros: number;
}

/** What of the ranges lies in `length` numbers from `begin` on, counted from there. */
export const overlaps = (ranges: readonly FlatRange[], begin: number, length: number): FlatRange[] =>
  ranges
    .map((range) => ({ begin: Math.max(range.begin - begin, 0), end: Math.min(range.end - begin, length) }))
    .filter((range) => range.begin < range.end);

/** The address of a factor, 1 where weight decay applies and 0 elsewhere, for each of a stripe's `n` numbers from its number `from` on. Few blocks have both. */
export function decaysAt({ decaying, scratch, ones, zeros, begin, end }: DecayView, from: number, n: number): number {
  const met = overlaps(decaying, from, n);
  const covered = met.reduce((sum, range) => sum + range.end - range.begin, 0);
  if (covered === 0) return zeros;
  if (covered === Math.min(n, end - begin - from)) return ones; // behind the last number all is 0, and stays so
  scratch.fill(0, 0, n);
  for (const range of met) scratch.fill(1, range.begin, range.end);
  return scratch.byteOffset;
}
