/** The fused graph of bulk encoding: PyTorch's vectors, those of the encoder itself, and int8 near them. */
import { beforeAll, describe, expect, it } from 'vitest';
import { selectBackend, tf } from '../../../src/backend/index.js';
import { createDualEncoder, type EncoderShape, type Pooling, type Side } from '../../../src/encoders/dualEncoder.js';
import { createInference, openInference } from '../../../src/encoders/inference.js';
import { encodeInferenceModel, type InferencePrecision } from '../../../src/encoders/onnx/inferenceModel.js';
import { createWeights, disposeWeights, initialParameters } from '../../../src/encoders/parameters.js';
import type { TokenBatch } from '../../../src/encoders/transformer.js';
import { tinyShape, toyTokens } from '../../train/fixtures.js';
import { byName, cosine, difference, GOLDEN_NAMES, goldenEncoder, pairsOf } from './golden.js';

beforeAll(async () => {
  await selectBackend('onnx');
});

const opened = (shape: EncoderShape, flat: Float32Array, precision: InferencePrecision) =>
  openInference(shape, encodeInferenceModel(shape, byName(shape, flat), precision, 'constants').model, 1);

describe.each(GOLDEN_NAMES)('%s', (name) => {
  const cases = (['cls', 'mean'] as const).flatMap((pooling) => (['fp32', 'int8'] as const).map((one) => [pooling, one] as const));
  it.each(cases)('%s, %s: PyTorch’s vectors', async (pooling: Pooling, precision: InferencePrecision) => {
    const { shape, flat, ids, lengths, expected } = await goldenEncoder(name, pooling);
    const batch: TokenBatch = { ids, lengths, tokens: ids.length / lengths.length, rows: Int32Array.from(lengths.keys()) };
    const vectors = await opened(shape, flat, precision)(batch);
    expect(vectors.length).toBe(expected.length);
    for (const [ours, theirs] of pairsOf(vectors, expected, lengths.length)) {
      if (precision === 'fp32') expect(difference(ours, theirs)).toBeLessThan(1e-4);
      else expect(cosine(ours, theirs)).toBeGreaterThan(0.97);
    }
  });
});

describe('vectors are the encoder’s', () => {
  const table = toyTokens([4, 9, 6], 'onnx');
  const ids = new Int32Array(27);
  [0, 1, 2].forEach((row) => ids.set(table.ids.subarray(table.offsets[row]!, table.offsets[row + 1]!), 9 * row));
  const batch: TokenBatch = { ids, lengths: Int32Array.of(4, 9, 6), tokens: 9, rows: Int32Array.of(0, 1, 2) };
  const shapes: [string, Partial<EncoderShape>, Side][] = [
    ['cls, cosine', {}, 'query'],
    ['the passages’ tower', { ...tinyShape('separate') }, 'passage'],
    ['mean, cosine', { pooling: 'mean' }, 'query'],
    ['last, dot', { pooling: 'last', similarity: 'dot' }, 'query'],
    ['cls, projection', { projection: { width: 5, layerNorm: false }, similarity: 'dot' }, 'query'],
    ['mean, projection with LayerNorm', { pooling: 'mean', projection: { width: 5, layerNorm: true }, similarity: 'dot' }, 'query'],
  ];
  it.each(shapes)('%s: with the weights of the moment, and no tensor kept', async (_, part, side) => {
    const shape = { ...tinyShape(), ...part };
    const encoder = createDualEncoder(shape);
    const vectorsOf = async (seed: number) => {
      const weights = createWeights(encoder.specs, initialParameters(encoder.specs, seed));
      const expected = tf.tidy(() => encoder.encode(weights, side, batch).dataSync());
      const before = tf.memory().numTensors;
      const found = await createInference(encoder, weights, side)(batch);
      expect(tf.memory().numTensors).toBe(before);
      disposeWeights(weights);
      expect(difference(found, expected as Float32Array)).toBeLessThan(1e-5);
      return found;
    };
    expect(difference(await vectorsOf(5), await vectorsOf(6))).toBeGreaterThan(0.01);
  });
});
