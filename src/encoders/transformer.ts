/**
 * BERT (Devlin et al. 2019): embeddings, then post-LayerNorm blocks of self-attention and a GELU feed-forward layer.
 * Letters: B sequences, T tokens (padded), N rows that a layer computes, D width, H heads, F feed-forward width, V vocabulary.
 */
import {
  attention,
  dense,
  denseGelu,
  dropoutMask,
  embedding,
  firstTokenAttention,
  largestBuffer,
  layerNorm,
  recomputed,
  residualLayerNorm,
  tf,
} from '../backend/index.js';
import type { Key } from '../core/random.js';
import { densePair, denseSpecs, normPair, normSpecs, type ParameterSpec, type Tensors } from './parameters.js';

/** The families that differ in the names of their tensors and in the keys of their config.json (architectures.ts); the mathematics is one. */
export type Architecture = 'bert' | 'ernie' | 'roberta' | 'xlm-roberta' | 'distilbert' | 'electra';

export interface TransformerShape {
  readonly architecture: Architecture;
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly vocabulary: number;
  /** Rows of the position table; a sequence's first token takes row `firstPosition` (0; RoBERTa: its padding id + 1). */
  readonly positions: number;
  readonly firstPosition: number;
  /** Rows of the token type table, of which the first is added to every token; 0: there is none (DistilBERT). */
  readonly tokenTypes: number;
  /** Rows of ERNIE's task type table, likewise; 0: there is none. */
  readonly taskTypes: number;
  /** Width of the embedding tables; where it is not `width`, a dense layer leads from one to the other (small ELECTRA). */
  readonly embeddingWidth: number;
  readonly activation: 'gelu' | 'geluTanh' | 'relu';
  /** Added to the variance in LayerNorm. */
  readonly epsilon: number;
}

/** Tokens whose widest activations the active backend can hold in one array: [N, feedForward], or keys and values [N, 2·width]. */
export const mostTokens = ({ width, feedForward }: Pick<TransformerShape, 'width' | 'feedForward'>): number =>
  Math.floor(largestBuffer() / 4 / Math.max(feedForward, 2 * width));

export interface DropoutRates {
  readonly hidden: number;
  readonly attention: number;
}

/** Sequences padded to one length. */
export interface TokenBatch {
  /** [B·T], row by row. */
  readonly ids: Int32Array;
  /** [B] */
  readonly lengths: Int32Array;
  /** T */
  readonly tokens: number;
  /** [B], each sequence's number in its step: dropout depends on it, not on the company that it is encoded in. */
  readonly rows: Int32Array;
  /** [B], where the second text of a pair begins (its tokens are of type 1); absent: all sequences are single texts. */
  readonly seconds?: Int32Array;
}

/** What training adds to a pass: dropout under a key, and layers that are computed again in the backward pass instead of kept. */
export interface Training {
  readonly key: Key;
  readonly rates: DropoutRates;
  readonly recompute: boolean;
}

const PADDING = -1e9;

/**
 * Every parameter under `prefix`. Matrices start with deviation 1/√in, so that signal passes at any width and [CLS]
 * attends evenly from the first step; BERT's 0.02 is 1/√2500 and stalls narrow encoders trained from nothing.
 */
export function transformerSpecs(prefix: string, shape: TransformerShape): ParameterSpec[] {
  const { width: D, feedForward: F, embeddingWidth: E } = shape;
  const table = (name: string, rows: number, deviation: number): ParameterSpec[] =>
    rows === 0 ? [] : [{ name: `${prefix}embeddings.${name}.weight`, shape: [rows, E], deviation, mean: 0, decays: true }];
  const specs = [
    ...table('word_embeddings', shape.vocabulary, 0.1).map((spec) => ({ ...spec, table: true })),
    ...table('position_embeddings', shape.positions, 0.01),
    ...table('token_type_embeddings', shape.tokenTypes, 0.01),
    ...table('task_type_embeddings', shape.taskTypes, 0.01),
    ...normSpecs(`${prefix}embeddings.LayerNorm`, E),
    ...(E === D ? [] : denseSpecs(`${prefix}embeddings_project`, D, E)),
  ];
  for (let i = 0; i < shape.layers; i++) {
    const layer = `${prefix}encoder.layer.${i}.`;
    specs.push(
      ...denseSpecs(`${layer}attention.self.query`, D, D, 0.25), // logits of deviation ¼: attention begins as an average
      ...denseSpecs(`${layer}attention.self.kv`, 2 * D, D),
      ...denseSpecs(`${layer}attention.output.dense`, D, D),
      ...normSpecs(`${layer}attention.output.LayerNorm`, D),
      ...denseSpecs(`${layer}intermediate.dense`, F, D),
      ...denseSpecs(`${layer}output.dense`, D, F),
      ...normSpecs(`${layer}output.LayerNorm`, D),
    );
  }
  return specs;
}

