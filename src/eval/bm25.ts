/**
 * BM25, the lexical baseline:
 *
 *   score(q, d) = Σ_{t ∈ q} idf(t) · tf / (tf + k1·(1 − b + b·|d| / mean |d|)),   idf(t) = ln(1 + (N − df + ½) / (df + ½))
 *
 * Robertson & Zaragoza 2009 with Lucene's idf, which is never negative, and without the constant factor k1 + 1, as in Lucene
 * since version 8. A term that stands twice in the query counts twice.
 */
import { UserError } from '../core/errors.js';
import type { Dataset, Split, Texts } from '../data/types.js';
import { type RankedRows, TopKBuffer } from '../index/topk.js';
import { type Analysis, type AnalysisName, createAnalysis } from './analyzer.js';
import { searchDocuments } from './documents.js';
import { depthOf, type Judge } from './judge.js';
import type { Run } from './run.js';

export interface Bm25Parameters {
  /** Saturation of the term frequency, ≥ 0. */
  readonly k1: number;
  /** Share of the length normalisation, 0 to 1. */
  readonly b: number;
}

/** Anserini's defaults for passages. */
const DEFAULT_PARAMETERS: Bm25Parameters = { k1: 0.9, b: 0.4 };

/** Term t stands in passages[offsets[t] … offsets[t + 1]), ascending rows, with the frequencies aligned. */
interface Postings {
  readonly analysis: Analysis;
  readonly termIds: ReadonlyMap<string, number>;
  readonly offsets: Uint32Array;
  readonly passages: Int32Array;
  readonly frequencies: Int32Array;
  /** Terms of each passage. */
  readonly lengths: Int32Array;
}

export class Bm25Index {
  /** What each posting adds to the score of its passage. */
  private readonly impacts: Float32Array;
  private readonly accumulator: Float32Array;

  private constructor(
    private readonly postings: Postings,
    readonly parameters: Bm25Parameters,
  ) {
    const { k1, b } = parameters;
    if (!(k1 >= 0 && k1 < Infinity && b >= 0 && b <= 1))
      throw new UserError(`BM25 with k1 ${k1} and b ${b}, expected k1 ≥ 0 and b from 0 to 1`);
    this.impacts = impactsOf(postings, parameters);
    this.accumulator = new Float32Array(postings.lengths.length);
  }

  static build(texts: Texts, parameters = DEFAULT_PARAMETERS, analysis: AnalysisName = 'identifiers'): Bm25Index {
    return new Bm25Index(invert(texts, createAnalysis(analysis)), parameters);
  }

  /** The same index with other parameters; the postings are shared. */
  withParameters(parameters: Bm25Parameters): Bm25Index {
    return new Bm25Index(this.postings, parameters);
  }

  /** The k best passages that share a term with the query, fewer where fewer do; ties by row ascending. */
  search(query: string, k: number): RankedRows {
    const { accumulator, impacts } = this;
    const { analysis, termIds, offsets, passages } = this.postings;
    for (const term of analysis.analyze(query)) {
      const id = termIds.get(term);
      if (id === undefined) continue;
      const end = offsets[id + 1];
      for (let i = offsets[id]; i < end; i++) accumulator[passages[i]] += impacts[i];
    }
    const best = new TopKBuffer(k);
    let floor = Number.MIN_VALUE; // passages without a common term have 0
    for (let row = 0; row < accumulator.length; row++) {
      if (accumulator[row] < floor) continue;
      best.offer(row, accumulator[row]);
      floor = Math.max(floor, best.threshold);
    }
    accumulator.fill(0);
    return best.sorted();
  }
}

/** The run of the query rows: k passages each. */
export function searchBm25Run(index: Bm25Index, queries: Texts, rows: Int32Array, k: number): Run {
  const passages = new Int32Array(rows.length * k).fill(-1);
  const scores = new Float32Array(rows.length * k);
  rows.forEach((row, place) => {
    const found = index.search(queries.text(row), k);
    passages.set(found.rows, place * k);
    scores.set(found.scores, place * k);
  });
  return { k, rows, passages, scores };
}

/** The same over a data set: of documents in windows each at its best window. */
export async function searchBm25(
  index: Bm25Index,
  { queries, documents }: Pick<Dataset, 'queries' | 'documents'>,
  rows: Int32Array,
  k: number,
): Promise<Run> {
  const search = (wanted: Int32Array, depth: number) => searchBm25Run(index, queries, wanted, depth);
  return documents ? searchDocuments(rows, k, documents, search) : search(rows, k);
}

