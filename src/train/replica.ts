/**
 * One replica of the model: a thread with its own weights and its own backend. All replicas run the same command on the
 * same shared memory and divide its rows among themselves: encoding and searching take shards in turn, a training step
 * splits the batch by length and exchanges vectors, so that every query meets the passages of all replicas.
 */
import { embedding, hostValues, tf } from '../backend/index.js';
import { deriveKey } from '../core/random.js';
import type { TokenTable } from '../data/types.js';
import { chunksByLength, lengthOf } from '../encoders/batching.js';
import { createDualEncoder, type DualEncoder, type EncoderShape, type Side } from '../encoders/dualEncoder.js';
import { assignWeights, createWeights, disposeWeights, parameterCount, type Weights } from '../encoders/parameters.js';
import { encodeRows, SHARD_ROWS } from '../index/encode.js';
import { ExactIndex, QUERY_BLOCK } from '../index/exact.js';
import { Barrier, createBarrierMemory } from './barrier.js';
import { type Contrast, contrastiveLoss } from './contrastive.js';

/** Padded tokens of one pass of a step. More than in bulk encoding, for every pass costs a gradient as large as the vocabulary. */
const STEP_CHUNK_TOKENS = 8192;

type SharedFloats = Float32Array<SharedArrayBuffer>;

/** What all replicas see. Vectors are [rows, D], row after row. */
export interface SharedMemory {
  readonly replicas: number;
  readonly seed: number;
  readonly padId: number;
  readonly encoder: EncoderShape;
  readonly tokens: Record<Side, TokenTable>;
  readonly vectors: Record<Side, SharedFloats>;
  readonly parameters: SharedFloats;
  /** One gradient [P] a replica. */
  readonly gradients: SharedFloats[];
  /** The vectors of one step, [rows, D]. */
  readonly stepVectors: SharedFloats;
  readonly barrier: Int32Array<SharedArrayBuffer>;
  /** The next shard that nobody has taken. */
  readonly cursor: Int32Array<SharedArrayBuffer>;
}

/** One training step's batch, the same for every replica: queries, then passages. */
export interface StepBatch {
  readonly step: number;
  readonly queries: TokenTable;
  readonly passages: TokenTable;
  readonly contrast: Contrast;
}

export interface SearchTask {
  readonly queryRows: Int32Array;
  readonly depth: number;
  /** [queryRows · depth] */
  readonly passages: Int32Array<SharedArrayBuffer>;
  readonly scores: SharedFloats;
}

export type Command =
  | { readonly kind: 'encode'; readonly side: Side; readonly rows: Int32Array }
  | ({ readonly kind: 'search' } & SearchTask)
  | ({ readonly kind: 'step' } & StepBatch);

export const sharedFloats = (length: number): SharedFloats => new Float32Array(new SharedArrayBuffer(4 * length));
export const sharedInts = (length: number): Int32Array<SharedArrayBuffer> => new Int32Array(new SharedArrayBuffer(4 * length));

export function createSharedMemory(
  settings: { replicas: number; seed: number; padId: number; encoder: EncoderShape; maxStepRows: number },
  tokens: Record<Side, TokenTable>,
): SharedMemory {
  const { replicas, seed, padId, encoder, maxStepRows } = settings;
  const width = encoder.transformer.width;
  const P = parameterCount(createDualEncoder(encoder).specs);
  const vectors = (table: TokenTable) => sharedFloats((table.offsets.length - 1) * width);
  return {
    replicas,
    seed,
    padId,
    encoder,
    tokens: { query: shareTokens(tokens.query), passage: shareTokens(tokens.passage) },
    vectors: { query: vectors(tokens.query), passage: vectors(tokens.passage) },
    parameters: sharedFloats(P),
    gradients: Array.from({ length: replicas }, () => sharedFloats(replicas > 1 ? P : 0)),
    stepVectors: sharedFloats(maxStepRows * width),
    barrier: createBarrierMemory(),
    cursor: sharedInts(1),
  };
}

function shareTokens(table: TokenTable): TokenTable {
  const ids = sharedInts(table.ids.length);
  ids.set(table.ids);
  const offsets = new Uint32Array(new SharedArrayBuffer(table.offsets.byteLength));
  offsets.set(table.offsets);
  return { ids, offsets };
}

/** Loss of a step and, with one replica, the flat gradient on the device; with several it is in shared memory. */
export interface StepResult {
  readonly loss: tf.Scalar;
  readonly gradient: tf.Tensor1D;
}

export class Replica {
  readonly encoder: DualEncoder;
  private readonly weights: Weights;
  private readonly barrier: Barrier;

  constructor(
    private readonly shared: SharedMemory,
    private readonly number: number,
  ) {
    this.encoder = createDualEncoder(shared.encoder);
    this.weights = createWeights(this.encoder.specs, shared.parameters);
    this.barrier = new Barrier(shared.barrier, shared.replicas);
  }

  /** Takes the parameters from a tensor [P] that the caller owns. */
  assign(parameters: tf.Tensor1D): void {
    assignWeights(this.encoder.specs, this.weights, parameters);
  }

  /** Takes the parameters from shared memory. */
  pull(): void {
    const flat = tf.tensor1d(this.shared.parameters.slice());
    this.assign(flat);
    flat.dispose();
  }

  /** Encodes shards of rows until none is left; `onShard` hears how many rows this replica knows to be taken. */
  encode(side: Side, rows: Int32Array, onShard?: (rowsTaken: number) => void): void {
    this.takeShards(rows.length, SHARD_ROWS, (begin, end) => {
      encodeRows(
        this.encoder,
        this.weights,
        side,
        this.shared.tokens[side],
        rows.subarray(begin, end),
        this.shared.padId,
        this.shared.vectors[side],
      );
      onShard?.(end);
    });
  }

