/**
 * One replica's share of a step: forward, exchange of vectors, loss, backward. The loss is a function of the vectors alone and has its gradient in
 * closed form, so that memory can be saved without changing the result: GradCache (Gao et al. 2021) encodes chunk by chunk without keeping
 * anything, takes the exact loss of the whole batch, and encodes each chunk again to carry its vectors' gradient back. Where queries compete for
 * their own passages alone no second pass is needed: gradients of a few queries at a time add up to the same.
 */
import { embedding, hostValues, tf } from '../../backend/index.js';
import { deriveKey } from '../../core/random.js';
import type { TokenTable } from '../../data/types.js';
import { type ChunkLimits, chunksByLength, joined, lengthOf, passesOf, rowsIn } from '../../encoders/batching.js';
import type { DualEncoder, Side } from '../../encoders/dualEncoder.js';
import { forwardFlops, type PassShape } from '../../encoders/flops.js';
import type { Weights } from '../../encoders/parameters.js';
import { mostTokens, type TokenBatch } from '../../encoders/transformer.js';
import type { Barrier } from '../group/barrier.js';
import type { GradientSums } from '../group/gradientSums.js';
import { type Contrast, contrastiveLoss } from './contrastive.js';
import { competes } from './losses.js';
import type { SharedMemory, StepBatch } from './sharedMemory.js';

/** Padded tokens of one pass of a step: more than in bulk encoding, for every pass costs something. */
const PASS_TOKENS = 8192;
/**
 * Seconds on one thread of a CPU (bench/step.mjs, jobs of the quickstart in turns): of a part of a pass with a length of its own, whatever it computes; of a
 * token, whatever the encoder; of a floating-point operation. Their ratios matter alone.
 */
const SECONDS = { part: 3e-3, token: 1.5e-6, operation: 1 / 90e9 };
/** Tokens of the sequences that a pass is reckoned with. */
const RECKONED_TOKENS = 32;

/** What the sequences of one length may have in a step: padding until another part is cheaper (5 tokens of MiniLM, 1,100 of the quickstart's encoder). */
export function stepChunk(shape: PassShape): ChunkLimits {
  const operations = (3 * forwardFlops(shape, 1, RECKONED_TOKENS)) / RECKONED_TOKENS;
  const { part, token, operation } = SECONDS;
  return {
    tokens: Math.min(PASS_TOKENS, mostTokens(shape.transformer)),
    padding: Math.round(part / (token + operations * operation)),
  };
}

export interface StepContext {
  readonly shared: SharedMemory;
  readonly number: number;
  readonly encoder: DualEncoder;
  readonly weights: Weights;
  readonly barrier: Barrier;
  readonly sums: GradientSums;
}

/** Sequences that are encoded together by one tower. Places count queries from 0 and passages from Q; they number the rows of dropout too. */
interface TowerPass {
  readonly side: Side;
  readonly parts: readonly TokenBatch[];
}

/** A replica's share of the loss; `sums` hears its gradient. Shares add up to the step's. */
export function computeStep(context: StepContext, batch: StepBatch): tf.Scalar {
  const { kind } = context.shared.memory;
  return tf.tidy(() => {
    if (kind === 'whole') return wholeStep(context, batch);
    return kind === 'gradCache' ? cachedStep(context, batch) : accumulatedStep(context, batch);
  });
}

function wholeStep(context: StepContext, batch: StepBatch): tf.Scalar {
  const passes = ownPasses(context, batch);
  const places = placesOf(passes);
  const loss = context.sums.add(() => {
    const vectors = encodePasses(context, passes, batch.step); // own rows: [n, D]
    return withGradient(vectors, (own) => {
      const all = gatherVectors(context, own, places, rowsIn(batch.queries) + rowsIn(batch.passages)); // [Q + P, D]
      return ownGradient(context, all, places, batch);
    });
  });
  return ownShare(context, loss);
}

