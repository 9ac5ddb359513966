/**
 * BERT (Devlin et al. 2019): embeddings, then post-LayerNorm blocks of self-attention and a GELU feed-forward layer.
 * Letters: B sequences, T tokens (padded), N = B·T, D width, H heads, F feed-forward width, V vocabulary.
 */
import { attention, dense, denseGelu, dropout, dropoutMask, embedding, layerNorm, residualLayerNorm, tf } from '../backend/index.js';
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
    name: `${prefix}embeddings.${name}.weight`, shape: [rows, D], deviation, mean: 0, decays: true,
  });
  const specs = [
    table('word_embeddings', shape.vocabulary, 1),
    table('position_embeddings', shape.positions, 0.1),
    table('token_type_embeddings', 2, 0.1),
    ...norm('embeddings.LayerNorm'),
  ];
  for (let i = 0; i < shape.layers; i++) {
    const layer = `encoder.layer.${i}.`;
    specs.push(
      ...matrix(`${layer}attention.self.qkv`, 3 * D, D),
      ...matrix(`${layer}attention.output.dense`, D, D),
      ...norm(`${layer}attention.output.LayerNorm`),
      ...matrix(`${layer}intermediate.dense`, F, D),
      ...matrix(`${layer}output.dense`, D, F),
      ...norm(`${layer}output.LayerNorm`),
    );
  }
  return specs;
}

/** The last layer's vectors [B·T, D]. `key` switches dropout on; the same key drops the same values. */
export function transformer(
  weights: Weights, prefix: string, shape: TransformerShape, batch: TokenBatch, rates: DropoutRates, key?: Key,
): tf.Tensor2D {
  const weight = (name: string) => weights[`${prefix}${name}`]!;
  const B = batch.lengths.length;
  const T = batch.tokens;
  let place = 0; // numbers the dropout masks of this pass
  const drop = (x: tf.Tensor2D) => (key && rates.hidden > 0 ? dropout(x, rates.hidden, key, place++) : x);
  const affine = (name: string) => [weight(`${name}.weight`) as tf.Tensor2D, weight(`${name}.bias`) as unknown as tf.Tensor1D] as const;
  const scaleShift = (name: string) => [weight(`${name}.weight`), weight(`${name}.bias`)] as unknown as readonly [tf.Tensor1D, tf.Tensor1D];

  const mask = tf.tensor2d(paddingMask(batch), [B, T]);
  let x = embeddings(weight, batch); // [N, D]
  x = drop(layerNorm(x, ...scaleShift('embeddings.LayerNorm'), EPSILON));
  for (let i = 0; i < shape.layers; i++) {
    const layer = `encoder.layer.${i}.`;
    const qkv = dense(x, ...affine(`${layer}attention.self.qkv`)); // [N, 3·D]
    const keep = key && rates.attention > 0 ? dropoutMask([B, shape.heads, T, T], rates.attention, key, place++) : undefined;
    const context = attention(qkv, mask, shape.heads, keep as tf.Tensor4D | undefined); // [N, D]
    const attended = drop(dense(context, ...affine(`${layer}attention.output.dense`))); // [N, D]
    x = residualLayerNorm(attended, x, ...scaleShift(`${layer}attention.output.LayerNorm`), EPSILON);
    const inner = denseGelu(x, ...affine(`${layer}intermediate.dense`)); // [N, F]
    const outer = drop(dense(inner, ...affine(`${layer}output.dense`))); // [N, D]
    x = residualLayerNorm(outer, x, ...scaleShift(`${layer}output.LayerNorm`), EPSILON);
  }
  return x;
}

/** word + position + token type (always 0: one segment) → [N, D] */
function embeddings(weight: (name: string) => tf.Variable, batch: TokenBatch): tf.Tensor2D {
  const B = batch.lengths.length;
  const T = batch.tokens;
  const table = (name: string) => weight(`embeddings.${name}.weight`) as tf.Tensor2D;
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