  search(task: SearchTask, onBlock?: (queriesTaken: number) => void): void {
    const { width, logitScale } = this.encoder;
    const index = new ExactIndex({ values: this.shared.vectors.passage, width });
    this.takeShards(task.queryRows.length, QUERY_BLOCK, (begin, end) => {
      const rows = task.queryRows.subarray(begin, end);
      const hits = index.search({ values: this.shared.vectors.query, width }, rows, task.depth, logitScale);
      task.passages.set(hits.passages, begin * task.depth);
      task.scores.set(hits.scores, begin * task.depth);
      onBlock?.(end);
    });
    index.dispose();
  }

  /** Forward, exchange, loss, backward of this replica's share of the batch. */
  step(batch: StepBatch): StepResult {
    return tf.tidy(() => {
      const variables = this.encoder.specs.map((spec) => this.weights[spec.name]!);
      const { value, grads } = tf.variableGrads(() => this.loss(batch), variables);
      const flat = tf.concat1d(
        variables.map((variable) => {
          const gradient = grads[variable.name];
          return gradient ? (tf.reshape(gradient, [-1]) as tf.Tensor1D) : (tf.zeros([variable.size]) as tf.Tensor1D);
        }),
      );
      return { loss: value, gradient: flat };
    });
  }

  /** Writes this replica's gradient to shared memory and waits for the others'. */
  publishGradient(gradient: tf.Tensor1D): void {
    this.shared.gradients[this.number]!.set(hostValues(gradient)); // replicas live on CPU backends: no device to wait for
    this.barrier.wait();
  }

  fail(): void {
    this.barrier.fail();
  }

  dispose(): void {
    disposeWeights(this.weights);
  }

  private loss(batch: StepBatch): tf.Scalar {
    const { places, vectors } = this.forward(batch); // own rows: [n, D]
    const Q = batch.queries.offsets.length - 1;
    const P = batch.passages.offsets.length - 1;
    // The loss of all rows, differentiated with respect to this replica's own rows.
    const exchanged = tf.customGrad((own, save) => {
      const all = this.gatherVectors(own as tf.Tensor2D, places, Q + P); // [Q + P, D]
      const queries = tf.slice(all, [0, 0], [Q, -1]) as tf.Tensor2D;
      const passages = tf.slice(all, [Q, 0], [P, -1]) as tf.Tensor2D;
      const { loss, queryGradient, passageGradient } = contrastiveLoss(queries, passages, batch.contrast, this.encoder.logitScale);
      const gradient = embedding(tf.concat2d([queryGradient, passageGradient], 0), places); // [n, D]
      (save as (tensors: tf.Tensor[]) => void)([gradient]);
      return { value: loss, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(saved[0]!, dy) };
    });
    return exchanged(vectors) as tf.Scalar;
  }

  /** Encodes this replica's rows; `places` counts queries from 0 and passages from Q, in the order of `vectors`. */
  private forward(batch: StepBatch): { places: Int32Array; vectors: tf.Tensor2D } {
    const { replicas, padId, seed } = this.shared;
    const parts: tf.Tensor2D[] = [];
    const places: number[] = [];
    for (const side of ['query', 'passage'] as const) {
      const table = side === 'query' ? batch.queries : batch.passages;
      const first = side === 'query' ? 0 : batch.queries.offsets.length - 1;
      const rows = ownRows(table, this.number, replicas);
      chunksByLength(table, rows, STEP_CHUNK_TOKENS, padId).forEach((chunk, i) => {
        const key = deriveKey(seed, `dropout/${side}`, batch.step, this.number, i);
        parts.push(this.encoder.encode(this.weights, side, chunk.batch, key)); // [B, D]
        for (const place of chunk.places) places.push(first + rows[place]!);
      });
    }
    return { places: Int32Array.from(places), vectors: tf.concat2d(parts, 0) };
  }

  /** The vectors of all replicas, by place: [Q + P, D]. */
  private gatherVectors(own: tf.Tensor2D, places: Int32Array, rows: number): tf.Tensor2D {
    if (this.shared.replicas === 1) {
      const order = new Int32Array(rows);
      places.forEach((place, i) => {
        order[place] = i;
      });
      return embedding(own, order);
    }
    const { stepVectors } = this.shared;
    const width = this.encoder.width;
    const values = hostValues(own); // see publishGradient
    places.forEach((place, i) => stepVectors.set(values.subarray(i * width, (i + 1) * width), place * width));
    this.barrier.wait();
    return tf.tensor2d(stepVectors.slice(0, rows * width), [rows, width]);
  }

  private takeShards(total: number, size: number, work: (begin: number, end: number) => void): void {
    for (;;) {
      const begin = Atomics.add(this.shared.cursor, 0, 1) * size;
      if (begin >= total) break;
      work(begin, Math.min(total, begin + size));
    }
    this.barrier.wait();
  }
}

/** Every replicas-th row by length, so that each replica has the same share of long and short rows. */
function ownRows(table: TokenTable, number: number, replicas: number): Int32Array {
  const rows = Int32Array.from({ length: table.offsets.length - 1 }, (_, row) => row);
  rows.sort((a, b) => lengthOf(table, b) - lengthOf(table, a) || a - b);
  return rows.filter((_, rank) => rank % replicas === number);
}

/** Writes the flat gradient summed over replicas, in their order, to a tensor [P]. */
export function sumGradients(shared: SharedMemory): tf.Tensor1D {
  const sum = Float32Array.from(shared.gradients[0]!);
  for (const gradient of shared.gradients.slice(1)) for (let i = 0; i < sum.length; i++) sum[i]! += gradient[i]!;
  return tf.tensor1d(sum);
}
