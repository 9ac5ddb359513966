/**
 * The dual-tower encoder: a query and a passage each become their [CLS] vector; the logit of the pair is the dot
 * product of the two, or their cosine over a temperature. Towers are one set of weights (`shared`) or two.
 */
import { tf } from '../backend/index.js';
import type { Key } from '../core/random.js';
import type { ParameterSpec, Weights } from './parameters.js';
import { type DropoutRates, type TokenBatch, type TransformerShape, transformer, transformerSpecs } from './transformer.js';

export type Side = 'query' | 'passage';
export type Similarity = 'dot' | { readonly cosine: { readonly temperature: number } };

export interface EncoderShape {
  readonly transformer: TransformerShape;
  readonly towers: 'shared' | 'separate';
  readonly similarity: Similarity;
  readonly dropout: DropoutRates;
}

export interface DualEncoder {
  readonly shape: EncoderShape;
  readonly specs: ParameterSpec[];
  readonly width: number;
  /** What a dot product of two vectors is multiplied by to be the logit of the loss. */
  readonly logitScale: number;
  /** Vectors [B, D] of padded sequences; differentiable; `key` switches dropout on. */
  encode(weights: Weights, side: Side, batch: TokenBatch, key?: Key): tf.Tensor2D;
}

const prefixOf = (shape: EncoderShape, side: Side): string => (shape.towers === 'shared' ? '' : `${side}.`);

export function createDualEncoder(shape: EncoderShape): DualEncoder {
  const prefixes = shape.towers === 'shared' ? [''] : ['query.', 'passage.'];
  const cosine = shape.similarity === 'dot' ? undefined : shape.similarity.cosine;
  return {
    shape,
    specs: prefixes.flatMap((prefix) => transformerSpecs(prefix, shape.transformer)),
    width: shape.transformer.width,
    logitScale: cosine ? 1 / cosine.temperature : 1,
    encode: (weights, side, batch, key) =>
      tf.tidy(() => {
        const cls = transformer(weights, prefixOf(shape, side), shape.transformer, batch, shape.dropout, key); // [B, D]
        return cosine ? normalise(cls) : cls;
      }),
  };
}

function normalise(x: tf.Tensor2D): tf.Tensor2D {
  const squares = tf.sum(tf.square(x), 1, true); // [B, 1]
  return tf.div(x, tf.sqrt(tf.add(squares, 1e-12)));
}
