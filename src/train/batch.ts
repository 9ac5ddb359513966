/** The batch of a step: a pure function of (config, data, pools, step), so that a resumed job meets the same batches. */
import type { RunConfig } from '../config/schema.js';
import { deriveKey, integer, uniform } from '../core/random.js';
import { notNegatives } from '../data/texts.js';
import type { Dataset, TokenTable } from '../data/types.js';
import { tableOf } from '../encoders/batching.js';
import type { Side } from '../encoders/dualEncoder.js';
import { drawNegatives, type Negatives } from '../sampling/negatives.js';
import { type Pools, placeOf, poolAt } from '../sampling/pools.js';
import type { Pool, Sampler } from '../sampling/types.js';
import { clozeTokens, dropWords, type SpecialTokens, splitPieces } from './augment.js';
import { BLOCKED } from './contrastive.js';
import { queriesOfStep } from './order.js';
import type { StepBatch } from './sharedMemory.js';

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

/** The negatives drawn for one query of a step. */
export interface Draw extends Negatives {
  readonly pool: Pool;
}

/** The queries of a step that draw negatives: their places in the step's batch, ascending; sampler.share of them, none before sampler.fromStep. */
export function drawingQueries({ seed, sampler, train }: Pick<RunConfig, 'seed' | 'sampler' | 'train'>, step: number): Int32Array {
  if (sampler.kind === 'none' || step < sampler.fromStep) return NONE;
  const all = Int32Array.from({ length: train.queriesPerStep }, (_, i) => i);
  if (sampler.share === 1) return all;
  const key = deriveKey(seed, 'share', step);
  return all.filter((i) => uniform(key, i, 0) < sampler.share);
}

export function buildBatch(source: BatchSource, pools: Pools | undefined, step: number): { batch: StepBatch; draws: Draw[] } {
  const { config, dataset, tokens, special, sampler } = source;
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

  const positiveKey = deriveKey(seed, 'positive', step);
  const negativeKey = deriveKey(seed, 'negatives', step);
  const wordKey = deriveKey(seed, 'words', step);
  const pieceKey = deriveKey(seed, 'pieces', step);
  const longest = { query: config.encoder.queryTokens, passage: config.encoder.passageTokens };
  const augmented = (side: Side, row: number, place: number): Int32Array => {
    const kept = dropWords(rowOf(tokens[side], row), train.wordDropout, wordKey, place, special);
    return splitPieces(kept, train.pieceDropout, longest[side], pieceKey, place, special);
  };
  const drawing = new Set(drawingQueries(config, step));
  queriesOfStep(seed, dataset, train.queriesPerStep, step).forEach((place, i) => {
    const positives = split.positives[place]!;
    const chosen = integer(positiveKey, i, 0, positives.length);
    let own: Int32Array = NONE;
    if (sampler && 'negatives' in config.sampler && drawing.has(i)) {
      const pool = poolOf(source, pools, place, chosen);
      const drawn = drawNegatives(sampler, pool, config.sampler.negatives, (element) => uniform(negativeKey, i, element));
      draws.push({ ...drawn, pool });
      own = drawn.passages;
    }
    queries.push(augmented('query', split.rows[place]!, i));
    rows.push({ excluded: notNegatives(split, place), positive: positives[chosen]!, own });
  });
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
  return { batch: { step, queries: tableOf(queries), passages: tableOf(passages), contrast }, draws };
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

/** The query's pool; the data's own negatives where those are drawn; without pools (sampler random) an empty one that names what must not be. */
function poolOf({ config, dataset }: BatchSource, pools: Pools | undefined, place: number, positive: number): Pool {
  const split = dataset.splits.train;
  const { rows } = split;
  const query = dataset.queries.id(rows[place]!);
  const known = { query, positives: notNegatives(split, place), corpusSize: dataset.corpus.size };
  if (config.sampler.kind === 'given') {
    const given = split.negatives?.[place] ?? NONE;
    return { ...known, passages: given, scores: new Float32Array(given.length), positiveScore: 0 };
  }
  if (!pools) return { ...known, passages: NONE, scores: new Float32Array(0), positiveScore: 0 };
  const at = placeOf(pools, rows[place]!);
  if (at < 0) throw new Error(`internal: query ${query} has no pool`);
  return poolAt(pools, at, positive, known);
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