/**
 * The last layer's vectors: of every token [B·T, D], or of each sequence's first alone [B, D]. In the latter case only [CLS] asks in the
 * last layer: the other tokens' outputs are never read, and are not computed.
 */
export function transformer(
  weights: Tensors,
  prefix: string,
  shape: TransformerShape,
  batch: TokenBatch,
  output: 'first' | 'all',
  training?: Training,
): tf.Tensor2D {
  let x = embedded(weights, prefix, shape, batch, training); // [B·T, D]
  for (let i = 0; i < shape.layers; i++) {
    const firstOnly = output === 'first' && i === shape.layers - 1;
    const layer = (input: tf.Tensor2D, own: Tensors) =>
      block(own, `${prefix}encoder.layer.${i}.`, shape, batch, input, { firstOnly, number: i, training });
    x = training?.recompute ? recomputed(layer, x, select(weights, `${prefix}encoder.layer.${i}.`)) : layer(x, weights);
  }
  return x;
}

interface BlockOptions {
  readonly firstOnly: boolean;
  readonly number: number;
  readonly training: Training | undefined;
}

/** One layer: x [B·T, D] → [N, D], N = B·T, or B where only first tokens ask. */
function block(
  weights: Tensors,
  prefix: string,
  shape: TransformerShape,
  batch: TokenBatch,
  x: tf.Tensor2D,
  options: BlockOptions,
): tf.Tensor2D {
  const { firstOnly, number, training } = options;
  const { heads, epsilon } = shape;
  const matrix = (name: string) => densePair(weights, prefix + name);
  const norm = (name: string) => normPair(weights, prefix + name);
  const T = batch.tokens;
  const padding = tf.tensor2d(paddingMask(batch), [batch.lengths.length, T]); // [B, T]; made here, for a layer may be computed again
  const mask = 1 + 3 * number; // numbers the dropout masks of a pass: 0 is the embeddings'
  const asking = firstOnly ? firstTokens(x, batch) : x; // [N, D]
  const query = dense(asking, ...matrix('attention.self.query')); // [N, D]
  const rate = training?.rates.attention ?? 0;
  const dropout = training && rate > 0 ? { rate, key: training.key, mask, rows: batch.rows } : undefined;
  const context = firstOnly
    ? firstTokenAttention(query, x, ...matrix('attention.self.kv'), padding, heads, dropout) // [B, D]
    : attention(query, dense(x, ...matrix('attention.self.kv')), padding, heads, dropout); // [B·T, D]
  const attended = dropped(dense(context, ...matrix('attention.output.dense')), batch, training, mask + 1); // [N, D]
  const middle = residualLayerNorm(attended, asking, ...norm('attention.output.LayerNorm'), epsilon); // [N, D]
  const inner = activated(shape.activation, middle, ...matrix('intermediate.dense')); // [N, F]
  const outer = dropped(dense(inner, ...matrix('output.dense')), batch, training, mask + 2); // [N, D]
  return residualLayerNorm(outer, middle, ...norm('output.LayerNorm'), epsilon); // [N, D]
}

