/**
 * The trainable numbers of a model: named arrays, laid one after the other in one flat vector so that the optimizer,
 * the exchange between replicas and the checkpoint see a single buffer. Names and shapes are Hugging Face BERT's
 * ([out, in] matrices), except that key and value are one matrix `attention.self.kv` (split again on export).
 */
import { type FlatRange, requireBuffer, tf } from '../backend/index.js';
import { deriveKey, normal } from '../core/random.js';

export interface ParameterSpec {
  readonly name: string;
  readonly shape: number[];
  /** Initial value: normal with this deviation around `mean`. */
  readonly deviation: number;
  readonly mean: number;
  /** Whether weight decay applies: matrices and embeddings yes, biases and LayerNorm no. */
  readonly decays: boolean;
  /** Training leaves it as it is. */
  readonly frozen?: boolean;
  /** Read by row: a pass reads few of its rows. */
  readonly table?: boolean;
}

/** Parameters by name, as the model reads them. */
export type Tensors = { readonly [name: string]: tf.Tensor };
export type Weights = { readonly [name: string]: tf.Variable };

/** A matrix [out, into] and its bias; `gain` is the deviation of x·wᵀ for x of deviation 1. */
export function denseSpecs(name: string, out: number, into: number, gain = 1): ParameterSpec[] {
  return [
    { name: `${name}.weight`, shape: [out, into], deviation: gain / Math.sqrt(into), mean: 0, decays: true },
    { name: `${name}.bias`, shape: [out], deviation: 0, mean: 0, decays: false },
  ];
}

/** A LayerNorm's weight and bias [width]. */
export function normSpecs(name: string, width: number): ParameterSpec[] {
  return [
    { name: `${name}.weight`, shape: [width], deviation: 0, mean: 1, decays: false },
    { name: `${name}.bias`, shape: [width], deviation: 0, mean: 0, decays: false },
  ];
}

/** Weight and bias of a dense layer: [out, in] and [out]. */
export const densePair = (weights: Tensors, name: string) =>
  [weights[`${name}.weight`] as tf.Tensor2D, weights[`${name}.bias`] as tf.Tensor1D] as const;

/** Weight and bias of a LayerNorm: [width] each. */
export const normPair = (weights: Tensors, name: string) =>
  [weights[`${name}.weight`] as tf.Tensor1D, weights[`${name}.bias`] as tf.Tensor1D] as const;

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** Total number of values of the specs. */
export const parameterCount = (specs: readonly ParameterSpec[]): number => specs.reduce((sum, spec) => sum + sizeOf(spec.shape), 0);

/** Initial values of all specs, flat [P]; each value a pure function of (seed, name, position). */
export function initialParameters(specs: readonly ParameterSpec[], seed: number): Float32Array<ArrayBuffer> {
  const flat = new Float32Array(parameterCount(specs));
  let at = 0;
  for (const spec of specs) {
    const size = sizeOf(spec.shape);
    if (spec.deviation === 0) flat.fill(spec.mean, at, at + size);
    else {
      const key = deriveKey(seed, `init/${spec.name}`);
      for (let i = 0; i < size; i++) flat[at + i] = spec.mean + spec.deviation * normal(key, 0, i);
    }
    at += size;
  }
  return flat;
}

/** tf variables for the specs, filled from a flat [P] vector. Owned by the caller: dispose with disposeWeights. Throws a UserError where a device cannot hold one. */
export function createWeights(specs: readonly ParameterSpec[], flat: Float32Array): Weights {
  const weights: Record<string, tf.Variable> = {};
  forEachSlice(specs, (spec, begin, end) => {
    requireBuffer(end - begin, spec.name);
    weights[spec.name] = tf.tidy(() => tf.variable(tf.tensor(flat.slice(begin, end), spec.shape), true));
  });
  return weights;
}

/** Writes a flat [P] tensor into the variables, on the device. */
export function assignWeights(specs: readonly ParameterSpec[], weights: Weights, flat: tf.Tensor1D): void {
  tf.tidy(() => {
    forEachSlice(specs, (spec, begin, end) => {
      weights[spec.name]!.assign(tf.reshape(tf.slice(flat, [begin], [end - begin]), spec.shape));
    });
  });
}

export function disposeWeights(weights: Weights): void {
  for (const weight of Object.values(weights)) weight.dispose();
}

/** Where in the flat vector weight decay applies: not to biases, LayerNorm and what is frozen. */
export function decayingRanges(specs: readonly ParameterSpec[]): FlatRange[] {
  const ranges: FlatRange[] = [];
  forEachSlice(specs, (spec, begin, end) => {
    if (spec.decays && !spec.frozen) ranges.push({ begin, end });
  });
  return ranges;
}

/** Visits the specs with the borders of their values in the flat vector. */
export function forEachSlice(specs: readonly ParameterSpec[], visit: (spec: ParameterSpec, begin: number, end: number) => void): void {
  let begin = 0;
  for (const spec of specs) {
    const end = begin + sizeOf(spec.shape);
    visit(spec, begin, end);
    begin = end;
  }
}
