/** Sequences of several lengths in one pass: as each length in a pass of its own. */
import { describe, expect, it } from 'vitest';
import { selectBackend, tf } from '../../src/backend/index.js';
import { deriveKey } from '../../src/core/random.js';
import { createCrossEncoder } from '../../src/encoders/crossEncoder.js';
import { createDualEncoder, type Pooling } from '../../src/encoders/dualEncoder.js';
import { createWeights, disposeWeights, initialParameters, type ParameterSpec, type Weights } from '../../src/encoders/parameters.js';
import type { Pass, TokenBatch, Training } from '../../src/encoders/transformer.js';
import { tinyShape } from '../train/fixtures.js';

const shape = tinyShape();
/** Sequences of these lengths, padded to `tokens`; they are numbered from `first`. */
function part(tokens: number, lengths: number[], first: number, seconds?: number[]): TokenBatch {
  const { vocabulary } = shape.transformer;
  const ids = Int32Array.from({ length: tokens * lengths.length }, (_, i) =>
    i % tokens < lengths[Math.floor(i / tokens)]! ? 1 + ((7 * i + first) % (vocabulary - 1)) : 0,
  );
  const rows = Int32Array.from(lengths, (_, i) => first + i);
  return { ids, lengths: Int32Array.from(lengths), tokens, rows, ...(seconds && { seconds: Int32Array.from(seconds) }) };
}

type Encode = (weights: Weights, pass: Pass, training: Training) => tf.Tensor;

/** Vectors of the passes, and the gradients of a sum of theirs by numbers of their own, which differ from row to row. */
async function encoded(specs: readonly ParameterSpec[], encode: Encode, passes: readonly Pass[], dropout: number, recompute: boolean) {
  const weights = createWeights(specs, initialParameters(specs, 5));
  const training = { key: deriveKey(1, 'test'), rates: { hidden: dropout, attention: dropout }, recompute };
  const all = () => tf.concat(passes.map((pass) => encode(weights, pass, training)));
  const values = tf.tidy(() => all().arraySync());
  const { grads } = tf.tidy(() =>
    tf.variableGrads(() => {
      const vectors = all();
      return tf.sum(tf.mul(vectors, tf.cos(tf.range(0, vectors.size)).reshape(vectors.shape))) as tf.Scalar;
    }),
  );
  const gradients = specs.map(({ name }) => grads[weights[name]!.name]!.dataSync());
  disposeWeights(weights);
  return { values: (values as number[] | number[][]).flat(), gradients };
}

async function expectLikeAlone(
  specs: readonly ParameterSpec[],
  encode: Encode,
  parts: readonly TokenBatch[],
  dropout: number,
  recompute: boolean,
) {
  const alone = await encoded(specs, encode, parts, dropout, recompute);
  const before = tf.memory().numTensors;
  const together = await encoded(specs, encode, [parts], dropout, recompute);
  expect(together.values.length).toBe(alone.values.length);
  together.values.forEach((value, i) => expect(value).toBeCloseTo(alone.values[i]!, 5));
  together.gradients.forEach((gradient, i) => {
    const most = Math.max(...alone.gradients[i]!.map(Math.abs), 1e-3);
    gradient.forEach((value, j) => expect(Math.abs(value - alone.gradients[i]![j]!) / most, specs[i]!.name).toBeLessThan(2e-4));
  });
  expect(tf.memory().numTensors - before).toBe(specs.length + 1); // the gradients and the sum
}

describe.each(['onnx', 'cpu'] as const)('%s', (backend) => {
  it.each<[Pooling, number, boolean]>([
    ['cls', 0, false],
    ['cls', 0.2, false],
    ['cls', 0.2, true],
    ['mean', 0, false],
    ['last', 0.2, true],
  ])('parts of a pass are encoded as if each were alone: %s, dropout %f, recomputed %s', async (pooling, dropout, recompute) => {
    await selectBackend(backend);
    const encoder = createDualEncoder({ ...shape, pooling });
    const parts = [part(3, [3, 2], 0), part(6, [6, 4, 5], 2), part(9, [8], 5)];
    await expectLikeAlone(
      encoder.specs,
      (weights, pass, training) => encoder.encode(weights, 'query', pass, training),
      parts,
      dropout,
      recompute,
    );
  });

  it('pairs of texts too', async () => {
    await selectBackend(backend);
    const encoder = createCrossEncoder(shape.transformer);
    const parts = [part(4, [4, 3], 0, [2, 1]), part(7, [6, 7], 2, [3, 5])];
    await expectLikeAlone(encoder.specs, (weights, pass, training) => encoder.score(weights, pass, training), parts, 0.2, false);
  });
});
