/** Towers as ONNX models: the vectors of PyTorch's golden values, and of the encoder itself. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelInput, openModelSession, readNamedWeights, selectBackend, tf } from '../../../src/backend/index.js';
import { UserError } from '../../../src/core/errors.js';
import { createDualEncoder, type EncoderShape, type Pooling, vectorWidth } from '../../../src/encoders/dualEncoder.js';
import { encodePortableModel, type Precision } from '../../../src/encoders/onnx/portableModel.js';
import { createWeights, disposeWeights, initialParameters } from '../../../src/encoders/parameters.js';
import { tinyShape, toyTokens } from '../../train/fixtures.js';
import { damaged } from '../formats/damage.js';
import { byName, cosine, difference, GOLDEN_NAMES, goldenEncoder, pairsOf } from './golden.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-onnx-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));
beforeAll(async () => {
  await selectBackend('onnx');
});

function run(
  model: Uint8Array,
  shape: EncoderShape,
  ids: Int32Array,
  lengths: Int32Array,
): { vectors: Float32Array; states: Float32Array } {
  const B = lengths.length;
  const T = ids.length / B;
  const mask = new Int32Array(B * T);
  lengths.forEach((length, row) => mask.fill(1, row * T, row * T + length));
  const input = (values: Int32Array): ModelInput => ({ type: 'int64', values, shape: [B, T] });
  const inputs = {
    input_ids: input(ids),
    attention_mask: input(mask),
    ...(shape.transformer.tokenTypes > 1 && { token_type_ids: input(new Int32Array(B * T)) }),
  };
  const session = openModelSession(model, 1);
  const width = vectorWidth(shape);
  return {
    vectors: session.run(inputs, 'sentence_embedding', [B, width]),
    states: session.run(inputs, 'last_hidden_state', [B, T, shape.transformer.width]),
  };
}

describe.each(GOLDEN_NAMES)('%s', (name) => {
  const cases = (['cls', 'mean'] as const).flatMap((pooling) =>
    (['fp32', 'fp16', 'int8'] as const).map((precision) => [pooling, precision] as const),
  );
  it.each(cases)('%s, %s: PyTorch’s vectors', async (pooling: Pooling, precision: Precision) => {
    const { shape, flat, ids, lengths, expected } = await goldenEncoder(name, pooling);
    const { vectors } = run(encodePortableModel(shape, byName(shape, flat), precision), shape, ids, lengths);
    expect(vectors.length).toBe(expected.length);
    for (const [ours, theirs] of pairsOf(vectors, expected, lengths.length)) {
      if (precision === 'fp32') expect(difference(ours, theirs)).toBeLessThan(1e-4);
      else if (precision === 'fp16') expect(difference(ours, theirs)).toBeLessThan(0.03);
      else expect(cosine(ours, theirs)).toBeGreaterThan(0.98);
    }
  });
});

describe('poolings, projection and normalisation are the encoder’s', () => {
  const shapes: [string, Partial<EncoderShape>][] = [
    ['cls, cosine', {}],
    ['mean, cosine', { pooling: 'mean' }],
    ['last, dot', { pooling: 'last', similarity: 'dot' }],
    ['mean, projection with LayerNorm', { pooling: 'mean', projection: { width: 5, layerNorm: true }, similarity: 'dot' }],
  ];
  it.each(shapes)('%s', (_, part) => {
    const shape = { ...tinyShape(), ...part };
    const encoder = createDualEncoder(shape);
    const flat = initialParameters(encoder.specs, 5);
    const table = toyTokens([4, 9, 6], 'onnx');
    const ids = new Int32Array(27);
    [0, 1, 2].forEach((row) => ids.set(table.ids.subarray(table.offsets[row]!, table.offsets[row + 1]!), 9 * row));
    const lengths = Int32Array.of(4, 9, 6);
    const weights = createWeights(encoder.specs, flat);
    const expected = tf.tidy(() => encoder.encode(weights, 'query', { ids, lengths, tokens: 9, rows: Int32Array.of(0, 1, 2) }).dataSync());
    disposeWeights(weights);
    const { vectors } = run(encodePortableModel(shape, byName(shape, flat), 'fp32'), shape, ids, lengths);
    vectors.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-5));
  });
});

it('a model may lie within a larger buffer, as Node’s small ones do', () => {
  const shape = tinyShape();
  const model = encodePortableModel(shape, byName(shape, initialParameters(createDualEncoder(shape).specs, 5)), 'fp32');
  const [ids, lengths] = [Int32Array.of(5, 6, 7), Int32Array.of(3)];
  for (const Memory of [ArrayBuffer, SharedArrayBuffer]) {
    const within = Buffer.from(new Memory(model.length + 64), 40, model.length);
    within.set(model);
    expect(run(within, shape, ids, lengths)).toEqual(run(model, shape, ids, lengths));
  }
});

describe('reading weights from ONNX', () => {
  const shape = tinyShape();
  const flat = initialParameters(createDualEncoder(shape).specs, 5);
  const file = path.join(folder, 'model.onnx');

  it('gives an exported model’s tensors back', () => {
    const tensors = byName(shape, flat);
    fs.writeFileSync(file, encodePortableModel(shape, tensors, 'fp32'));
    const found = readNamedWeights(file);
    expect([...found.keys()].sort()).toEqual([...tensors.keys()].sort());
    for (const [name, { shape: dims, values }] of tensors) expect(found.get(name)).toEqual({ name, shape: dims, values });
  });

  it('what is no ONNX file is an error of ours, whatever the bytes', () => {
    const bytes = Buffer.from(encodePortableModel(shape, byName(shape, flat), 'fp32'));
    const outcome = (content: Uint8Array) => {
      fs.writeFileSync(file, content);
      try {
        readNamedWeights(file);
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
        expect((error as Error).message).toContain(file);
      }
    };
    for (let length = 0; length < bytes.length; length += 701) outcome(bytes.subarray(0, length));
    fc.assert(fc.property(damaged(bytes, 4), outcome), { seed: 20221, numRuns: 200 });
  });
});
