/** The pilot on a checkpoint of a job: held-out queries, their ranking by that checkpoint, and the positives that are hidden among the candidates. */
import path from 'node:path';
import { selectBackend } from '../backend/index.js';
import { concatenated } from '../core/arrays.js';
import { UserError } from '../core/errors.js';
import { deriveKey, permutation, uniform } from '../core/random.js';
import type { Reporter } from '../core/reporter.js';
import { encodeRow } from '../data/tokenCache.js';
import { tableOf } from '../encoders/batching.js';
import { createDualEncoder, type Side } from '../encoders/dualEncoder.js';
import { createInference } from '../encoders/inference.js';
import { openModelFolder } from '../encoders/modelFolder.js';
import { createWeights, disposeWeights } from '../encoders/parameters.js';
import { prefixed } from '../encoders/prefixed.js';
import { encodeTable } from '../index/encode.js';
import { ExactIndex, queryBlock } from '../index/exact.js';
import { createSampler } from '../sampling/index.js';
import type { Pool, Sampler } from '../sampling/types.js';
import { checkpointSteps, loadModel } from '../train/folder/checkpoint.js';
import { type JobView, openJobView } from './jobView.js';
import { type PilotQuery, type PilotResult, pilot } from './pilot.js';

export interface PilotJobOptions {
  /** Of the checkpoint; the last where not given. */
  readonly step?: number | undefined;
  readonly queries: number;
  readonly ranks: number;
  readonly seed: number;
  readonly reporter: Reporter;
}

export interface PilotJob extends PilotResult {
  readonly name: string;
  readonly data: string;
  readonly step: number;
  /** Mean rank of the positives among all passages. */
  readonly positiveRank: number;
}

export async function pilotJob(folder: string, { step, queries, seed, reporter, ...asking }: PilotJobOptions): Promise<PilotJob> {
  const view = await openJobView(folder, reporter);
  const ranks = Math.min(asking.ranks, view.dataset.corpus.size - 1); // all but the positive
  const asked = heldOut(view, queries, seed);
  if (asked.length < 2)
    throw new UserError(
      `${folder}: found ${asked.length} dev ${asked.length === 1 ? 'query' : 'queries'} to look at; expected two or more, for their variance is measured; see --queries.`,
    );
  await selectBackend(view.config.backend);
  const model = await openModelFolder(path.join(folder, 'model'));
  const encoder = createDualEncoder(model.shape);
  const steps = checkpointSteps(folder);
  const chosen = step ?? steps.at(-1);
  if (chosen === undefined || !steps.includes(chosen))
    throw new UserError(
      `${folder}: found no checkpoint of step ${chosen ?? '…'}; expected one of ${steps.join(', ')} (train.keepCheckpoints keeps more).`,
    );
  const weights = createWeights(encoder.specs, loadModel(folder, encoder.specs, chosen));
  const tokens = (side: Side, row: number) =>
    encodeRow(
      side === 'query' ? view.dataset.queries : view.dataset.corpus,
      row,
      prefixed(model.tokenizer, model.prefixes[side]),
      model.maxTokens[side],
    );
  const vectorsOf = (side: Side, rows: Int32Array): Promise<Float32Array> => {
    const table = tableOf(Array.from(rows, (row) => tokens(side, row)));
    return encodeTable(createInference(encoder, weights, side), table, model.tokenizer.padId, encoder.width);
  };
  const passages = await vectorsOf(
    'passage',
    Int32Array.from({ length: view.dataset.corpus.size }, (_, row) => row),
  );
  const rows = Int32Array.from(asked, (i) => view.dataset.splits.dev.rows[i]!);
  const ranked = await search(encoder.width, encoder.logitScale, passages, await vectorsOf('query', rows), view.dataset.corpus.size);
  const samplers = samplersOf(view, ranks);
  const made = Array.from(asked, (i, place) => pilotQuery(view, i, ranked(place), { samplers, tokens, ranks, seed }));
  const phase = reporter.phase('pilot', made.length, 'queries');
  const result = await pilot(encoder, weights, made, { ranks, seed, onQuery: (done) => phase.update(done) });
  phase.end();
  disposeWeights(weights);
  return {
    ...result,
    name: view.config.name,
    data: view.dataset.name,
    step: chosen,
    positiveRank: made.reduce((sum, { rank }) => sum + rank, 0) / made.length,
  };
}

