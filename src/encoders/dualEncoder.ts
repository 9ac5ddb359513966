/**
 * The dual-tower encoder: a query and a passage each become one vector (pooled token vectors, then a projection where there is one); the logit of the
 * pair is the dot product of the two, or their cosine over a temperature. Towers are one set of weights (`shared`) or two.
 */
import { dense, embedding, layerNorm, tf, tokenMean } from '../backend/index.js';
import { densePair, denseSpecs, normPair, normSpecs, type ParameterSpec, type Tensors } from './parameters.js';
import {
  type DropoutRates,
  type Pass,
  partsOf,
  type TokenBatch,
  type Training,
  type TransformerShape,
  tokenRows,
  transformer,
  transformerSpecs,
} from './transformer.js';

export const SIDES = ['query', 'passage'] as const;
export type Side = (typeof SIDES)[number];
export type Similarity = 'dot' | { readonly cosine: { readonly temperature: number } };
/** The vector of the first token ([CLS]), the mean of all tokens' vectors, or the last token's. */
export type Pooling = 'cls' | 'mean' | 'last';

/** A dense layer behind the pooling, and a LayerNorm (ε 1e-5, PyTorch's) behind that where ANCE and its like have one. */
export interface Projection {
  readonly width: number;
  readonly layerNorm: boolean;
}

export interface EncoderShape {
  readonly transformer: TransformerShape;
  readonly towers: 'shared' | 'separate';
  readonly pooling: Pooling;
  readonly projection?: Projection | undefined;
  readonly similarity: Similarity;
  readonly dropout: DropoutRates;
  readonly frozen: Frozen;
}

/** What training leaves alone: the embeddings, and that many of the lowest layers. */
export interface Frozen {
  readonly embeddings: boolean;
  readonly layers: number;
}

/** Of the vectors. */
export const vectorWidth = ({ projection, transformer }: Pick<EncoderShape, 'projection' | 'transformer'>): number =>
  projection?.width ?? transformer.width;

export interface DualEncoder {
  readonly shape: EncoderShape;
  readonly specs: ParameterSpec[];
  /** Of the vectors. */
  readonly width: number;
  /** What a dot product of two vectors is multiplied by to be the logit of the loss. */
  readonly logitScale: number;
  /** Vectors [B, width] of padded sequences; differentiable. */
  encode(weights: Tensors, side: Side, pass: Pass, training?: Training): tf.Tensor2D;
}

/** Epsilon of the projection's LayerNorm. */
export const PROJECTION_EPSILON = 1e-5;

/** The prefix of a side's parameters: one for both sides, or one each. */
export const towerPrefix = (towers: EncoderShape['towers'], side: Side): string => (towers === 'shared' ? '' : `${side}.`);
const towerPrefixes = (towers: EncoderShape['towers']): string[] => [...new Set(SIDES.map((side) => towerPrefix(towers, side)))];

/** The parameters of one tower. */
export function towerSpecs(prefix: string, { transformer: shape, projection, frozen }: EncoderShape): ParameterSpec[] {
  const specs = [
    ...transformerSpecs('', shape),
    ...(projection ? denseSpecs('projection.dense', projection.width, shape.width) : []),
    ...(projection?.layerNorm ? normSpecs('projection.LayerNorm', projection.width) : []),
  ];
  return specs.map((spec) => ({ ...spec, name: prefix + spec.name, frozen: isFrozen(spec.name, frozen) }));
}

function isFrozen(name: string, { embeddings, layers }: Frozen): boolean {
  const layer = /^encoder\.layer\.(\d+)\./.exec(name);
  return layer ? Number(layer[1]) < layers : embeddings && name.startsWith('embeddings');
}

export function createDualEncoder(shape: EncoderShape): DualEncoder {
  const { transformer: transformerShape, towers, pooling, projection } = shape;
  const cosine = shape.similarity === 'dot' ? undefined : shape.similarity.cosine;
  return {
    shape,
    specs: towerPrefixes(towers).flatMap((prefix) => towerSpecs(prefix, shape)),
    width: vectorWidth(shape),
    logitScale: cosine ? 1 / cosine.temperature : 1,
    encode: (weights, side, pass, training) =>
      tf.tidy(() => {
        const prefix = towerPrefix(towers, side);
        const tokens = transformer(weights, prefix, transformerShape, pass, pooling === 'cls' ? 'first' : 'all', training); // [S, D] or [R, D]
        let x = pooled(tokens, partsOf(pass), pooling); // [S, D]
        if (projection) x = dense(x, ...densePair(weights, `${prefix}projection.dense`)); // [B, width]
        if (projection?.layerNorm) x = layerNorm(x, ...normPair(weights, `${prefix}projection.LayerNorm`), PROJECTION_EPSILON);
        return cosine ? normalise(x) : x;
      }),
  };
}

/** [R, D] → [S, D]; `cls` gets [S, D] already. */
function pooled(x: tf.Tensor2D, parts: readonly TokenBatch[], pooling: Pooling): tf.Tensor2D {
  if (pooling === 'cls') return x;
  if (pooling === 'last')
    return embedding(
      x,
      tokenRows(parts, (length) => length - 1),
    );
  return tokenMean(x, parts);
}

function normalise(x: tf.Tensor2D): tf.Tensor2D {
  const squares = tf.sum(tf.square(x), 1, true); // [B, 1]
  return tf.div(x, tf.sqrt(tf.add(squares, 1e-12)));
}
