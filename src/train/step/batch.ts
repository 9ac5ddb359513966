/** The batch of a step: a pure function of (config, data, pools, step), so that a resumed job meets the same batches. */
import type { RunConfig } from '../../config/schema.js';
import { deriveKey, integer } from '../../core/random.js';
import { notNegatives } from '../../data/texts.js';
import type { Dataset, TokenTable } from '../../data/types.js';
import { tableOf } from '../../encoders/batching.js';
import type { Side } from '../../encoders/dualEncoder.js';
import type { Sampler } from '../../sampling/types.js';
import { clozeTokens, dropWords, type SpecialTokens, splitPieces } from './augment.js';
import { BLOCKED } from './losses.js';
import type { StepBatch } from './sharedMemory.js';
import { type Draw, type StepPools, visitsOfStep } from './visits.js';

export interface BatchSource {
  readonly config: RunConfig;
  readonly dataset: Dataset;
  readonly tokens: Record<Side, TokenTable>;
  readonly special: SpecialTokens;
  /** Undefined: in-batch negatives only. */
  readonly sampler?: Sampler;
}

const CLOZE_RUN = 8;
const NONE = new Int32Array(0);

/** Which queries and passages of the data set the rows of a batch are; queries made of passages' words have no row of their own and are left out. */
export interface BatchRows {
  readonly queries: Int32Array;
  readonly passages: Int32Array;
}

export function buildBatch(source: BatchSource, pools: StepPools, step: number): { batch: StepBatch; draws: Draw[]; rows: BatchRows } {
  const { config, dataset, tokens, special } = source;
  const { seed, train } = config;
  const split = dataset.splits.train;
  const columns = new Map<number, number>(); // passage row → its column in the batch: a passage competes once
  const column = (passage: number): number => {
    if (!columns.has(passage)) columns.set(passage, columns.size);
    return columns.get(passage)!;
  };
  const queries: Int32Array[] = [];
  const rows: { excluded: Int32Array; positive: number; own: Int32Array }[] = [];
  const draws: Draw[] = [];

  const wordKey = deriveKey(seed, 'words', step);
  const pieceKey = deriveKey(seed, 'pieces', step);
  const longest = { query: config.encoder.queryTokens, passage: config.encoder.passageTokens };
  const augmented = (side: Side, row: number, place: number): Int32Array => {
    const kept = dropWords(rowOf(tokens[side], row), train.wordDropout, wordKey, place, special);
    return splitPieces(kept, train.pieceDropout, longest[side], pieceKey, place, special);
  };
  const visits = visitsOfStep(source, pools, step);
  for (const { place, positive, draws: drawn, number } of visits) {
    draws.push(...drawn);
    queries.push(augmented('query', split.rows[place]!, number));
    const own = Int32Array.from(drawn.flatMap(({ passages }) => [...passages]));
    rows.push({ excluded: notNegatives(split, place), positive: split.positives[place]![positive]!, own });
  }
  for (const { query, passage } of clozeQueries(source, step)) {
    queries.push(query);
    rows.push({ excluded: Int32Array.of(passage), positive: passage, own: NONE });
  }

  for (const { positive, own } of rows) {
    column(positive);
    own.forEach(column);
  }
  const passages = [...columns.keys()].map((passage, i) => augmented('passage', passage, queries.length + i));
  const contrast = {
    target: Int32Array.from(rows, ({ positive }) => column(positive)),
    mask: competition(rows, columns, train.inBatch),
  };
  return {
    batch: { step, queries: tableOf(queries), passages: tableOf(passages), contrast },
    draws,
    rows: { queries: Int32Array.from(visits, ({ place }) => split.rows[place]!), passages: Int32Array.from(columns.keys()) },
  };
}

/**
 * The step's extra queries, train.cloze for each judged one, with the passages that they are made of: runs of neighbours in the
 * corpus, which often belong together (a document's parts, an interface's members) and so are each other's hard negatives.
 */
function clozeQueries({ config, dataset, tokens, special }: BatchSource, step: number): { query: Int32Array; passage: number }[] {
  const { seed, train, encoder } = config;
  const key = deriveKey(seed, 'cloze', step);
  return Array.from({ length: Math.round(train.cloze * train.queriesPerStep) }, (_, i) => {
    const place = i % CLOZE_RUN;
    const passage = (integer(key, i - place, 0, dataset.corpus.size) + place) % dataset.corpus.size;
    return { query: clozeTokens(rowOf(tokens.passage, passage), encoder.queryTokens, key, i, special), passage };
  });
}

/** −1e9 where a passage must not compete for a query: its other positives and what else is known, and with inBatch off everything but its own rows. */
function competition(
  rows: { excluded: Int32Array; positive: number; own: Int32Array }[],
  columns: Map<number, number>,
  inBatch: boolean,
): Float32Array {
  const width = columns.size;
  const mask = new Float32Array(rows.length * width).fill(inBatch ? 0 : BLOCKED);
  rows.forEach(({ excluded, positive, own }, i) => {
    for (const passage of own) mask[i * width + columns.get(passage)!] = 0;
    for (const passage of excluded) {
      const at = columns.get(passage);
      if (at !== undefined) mask[i * width + at] = BLOCKED;
    }
    mask[i * width + columns.get(positive)!] = 0;
  });
  return mask;
}

const rowOf = (table: TokenTable, row: number): Int32Array => table.ids.subarray(table.offsets[row]!, table.offsets[row + 1]!);