function cachedStep(context: StepContext, batch: StepBatch): tf.Scalar {
  const passes = ownPasses(context, batch, context.shared.memory.chunkRows);
  const places = placesOf(passes);
  const vectors = tf.tidy(() => encodePasses(context, passes, batch.step)); // [n, D], nothing kept for a backward pass
  const all = gatherVectors(context, vectors, places, rowsIn(batch.queries) + rowsIn(batch.passages)); // [Q + P, D]
  const { loss, gradient } = ownGradient(context, all, places, batch);
  let begin = 0;
  for (const pass of passes) {
    const { length } = placesOf([pass]);
    const slope = tf.slice(gradient, [begin, 0], [length, -1]); // [S, D]
    // The gradient of Σ v·slope with respect to the parameters is the pass's part of the loss's. The same key drops the same values.
    context.sums.add(() => tf.sum(tf.mul(encodePasses(context, [pass], batch.step), slope)) as tf.Scalar).dispose();
    slope.dispose();
    begin += length;
  }
  return ownShare(context, loss);
}

function accumulatedStep(context: StepContext, batch: StepBatch): tf.Scalar {
  const { replicas, memory } = context.shared;
  const Q = rowsIn(batch.queries);
  let total = tf.scalar(0);
  for (let group = context.number; group * memory.microBatch < Q; group += replicas) {
    const { queries, passages, contrast } = groupOf(batch, group * memory.microBatch, Math.min(Q, (group + 1) * memory.microBatch));
    const places = [...queries, ...passages.map((row) => Q + row)];
    const passes = passesOfTowers(context, batch, places);
    const order = orderOf(placesOf(passes), places);
    const loss = context.sums.add(() => {
      const vectors = embedding(encodePasses(context, passes, batch.step), order); // queries, then passages: [q + p, D]
      const value = withGradient(vectors, (own) => lossOf(context, own, queries.length, contrast));
      return tf.mul(value, queries.length / Q) as tf.Scalar; // a mean over all queries of the step
    });
    const next = tf.add(total, loss) as tf.Scalar;
    tf.dispose([total, loss]);
    total = next;
  }
  return total;
}

/** Loss of queries above passages [q + p, D] and its gradient with respect to them. */
function lossOf(
  { encoder, shared }: StepContext,
  vectors: tf.Tensor2D,
  q: number,
  contrast: Contrast,
): { loss: tf.Scalar; gradient: tf.Tensor2D } {
  const queries = tf.slice(vectors, [0, 0], [q, -1]) as tf.Tensor2D;
  const passages = tf.slice(vectors, [q, 0], [-1, -1]) as tf.Tensor2D;
  const { loss, queryGradient, passageGradient } = contrastiveLoss(queries, passages, contrast, {
    loss: shared.loss,
    logitScale: encoder.logitScale,
  });
  return { loss, gradient: tf.concat2d([queryGradient, passageGradient], 0) };
}

/** The loss of all rows [Q + P, D], and its gradient with respect to this replica's own rows [n, D]. */
function ownGradient(
  context: StepContext,
  all: tf.Tensor2D,
  places: Int32Array,
  batch: StepBatch,
): { loss: tf.Scalar; gradient: tf.Tensor2D } {
  const { loss, gradient } = lossOf(context, all, rowsIn(batch.queries), batch.contrast);
  return { loss, gradient: embedding(gradient, places) };
}

/** A value whose gradient comes with it. */
function withGradient(x: tf.Tensor2D, f: (x: tf.Tensor2D) => { loss: tf.Scalar; gradient: tf.Tensor2D }): tf.Scalar {
  return tf.customGrad((input, save) => {
    const { loss, gradient } = f(input as tf.Tensor2D);
    (save as (tensors: tf.Tensor[]) => void)([gradient]);
    return { value: loss, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(saved[0]!, dy) };
  })(x) as tf.Scalar;
}

/** All replicas compute the whole loss; the first one's counts. */
const ownShare = ({ number }: StepContext, loss: tf.Scalar): tf.Scalar => (number === 0 ? loss : tf.scalar(0));

/** This replica's rows of the batch in passes of at most `rows` sequences. */
function ownPasses(context: StepContext, batch: StepBatch, rows?: number): TowerPass[] {
  const { number, shared } = context;
  return passesOfTowers(context, batch, ownPlaces(joined(batch.queries, batch.passages), number, shared.replicas), rows);
}

