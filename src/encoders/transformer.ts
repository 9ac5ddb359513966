/**
 * BERT (Devlin et al. 2019): embeddings, then post-LayerNorm blocks of self-attention and a GELU feed-forward layer.
 * Letters: S sequences in all, of which B are a part's; T tokens (padded) of each of these; R = Σ B·T; N rows that a layer computes, R or S; D width, H heads,
 * F feed-forward width, V vocabulary.
 */
import {
  attention,
  dense,
  denseGelu,
  dropoutMask,
  embedding,
  firstTokenAttention,
  joinedRows,
  largestBuffer,
  layerNorm,
  recomputed,
  residualLayerNorm,
  tf,
} from '../backend/index.js';
import { concatenated } from '../core/arrays.js';
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

/** Sequences that are encoded together: of one length, or parts with a length each. What is of all rows takes part after part. */
export type Pass = TokenBatch | readonly TokenBatch[];

export const partsOf = (pass: Pass): readonly TokenBatch[] => [pass].flat();

/** Padded tokens of each part. */
const sizesOf = (parts: readonly TokenBatch[]): number[] => parts.map(({ lengths, tokens }) => lengths.length * tokens);

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
 * The last layer's vectors: of every token [R, D], or of each sequence's first alone [S, D]. In the latter case only [CLS] asks in the
 * last layer: the other tokens' outputs are never read, and are not computed.
 */
export function transformer(
  weights: Tensors,
  prefix: string,
  shape: TransformerShape,
  pass: Pass,
  output: 'first' | 'all',
  training?: Training,
): tf.Tensor2D {
  const parts = partsOf(pass);
  let x = embedded(weights, prefix, shape, parts, training); // [R, D]
  for (let i = 0; i < shape.layers; i++) {
    const firstOnly = output === 'first' && i === shape.layers - 1;
    const layer = (input: tf.Tensor2D, own: Tensors) =>
      block(own, `${prefix}encoder.layer.${i}.`, shape, parts, input, { firstOnly, number: i, training });
    x = training?.recompute ? recomputed(layer, x, select(weights, `${prefix}encoder.layer.${i}.`)) : layer(x, weights);
  }
  return x;
}

interface BlockOptions {
  readonly firstOnly: boolean;
  readonly number: number;
  readonly training: Training | undefined;
}

/** One layer: x [R, D] → [N, D], N = R, or S where only first tokens ask. */
function block(
  weights: Tensors,
  prefix: string,
  shape: TransformerShape,
  parts: readonly TokenBatch[],
  x: tf.Tensor2D,
  options: BlockOptions,
): tf.Tensor2D {
  const { firstOnly, number, training } = options;
  const { heads, epsilon } = shape;
  const matrix = (name: string) => densePair(weights, prefix + name);
  const norm = (name: string) => normPair(weights, prefix + name);
  const mask = 1 + 3 * number; // numbers the dropout masks of a pass: 0 is the embeddings'
  const rate = training?.rates.attention ?? 0;
  const attending = parts.map((part) => ({
    mask: tf.tensor2d(paddingMask(part), [part.lengths.length, part.tokens]), // [B, T]; made here, for a layer may be computed again
    dropout: training && rate > 0 ? { rate, key: training.key, mask, rows: part.rows } : undefined,
  }));
  const asking = firstOnly ? firstTokens(x, parts) : x; // [N, D]
  const query = dense(asking, ...matrix('attention.self.query')); // [N, D]
  const context = firstOnly
    ? firstTokenAttention(query, x, ...matrix('attention.self.kv'), attending, heads) // [S, D]
    : attention(query, dense(x, ...matrix('attention.self.kv')), attending, heads); // [R, D]
  const attended = dropped(dense(context, ...matrix('attention.output.dense')), parts, training, mask + 1); // [N, D]
  const middle = residualLayerNorm(attended, asking, ...norm('attention.output.LayerNorm'), epsilon); // [N, D]
  const inner = activated(shape.activation, middle, ...matrix('intermediate.dense')); // [N, F]
  const outer = dropped(dense(inner, ...matrix('output.dense')), parts, training, mask + 2); // [N, D]
  return residualLayerNorm(outer, middle, ...norm('output.LayerNorm'), epsilon); // [N, D]
}