/** word + position + token type (+ task type), normalised → [B·T, D] */
function embedded(weights: Tensors, prefix: string, shape: TransformerShape, batch: TokenBatch, training?: Training): tf.Tensor2D {
  const B = batch.lengths.length;
  const T = batch.tokens;
  const table = (name: string) => weights[`${prefix}embeddings.${name}.weight`] as tf.Tensor2D;
  const rowsOf = (name: string, first: number, rows: number) =>
    embedding(
      table(name),
      Int32Array.from({ length: rows }, (_, row) => first + row),
    ); // [rows, E]
  let offsets = rowsOf('position_embeddings', shape.firstPosition, T); // [T, E]
  if (shape.tokenTypes > 0 && !batch.seconds) offsets = tf.add(offsets, rowsOf('token_type_embeddings', 0, 1));
  if (shape.taskTypes > 0) offsets = tf.add(offsets, rowsOf('task_type_embeddings', 0, 1));
  const words = tf.reshape(embedding(table('word_embeddings'), batch.ids), [B, T, shape.embeddingWidth]); // [B, T, E]
  let x = tf.reshape(tf.add(words, offsets), [B * T, shape.embeddingWidth]) as tf.Tensor2D; // [B·T, E]
  if (shape.tokenTypes > 0 && batch.seconds) x = tf.add(x, embedding(table('token_type_embeddings'), tokenTypes(batch, shape)));
  const normed = layerNorm(x, ...normPair(weights, `${prefix}embeddings.LayerNorm`), shape.epsilon); // [B·T, E]
  const kept = dropped(normed, batch, training, 0);
  return shape.embeddingWidth === shape.width ? kept : dense(kept, ...densePair(weights, `${prefix}embeddings_project`)); // [B·T, D]
}

function activated(activation: TransformerShape['activation'], x: tf.Tensor2D, w: tf.Tensor2D, b: tf.Tensor1D): tf.Tensor2D {
  if (activation === 'gelu') return denseGelu(x, w, b);
  const u = dense(x, w, b);
  if (activation === 'relu') return tf.relu(u);
  // gelu(u) ≈ u·σ(2·√(2/π)·(u + 0.044715·u³)), the tanh approximation (Hendrycks & Gimpel 2016)
  const inner = tf.mul(u, tf.add(tf.mul(tf.square(u), 0.044715), 1));
  return tf.mul(u, tf.sigmoid(tf.mul(inner, 2 * Math.sqrt(2 / Math.PI))));
}

/** Dropout of rows [B·T, D], or of first tokens [B, D], by the numbers of their sequences. */
function dropped(x: tf.Tensor2D, batch: TokenBatch, training: Training | undefined, mask: number): tf.Tensor2D {
  if (!training || training.rates.hidden === 0) return x;
  const B = batch.lengths.length;
  const { rates, key } = training;
  const keep = dropoutMask([B, x.shape[0] / B, x.shape[1]], { rate: rates.hidden, key, mask, rows: batch.rows });
  return tf.mul(x, tf.reshape(keep, x.shape)) as tf.Tensor2D;
}

/** The vector of each sequence's first token, [CLS]: [B·T, D] → [B, D] */
function firstTokens(x: tf.Tensor2D, { lengths, tokens }: TokenBatch): tf.Tensor2D {
  return embedding(
    x,
    Int32Array.from(lengths, (_, sequence) => sequence * tokens),
  ); // gathers rows, scatters their gradients
}

function select(weights: Tensors, prefix: string): Tensors {
  return Object.fromEntries(Object.entries(weights).filter(([name]) => name.startsWith(prefix)));
}

/** [B·T]: 0 for the first text's tokens, 1 from the second's; all 0 where the table has one row (RoBERTa). */
function tokenTypes({ lengths, tokens, seconds }: TokenBatch, shape: TransformerShape): Int32Array {
  const types = new Int32Array(lengths.length * tokens);
  if (shape.tokenTypes > 1) seconds!.forEach((second, row) => types.fill(1, row * tokens + second, row * tokens + lengths[row]!));
  return types;
}

function paddingMask(batch: TokenBatch): Float32Array {
  const T = batch.tokens;
  const mask = new Float32Array(batch.lengths.length * T);
  batch.lengths.forEach((length, row) => mask.fill(PADDING, row * T + length, (row + 1) * T));
  return mask;
}