/** Towers that are one encode queries and passages together: fewer passes. */
function passesOfTowers({ encoder, shared }: StepContext, batch: StepBatch, places: ArrayLike<number>, rows?: number): TowerPass[] {
  const table = joined(batch.queries, batch.passages);
  const Q = rowsIn(batch.queries);
  const all = Array.from(places);
  const towers: [Side, number[]][] =
    encoder.shape.towers === 'shared'
      ? [['passage', all]]
      : [
          ['query', all.filter((place) => place < Q)],
          ['passage', all.filter((place) => place >= Q)],
        ];
  const limits = { ...stepChunk(encoder.shape), rows };
  return towers.flatMap(([side, own]) =>
    passesOf(chunksByLength(table, own, limits, shared.padId), limits).map((parts) => ({ side, parts })),
  );
}

/** [n, D], pass after pass, with the step's dropout. */
function encodePasses({ encoder, weights, shared }: StepContext, passes: readonly TowerPass[], step: number): tf.Tensor2D {
  const { seed, memory } = shared;
  const vectors = passes.map(({ side, parts }) => {
    const key = deriveKey(seed, 'dropout', step);
    return encoder.encode(weights, side, parts, { key, rates: encoder.shape.dropout, recompute: memory.recompute }); // [S, D]
  });
  return tf.concat2d(vectors, 0);
}

/** The vectors of all replicas, by place: [Q + P, D]. */
function gatherVectors({ shared, encoder, barrier }: StepContext, own: tf.Tensor2D, places: Int32Array, rows: number): tf.Tensor2D {
  if (shared.replicas === 1)
    return embedding(
      own,
      orderOf(
        places,
        Array.from({ length: rows }, (_, place) => place),
      ),
    );
  const { stepVectors } = shared;
  const { width } = encoder;
  const values = hostValues(own); // replicas live on CPU backends: no device to wait for
  places.forEach((place, i) => stepVectors.set(values.subarray(i * width, (i + 1) * width), place * width));
  barrier.wait();
  return tf.tensor2d(stepVectors.slice(0, rows * width), [rows, width]);
}

/** Where each of the `wanted` places stands in `places`. */
function orderOf(places: Int32Array, wanted: readonly number[]): Int32Array {
  const at = new Map(Array.from(places, (place, i) => [place, i]));
  return Int32Array.from(wanted, (place) => at.get(place)!);
}

/** Queries [begin, end) with the passages that compete for one of them. */
function groupOf(batch: StepBatch, begin: number, end: number): { queries: number[]; passages: number[]; contrast: Contrast } {
  const P = rowsIn(batch.passages);
  const { mask, target, ranker } = batch.contrast;
  const queries = Array.from({ length: end - begin }, (_, i) => begin + i);
  const passages = Array.from({ length: P }, (_, column) => column).filter((column) =>
    queries.some((i) => competes(mask[i * P + column]!)),
  );
  const columns = new Map(passages.map((column, i) => [column, i]));
  const part = (values: Float32Array) => Float32Array.from(queries.flatMap((i) => passages.map((column) => values[i * P + column]!)));
  return {
    queries,
    passages,
    contrast: {
      target: Int32Array.from(queries, (i) => columns.get(target[i]!)!),
      mask: part(mask),
      ...(ranker && { ranker: part(ranker) }),
    },
  };
}

const placesOf = (passes: readonly TowerPass[]): Int32Array =>
  Int32Array.from(passes.flatMap(({ parts }) => parts.flatMap(({ rows }) => [...rows])));

/** Every replicas-th place by length, so that each replica has the same share of long and short rows. */
function ownPlaces(table: TokenTable, number: number, replicas: number): Int32Array {
  const rows = Int32Array.from({ length: rowsIn(table) }, (_, row) => row);
  rows.sort((a, b) => lengthOf(table, b) - lengthOf(table, a) || a - b);
  return rows.filter((_, rank) => rank % replicas === number);
}