/** word + position + token type (+ task type), normalised → [R, D] */
function embedded(
  weights: Tensors,
  prefix: string,
  shape: TransformerShape,
  parts: readonly TokenBatch[],
  training: Training | undefined,
): tf.Tensor2D {
  const rowsOf = (name: string, rows: Int32Array) => embedding(weights[`${prefix}embeddings.${name}.weight`] as tf.Tensor2D, rows); // [·, E]
  const numbers = (of: (part: TokenBatch) => Int32Array) => concatenated(Int32Array, parts.map(of));
  let offsets = rowsOf('position_embeddings', positionsOf(parts, shape)); // [longest T, E]
  const pairs = parts.some(({ seconds }) => seconds);
  if (shape.tokenTypes > 0 && !pairs) offsets = tf.add(offsets, rowsOf('token_type_embeddings', Int32Array.of(0)));
  if (shape.taskTypes > 0) offsets = tf.add(offsets, rowsOf('task_type_embeddings', Int32Array.of(0)));
  const words = rowsOf(
    'word_embeddings',
    numbers(({ ids }) => ids),
  ); // [R, E]
  const places = numbers(({ lengths, tokens }) => Int32Array.from({ length: lengths.length * tokens }, (_, i) => i % tokens));
  let x = tf.add(words, embedding(offsets, places)) as tf.Tensor2D; // [R, E]
  if (shape.tokenTypes > 0 && pairs)
    x = tf.add(
      x,
      rowsOf(
        'token_type_embeddings',
        numbers((part) => tokenTypes(part, shape)),
      ),
    );
  const normed = layerNorm(x, ...normPair(weights, `${prefix}embeddings.LayerNorm`), shape.epsilon); // [R, E]
  const kept = dropped(normed, parts, training, 0);
  return shape.embeddingWidth === shape.width ? kept : dense(kept, ...densePair(weights, `${prefix}embeddings_project`)); // [R, D]
}

/** Of the longest part, the rows of the position table. */
const positionsOf = (parts: readonly TokenBatch[], { firstPosition }: TransformerShape): Int32Array =>
  Int32Array.from({ length: Math.max(...parts.map(({ tokens }) => tokens)) }, (_, place) => firstPosition + place);

function activated(activation: TransformerShape['activation'], x: tf.Tensor2D, w: tf.Tensor2D, b: tf.Tensor1D): tf.Tensor2D {
  if (activation === 'gelu') return denseGelu(x, w, b);
  const u = dense(x, w, b);
  if (activation === 'relu') return tf.relu(u);
  // gelu(u) ≈ u·σ(2·√(2/π)·(u + 0.044715·u³)), the tanh approximation (Hendrycks & Gimpel 2016)
  const inner = tf.mul(u, tf.add(tf.mul(tf.square(u), 0.044715), 1));
  return tf.mul(u, tf.sigmoid(tf.mul(inner, 2 * Math.sqrt(2 / Math.PI))));
}

/** Dropout of rows [R, D], or of first tokens [S, D], by the numbers of their sequences. */
function dropped(x: tf.Tensor2D, parts: readonly TokenBatch[], training: Training | undefined, mask: number): tf.Tensor2D {
  if (!training || training.rates.hidden === 0) return x;
  const { rates, key } = training;
  const D = x.shape[1];
  const firstOnly = x.shape[0] < sizesOf(parts).reduce((sum, size) => sum + size, 0);
  const keep = parts.map(({ lengths, tokens, rows }) => {
    const [B, T] = [lengths.length, firstOnly ? 1 : tokens];
    return tf.reshape(dropoutMask([B, T, D], { rate: rates.hidden, key, mask, rows }), [B * T, D]) as tf.Tensor2D;
  });
  return tf.mul(x, joinedRows(keep)) as tf.Tensor2D;
}

/** The vector of each sequence's first token, [CLS]: [R, D] → [S, D] */
const firstTokens = (x: tf.Tensor2D, parts: readonly TokenBatch[]): tf.Tensor2D =>
  embedding(
    x,
    tokenRows(parts, () => 0),
  ); // gathers rows, scatters their gradients

/** [S]: where a token of each sequence stands among the R rows. */
export function tokenRows(parts: readonly TokenBatch[], tokenOf: (length: number) => number): Int32Array {
  let begin = 0;
  const rows = parts.flatMap(({ lengths, tokens }) => {
    const first = begin;
    begin += lengths.length * tokens;
    return Array.from(lengths, (length, sequence) => first + sequence * tokens + tokenOf(length));
  });
  return Int32Array.from(rows);
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
