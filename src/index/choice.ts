/** Which index a refresh is estimated to be done with sooner: a pure function of sizes, so that a resumed job chooses as it did before. */

export interface SearchSize {
  readonly passages: number;
  readonly queries: number;
  /** Of the vectors. */
  readonly width: number;
  /** Candidates that a search by graph looks at. */
  readonly expansion: number;
}

export interface IndexChoice {
  readonly kind: 'exact' | 'hnsw';
  /** Estimated seconds of one thread of a machine with AVX2; their ratio is what counts. */
  readonly seconds: { readonly exact: number; readonly hnsw: number };
}

/** Measured by bench/index.mjs; a graph's work grows with the logarithm of the passages. */
const EXACT_SECONDS = { product: 2e-11, score: 1e-9 };
const HNSW_SECONDS = { add: 5e-8, find: 8e-10 };

export function chooseIndex({ passages, queries, width, expansion }: SearchSize): IndexChoice {
  const scores = passages * queries;
  const exact = scores * (width * EXACT_SECONDS.product + EXACT_SECONDS.score);
  const depth = Math.log2(Math.max(2, passages));
  const hnsw = depth * width * (passages * HNSW_SECONDS.add + queries * expansion * HNSW_SECONDS.find);
  return { kind: hnsw < exact ? 'hnsw' : 'exact', seconds: { exact, hnsw } };
}