/** The best few as the job would take them, the best K evenly, and SimANS: the job's own, or the defaults where it has another sampler. */
function samplersOf({ config }: JobView, ranks: number): Record<string, Sampler> {
  const drawing = config.sampler;
  const negatives = drawing.kind === 'none' ? 1 : drawing.negatives;
  const pool = Math.min('pool' in drawing ? drawing.pool : 100, ranks);
  const simans = drawing.kind === 'simans' ? drawing : ({ kind: 'simans', a: 0.5, b: 0, kernel: 'squared' } as const);
  const density = `a = ${simans.a}, b = ${simans.b}${simans.kernel === 'squared' ? '' : `, ${simans.kernel}`}`;
  return {
    [`topk, ${negatives}`]: createSampler({ kind: 'topkUniform', pool: Math.min(negatives, pool) }),
    [`topkUniform, ${pool}`]: createSampler({ kind: 'topkUniform', pool }),
    [`simans, ${density}`]: createSampler({ ...simans, pool }),
  };
}

interface Asking {
  readonly samplers: Readonly<Record<string, Sampler>>;
  readonly tokens: (side: Side, row: number) => ArrayLike<number>;
  readonly ranks: number;
  readonly seed: number;
}

/** The i-th judged dev query with all passages ranked: its first positive, the first `ranks` others, and a random one. */
function pilotQuery({ dataset }: JobView, i: number, ranked: Ranked, { samplers, tokens, ranks, seed }: Asking) {
  const { rows, positives } = dataset.splits.dev;
  const [gold, ...others] = positives[i]!;
  const rank = ranked.passages.indexOf(gold!) + 1;
  const kept = Int32Array.from([...ranked.passages.keys()].filter((at) => at !== rank - 1).slice(0, ranks));
  const passages = kept.map((at) => ranked.passages[at]!);
  const pool: Pool = {
    query: dataset.queries.id(rows[i]!),
    passages,
    scores: Float32Array.from(kept, (at) => ranked.scores[at]!),
    positiveScore: ranked.scores[rank - 1]!,
    positives: Int32Array.from(positives[i]!).sort(),
    corpusSize: dataset.corpus.size,
  };
  const key = deriveKey(seed, 'pilot random');
  const random = createSampler({ kind: 'random' }).draw(pool, 1, (element) => uniform(key, i, element))[0]!;
  const query: PilotQuery = {
    tokens: tokens('query', rows[i]!),
    passages: [gold!, ...passages].map((passage) => tokens('passage', passage)),
    scores: concatenated(Float32Array, [[pool.positiveScore], pool.scores]),
    hidden: new Set(Array.from(passages.keys(), (r) => r + 1).filter((r) => others.includes(passages[r - 1]!))),
    laws: Object.fromEntries(Object.entries(samplers).map(([name, sampler]) => [name, sampler.probabilities!(pool)])),
    random: { tokens: tokens('passage', random), score: ranked.scores[ranked.passages.indexOf(random)]! },
  };
  return { ...query, rank };
}

/** Dev queries, drawn: positions in dev.rows. */
function heldOut({ dataset }: JobView, count: number, seed: number): Int32Array {
  const { dev } = dataset.splits;
  const judged = Int32Array.from([...dev.positives.keys()].filter((i) => dev.positives[i]!.length > 0));
  return permutation(deriveKey(seed, 'pilot queries'), judged.length)
    .slice(0, count)
    .map((i) => judged[i]!);
}

interface Ranked {
  readonly passages: Int32Array;
  readonly scores: Float32Array;
}

/** Every passage ranked for each query: positives are to be found wherever they are. */
async function search(width: number, scale: number, passages: Float32Array, queries: Float32Array, size: number) {
  const index = new ExactIndex({ values: passages, width });
  const hits = new Map<number, Ranked>();
  const count = queries.length / width;
  const block = queryBlock(size);
  for (let begin = 0; begin < count; begin += block) {
    const rows = Int32Array.from({ length: Math.min(block, count - begin) }, (_, i) => begin + i);
    const found = await index.search({ values: queries, width }, rows, size, scale);
    rows.forEach((row, i) =>
      hits.set(row, { passages: found.passages.slice(i * size, (i + 1) * size), scores: found.scores.slice(i * size, (i + 1) * size) }),
    );
  }
  return (place: number) => hits.get(place)!;
}