export interface Bm25Tuning {
  /** The best of the grid; ties to the first. */
  readonly best: Bm25Parameters;
  /** Every point of the grid with its mean on the split. */
  readonly table: readonly (Bm25Parameters & { readonly value: number })[];
}

const TUNING_GRID = { k1: [0.3, 0.6, 0.9, 1.2, 1.6, 2], b: [0.2, 0.4, 0.6, 0.8, 1] };

/** Chooses k1 and b on a split (dev, never test) by the mean of a measure with a cut-off, such as recall@10; indexes nothing again. */
export async function tuneBm25(
  index: Bm25Index,
  dataset: Dataset,
  split: Split,
  measure: string,
  judge: Judge,
  grid = TUNING_GRID,
): Promise<Bm25Tuning> {
  if (!/@\d+$/.test(measure)) throw new UserError(`BM25 is tuned by a measure with a cut-off such as recall@10, found ${measure}`);
  const depth = depthOf([measure], judge.rules);
  const table: (Bm25Parameters & { value: number })[] = [];
  for (const k1 of grid.k1)
    for (const b of grid.b) {
      const run = await searchBm25(index.withParameters({ k1, b }), dataset, split.rows, depth);
      table.push({ k1, b, value: judge.evaluate(run, split, [measure]).means[measure]! });
    }
  const { k1, b } = table.reduce((best, point) => (point.value > best.value ? point : best));
  return { best: { k1, b }, table };
}

/** idf(t) · tf / (tf + k1·(1 − b + b·|d| / mean |d|)) of every posting. */
function impactsOf({ analysis, offsets, passages, frequencies, lengths }: Postings, { k1, b }: Bm25Parameters): Float32Array {
  const meanLength = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
  const saturation = Float64Array.from(lengths, (length) => k1 * (1 - b + (b * analysis.countedLength(length)) / meanLength));
  const impacts = new Float32Array(passages.length);
  for (let term = 0; term + 1 < offsets.length; term++) {
    const df = offsets[term + 1] - offsets[term];
    const idf = Math.log(1 + (lengths.length - df + 0.5) / (df + 0.5));
    for (let i = offsets[term]; i < offsets[term + 1]; i++)
      impacts[i] = (idf * frequencies[i]) / (frequencies[i] + saturation[passages[i]]);
  }
  return impacts;
}

/** Counts the terms of every passage, then sorts the (term, passage) pairs by term, passages ascending (a counting sort). */
function invert(texts: Texts, analysis: Analysis): Postings {
  if (texts.size === 0) throw new UserError('the corpus is empty, expected at least one passage to index');
  const termIds = new Map<string, number>();
  const lengths = new Int32Array(texts.size);
  const pairs: { terms: number[]; frequencies: number[] }[] = [];
  for (let row = 0; row < texts.size; row++) {
    const ids = analysis.analyze(texts.text(row)).map((term) => idOf(termIds, term));
    lengths[row] = ids.length;
    pairs.push(countTerms(Int32Array.from(ids).sort()));
  }
  const offsets = new Uint32Array(termIds.size + 1);
  for (const { terms } of pairs) for (const term of terms) offsets[term + 1]++;
  for (let term = 0; term < termIds.size; term++) offsets[term + 1] += offsets[term];
  const next = offsets.slice();
  const passages = new Int32Array(offsets[termIds.size]);
  const frequencies = new Int32Array(passages.length);
  pairs.forEach((pair, row) => {
    pair.terms.forEach((term, i) => {
      passages[next[term]] = row;
      frequencies[next[term]++] = pair.frequencies[i];
    });
  });
  return { analysis, termIds, offsets, passages, frequencies, lengths };
}

function idOf(termIds: Map<string, number>, term: string): number {
  const known = termIds.get(term);
  if (known !== undefined) return known;
  termIds.set(term, termIds.size);
  return termIds.size - 1;
}

/** Distinct terms of an ascending list of term ids, with their frequencies. */
function countTerms(sorted: Int32Array): { terms: number[]; frequencies: number[] } {
  const terms: number[] = [];
  const frequencies: number[] = [];
  for (const term of sorted) {
    if (term === terms.at(-1)) {
      frequencies[frequencies.length - 1]++;
    } else {
      terms.push(term);
      frequencies.push(1);
    }
  }
  return { terms, frequencies };
}
