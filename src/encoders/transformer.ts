/**
 * BERT (Devlin et al. 2019): embeddings, then post-LayerNorm blocks of self-attention and a GELU feed-forward layer.
 * Letters: B sequences, T tokens (padded), N rows that a layer computes, D width, H heads, F feed-forward width, V vocabulary.
 */
import {
  attention,
  dense,
  denseGelu,
  dropout,
  dropoutMask,
  embedding,
  firstTokenAttention,
  layerNorm,
  residualLayerNorm,
  tf,
} from '../backend/index.js';
import type { Key } from '../core/random.js';
import type { ParameterSpec, Weights } from './parameters.js';

export interface TransformerShape {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly vocabulary: number;
  readonly positions: number;
}

export interface DropoutRates {
  readonly hidden: number;
  readonly attention: number;
}

/** Sequences padded to one length: ids [B·T] row by row, lengths [B]. */
export interface TokenBatch {
  readonly ids: Int32Array;
  readonly lengths: Int32Array;
  readonly tokens: number;
}

const EPSILON = 1e-12; // BERT's layer_norm_eps
const PADDING = -1e9; // added to attention logits: e^-1e9 = 0

/**
 * Every parameter under `prefix`. Matrices start with deviation 1/√in, so that signal passes at any width and [CLS]
 * attends evenly from the first step; BERT's 0.02 is 1/√2500 and stalls narrow encoders trained from nothing.
 */
export function transformerSpecs(prefix: string, shape: TransformerShape): ParameterSpec[] {
  const { width: D, feedForward: F } = shape;
  const matrix = (name: string, out: number, into: number, gain = 1): ParameterSpec[] => [
    { name: `${prefix}${name}.weight`, shape: [out, into], deviation: gain / Math.sqrt(into), mean: 0, decays: true },
    { name: `${prefix}${name}.bias`, shape: [out], deviation: 0, mean: 0, decays: false },
  ];
  const norm = (name: string): ParameterSpec[] => [
    { name: `${prefix}${name}.weight`, shape: [D], deviation: 0, mean: 1, decays: false },
    { name: `${prefix}${name}.bias`, shape: [D], deviation: 0, mean: 0, decays: false },
  ];
  const table = (name: string, rows: number, deviation: number): ParameterSpec => ({
    name: `${prefix}embeddings.${name}.weight`,
    shape: [rows, D],
    deviation,
    mean: 0,
    decays: true,
  });
  const specs = [
    table('word_embeddings', shape.vocabulary, 0.1),
    table('position_embeddings', shape.positions, 0.01),
    table('token_type_embeddings', 2, 0.01),
    ...norm('embeddings.LayerNorm'),
  ];
  for (let i = 0; i < shape.layers; i++) {
    const layer = `encoder.layer.${i}.`;
    specs.push(
      ...matrix(`${layer}attention.self.query`, D, D, 0.25), // logits of deviation ¼: attention begins as an average
      ...matrix(`${layer}attention.self.kv`, 2 * D, D),
      ...matrix(`${layer}attention.output.dense`, D, D),
      ...norm(`${layer}attention.output.LayerNorm`),
      ...matrix(`${layer}intermediate.dense`, F, D),
      ...matrix(`${layer}output.dense`, D, F),
      ...norm(`${layer}output.LayerNorm`),
    );
  }
  return specs;
}

/**
 * The last layer's [CLS] vectors [B, D]. `key` switches dropout on; the same key drops the same values.
 * In the last layer only [CLS] asks: the other tokens' outputs are never read, and are not computed.
 */
export function transformer(
  weights: Weights,
  prefix: string,
  shape: TransformerShape,
  batch: TokenBatch,
  rates: DropoutRates,
  key?: Key,
): tf.Tensor2D {
  const B = batch.lengths.length;
  const T = batch.tokens;
  const matrix = (name: string) =>
    [weights[`${prefix}${name}.weight`] as tf.Tensor2D, weights[`${prefix}${name}.bias`] as unknown as tf.Tensor1D] as const;
  const norm = (name: string) =>
    [weights[`${prefix}${name}.weight`], weights[`${prefix}${name}.bias`]] as unknown as readonly [tf.Tensor1D, tf.Tensor1D];
  let masks = 0; // numbers the dropout masks of this pass
  const drop = (x: tf.Tensor2D) => (key && rates.hidden > 0 ? dropout(x, rates.hidden, key, masks++) : x);

  const padding = tf.tensor2d(paddingMask(batch), [B, T]);
  let x = drop(layerNorm(embeddings(weights, prefix, batch), ...norm('embeddings.LayerNorm'), EPSILON)); // [B·T, D]
  for (let i = 0; i < shape.layers; i++) {
    const layer = `encoder.layer.${i}.`;
    const last = i === shape.layers - 1;
    const asking = last ? firstTokens(x, batch) : x; // [N, D]: N = B·T, and B in the last layer
    const query = dense(asking, ...matrix(`${layer}attention.self.query`)); // [N, D]
    const kv = matrix(`${layer}attention.self.kv`);
    const keep = (...dims: number[]) => (key && rates.attention > 0 ? dropoutMask(dims, rates.attention, key, masks++) : undefined);
    const context = last
      ? firstTokenAttention(query, x, ...kv, padding, shape.heads, keep(B, shape.heads, T) as tf.Tensor3D | undefined) // [B, D]
      : attention(query, dense(x, ...kv), padding, shape.heads, keep(B, shape.heads, T, T) as tf.Tensor4D | undefined); // [B·T, D]
    const attended = drop(dense(context, ...matrix(`${layer}attention.output.dense`))); // [N, D]
    const middle = residualLayerNorm(attended, asking, ...norm(`${layer}attention.output.LayerNorm`), EPSILON); // [N, D]
    const inner = denseGelu(middle, ...matrix(`${layer}intermediate.dense`)); // [N, F]
    const outer = drop(dense(inner, ...matrix(`${layer}output.dense`))); // [N, D]
    x = residualLayerNorm(outer, middle, ...norm(`${layer}output.LayerNorm`), EPSILON); // [N, D]
  }
  return x; // [B, D]
}

/** The vector of each sequence's first token, [CLS]: [B·T, D] → [B, D] */
function firstTokens(x: tf.Tensor2D, { lengths, tokens }: TokenBatch): tf.Tensor2D {
  return embedding(
    x,
    Int32Array.from(lengths, (_, sequence) => sequence * tokens),
  ); // gathers rows, scatters their gradients
}

/** word + position + token type (always 0: one segment) → [N, D] */
function embeddings(weights: Weights, prefix: string, batch: TokenBatch): tf.Tensor2D {
  const B = batch.lengths.length;
  const T = batch.tokens;
  const table = (name: string) => weights[`${prefix}embeddings.${name}.weight`] as tf.Tensor2D;
  const words = embedding(table('word_embeddings'), batch.ids); // [N, D]
  const D = words.shape[1];
  const positions = tf.slice(table('position_embeddings'), [0, 0], [T, D]); // [T, D]
  const type = tf.slice(table('token_type_embeddings'), [0, 0], [1, D]); // [1, D]
  const offsets = tf.add(positions, type); // [T, D]
  return tf.reshape(tf.add(tf.reshape(words, [B, T, D]), offsets), [B * T, D]);
}

function paddingMask(batch: TokenBatch): Float32Array {
  const T = batch.tokens;
  const mask = new Float32Array(batch.lengths.length * T);
  batch.lengths.forEach((length, row) => mask.fill(PADDING, row * T + length, (row + 1) * T));
  return mask;
}
