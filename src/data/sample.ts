/** A small part of a data set that is like the whole: what a calibration runs on. */
import { deriveKey, permutation } from '../core/random.js';
import { selectTexts, splitOfPositives } from './texts.js';
import type { Dataset, Split } from './types.js';

export interface SampleSize {
  readonly queries: number;
  /** The right passages of the queries are always kept, even where they are more. */
  readonly passages: number;
}

/** Training queries with their right passages, and passages beside them, drawn by the seed; windows count as passages, dev and test are empty. */
export function sampleDataset(dataset: Dataset, { queries, passages }: SampleSize, seed: number): Dataset {
  const { corpus, splits } = dataset;
  const { train } = splits;
  const places = permutation(deriveKey(seed, 'sampled queries'), train.rows.length).slice(0, queries);
  const kept = new Set<number>();
  for (const place of places) for (const passage of train.positives[place]!) kept.add(passage);
  const wanted = Math.min(passages, corpus.size);
  // Every n-th passage, so that a large corpus is not permuted.
  const stride = Math.max(1, Math.floor(corpus.size / wanted));
  for (let row = 0; row < corpus.size && kept.size < wanted; row += stride) kept.add(row);
  const rows = Int32Array.from(kept).sort();
  const newRow = new Map(Array.from(rows, (row, i) => [row, i]));
  const within = (list: Int32Array | undefined) =>
    Int32Array.from(Array.from(list ?? [], (row) => newRow.get(row) ?? -1).filter((row) => row >= 0));
  const split: Split = {
    ...splitOfPositives(
      places.map((place) => train.rows[place]!),
      Array.from(places, (place) => within(train.positives[place])),
    ),
    ...(train.known && { known: Array.from(places, (place) => within(train.known![place])) }),
    ...(train.negatives && { negatives: Array.from(places, (place) => within(train.negatives![place])) }),
  };
  const none = splitOfPositives(new Int32Array(0), []);
  const { documents, mix, ...rest } = dataset;
  return { ...rest, corpus: selectTexts(corpus, rows), splits: { train: split, dev: none, test: none } };
}
