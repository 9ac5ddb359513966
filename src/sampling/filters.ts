/**
 * What keeps a candidate of one query out of its pool: it is, or may well be, right. Filters are asked in their order, and the first that removes a candidate is
 * named as the reason. Numbers in: what a text is or holds is asked of the caller.
 */

export interface Candidate {
  readonly passage: number;
  readonly score: number;
  /** The mean logit of the query's positives, s̄(q, D⁺). */
  readonly positiveScore: number;
}

/** In the order in which they are asked. */
export const FILTER_NAMES = ['known', 'duplicate', 'answer', 'margin', 'percentOfPositive', 'reranker'] as const;
export type FilterName = (typeof FILTER_NAMES)[number];

export interface Filter {
  readonly name: FilterName;
  removes(candidate: Candidate): boolean;
}

/** Judged right, or known to be no negative (qrels, clicks, literal matches). */
export function knownPositives(known: ReadonlySet<number>): Filter {
  return { name: 'known', removes: ({ passage }) => known.has(passage) };
}

/** The same text as a positive's. `isTwin` says whether a candidate’s text is that of one of the query’s positives. */
export function duplicateText(isTwin: (candidate: Candidate) => boolean): Filter {
  return { name: 'duplicate', removes: isTwin };
}

/** Holds an answer to the query (DPR's pools). */
export function answerInText(holds: (passage: number) => boolean): Filter {
  return { name: 'answer', removes: ({ passage }) => holds(passage) };
}

/** Scores above the positive's less a margin: s > s̄⁺ − margin (NV-Retriever's TopK-MarginPos; a negative margin lets some above it pass). */
export function scoreMargin(margin: number): Filter {
  return { name: 'margin', removes: ({ score, positiveScore }) => score > positiveScore - margin };
}

/** Scores above a share of the positive's: s > share · s̄⁺ (NV-Retriever's TopK-PercPos, share .95). Of a positive that scores 0 or less nothing is removed. */
export function percentOfPositive(share: number): Filter {
  return { name: 'percentOfPositive', removes: ({ score, positiveScore }) => positiveScore > 0 && score > share * positiveScore };
}

/** A cross-encoder scores it above the positive less a margin (RocketQA's denoising, by margin). `rerank` gives its score for a passage, `positive` is that of the positive. */
export function rerankerMargin(rerank: (passage: number) => number, positive: number, margin: number): Filter {
  return { name: 'reranker', removes: ({ passage }) => rerank(passage) > positive - margin };
}

/** What a cross-encoder's score, a logit, says: σ(score). */
export const probabilityOf = (score: number): number => 1 / (1 + Math.exp(-score));

/** A cross-encoder gives it a probability, σ(score), of `below` or more (RocketQA's denoising: its negatives are those below 0.1). */
export function rerankerProbability(rerank: (passage: number) => number, below: number): Filter {
  return { name: 'reranker', removes: ({ passage }) => probabilityOf(rerank(passage)) >= below };
}

/** The name of the first filter that removes the candidate, or undefined. */
export function removedBy(filters: readonly Filter[], candidate: Candidate): FilterName | undefined {
  return filters.find((filter) => filter.removes(candidate))?.name;
}
