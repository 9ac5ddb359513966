/** The fused operators against the composed formulas on the cpu backend, and against finite differences. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Attending,
  attention,
  type BackendName,
  crossEntropy,
  type Dropout,
  dense,
  denseGelu,
  embedding,
  firstTokenAttention,
  layerNorm,
  residualLayerNorm,
  tf,
  tokenMean,
} from '../../src/backend/index.js';
import { candidates, evaluate, expectClose, expectLikeCpu, expectSlope, type Given, gaussian, map, type Operator } from './harness.js';

const { loaded, absent } = await candidates();
const KEY = { k0: 1, k1: 2 };
const EPSILON = 1e-12;

const denseOf: Operator = (x, w, b) => dense(x as tf.Tensor2D, w as tf.Tensor2D, b as tf.Tensor1D);
const denseGeluOf: Operator = (x, w, b) => denseGelu(x as tf.Tensor2D, w as tf.Tensor2D, b as tf.Tensor1D);
const layerNormOf: Operator = (x, gamma, beta) => layerNorm(x as tf.Tensor2D, gamma as tf.Tensor1D, beta as tf.Tensor1D, EPSILON);
const residualLayerNormOf: Operator = (x, residual, gamma, beta) =>
  residualLayerNorm(x as tf.Tensor2D, residual as tf.Tensor2D, gamma as tf.Tensor1D, beta as tf.Tensor1D, EPSILON);
const embeddingOf =
  (ids: number[]): Operator =>
  (table) =>
    embedding(table as tf.Tensor2D, Int32Array.from(ids));

/** Sequence b of B has ⌈T·(b+1)/B⌉ tokens, the rest is padding. */
const paddingOf = (B: number, T: number) =>
  Array.from({ length: B * T }, (_, i) => (i % T < Math.ceil((T * (Math.floor(i / T) + 1)) / B) ? 0 : -1e9));

const dropoutOf = (B: number, rate: number): Dropout | undefined =>
  rate > 0 ? { rate, key: KEY, mask: 5, rows: [...Array(B).keys()] } : undefined;

const attending = (B: number, T: number, rate: number): Attending => ({
  mask: tf.tensor2d(paddingOf(B, T), [B, T]),
  dropout: dropoutOf(B, rate),
});

function attentionOf(B: number, T: number, heads: number, rate = 0): Operator {
  return (query, keyValue) => attention(query as tf.Tensor2D, keyValue as tf.Tensor2D, [attending(B, T, rate)], heads);
}

/** Sequences of two lengths: 3 of T tokens, 2 of T + 3. */
function attentionOfParts(T: number, heads: number, rate = 0): Operator {
  return (query, keyValue) =>
    attention(query as tf.Tensor2D, keyValue as tf.Tensor2D, [attending(3, T, rate), attending(2, T + 3, rate)], heads);
}

/** Of (query, x, weight, bias). */
const firstTokenAttentionOfParts =
  (parts: () => Attending[], heads: number): Operator =>
  (query, x, weight, bias) =>
    firstTokenAttention(query as tf.Tensor2D, x as tf.Tensor2D, weight as tf.Tensor2D, bias as tf.Tensor1D, parts(), heads);

const firstTokenAttentionOf = (B: number, T: number, heads: number, rate = 0): Operator =>
  firstTokenAttentionOfParts(() => [attending(B, T, rate)], heads);

/** The same by `attention` of all projected tokens, of which only the first one's result is read. */
function firstOfAttentionOf(B: number, T: number, heads: number, rate = 0): Operator {
  return (query, x, weight, bias) => {
    const D = query.shape[1]!;
    const spread = tf.reshape(tf.concat([tf.reshape(query, [B, 1, D]), tf.zeros([B, T - 1, D])], 1), [B * T, D]);
    const projected = denseOf(x, weight, bias);
    const all = attention(spread as tf.Tensor2D, projected as tf.Tensor2D, [attending(B, T, rate)], heads);
    return tf.reshape(tf.slice3d(tf.reshape(all, [B, T, D]) as tf.Tensor3D, [0, 0, 0], [B, 1, D]), [B, D]);
  };
}

const affine = (N: number, I: number, O: number): Given[] => [
  gaussian([N, I]),
  map(gaussian([O, I], 1), (x) => x / Math.sqrt(I)),
  gaussian([O], 2),
];
const size = fc.integer({ min: 1, max: 40 });
const runs = { numRuns: 12, seed: 20221 };

describe.each(loaded)('%s', (backend) => {
  it('dense is x·wᵀ + b', () =>
    fc.assert(
      fc.asyncProperty(size, size, size, (N, I, O) => expectLikeCpu(backend, denseOf, affine(N, I, O))),
      runs,
    ));

  it('denseGelu is gelu(x·wᵀ + b)', () =>
    fc.assert(
      fc.asyncProperty(size, size, size, (N, I, O) => expectLikeCpu(backend, denseGeluOf, affine(N, I, O))),
      runs,
    ));

  it('layerNorm is as composed', () =>
    fc.assert(
      fc.asyncProperty(size, fc.integer({ min: 3, max: 70 }), (N, D) =>
        expectLikeCpu(backend, layerNormOf, [gaussian([N, D]), gaussian([D], 1), gaussian([D], 2)], 1e-4),
      ),
      runs,
    ));

  it('residualLayerNorm is layerNorm(x + residual)', () =>
    fc.assert(
      fc.asyncProperty(size, fc.integer({ min: 3, max: 70 }), (N, D) =>
        expectLikeCpu(backend, residualLayerNormOf, [gaussian([N, D]), gaussian([N, D], 3), gaussian([D], 1), gaussian([D], 2)], 1e-4),
      ),
      runs,
    ));

  it('residualLayerNorm of x with itself has both gradients', () =>
    expectLikeCpu(
      backend,
      (x, gamma, beta) => residualLayerNormOf(x, x, gamma, beta),
      [gaussian([9, 32]), gaussian([32], 1), gaussian([32], 2)],
      1e-4,
    ));

  it('attention is as composed, with and without dropout, for any padding', () => {
    const small = fc.integer({ min: 1, max: 9 });
    const property = fc.asyncProperty(
      small,
      small,
      fc.integer({ min: 1, max: 4 }),
      small,
      fc.constantFrom(0, 0.3),
      (B, T, heads, width, rate) =>
        expectLikeCpu(backend, attentionOf(B, T, heads, rate), [gaussian([B * T, heads * width], 1), gaussian([B * T, 2 * heads * width])]),
    );
    return fc.assert(property, runs);
  });

  it.each([0, 0.3])('attention of sequences longer than a tile is as on cpu, dropout %f', (rate) => {
    const [B, T, heads, width] = [2, 150, 2, 24];
    return expectLikeCpu(backend, attentionOf(B, T, heads, rate), [
      gaussian([B * T, heads * width], 1),
      gaussian([B * T, 2 * heads * width]),
    ]);
  });

  it.each([0, 0.3])('attention of sequences of two lengths is as on cpu, and as of each alone, dropout %f', async (rate) => {
    const [T, heads, width] = [4, 2, 3];
    const [D, first, second] = [heads * width, 3 * T, 2 * (T + 3)];
    const inputs = [gaussian([first + second, D], 1), gaussian([first + second, 2 * D])];
    await expectLikeCpu(backend, attentionOfParts(T, heads, rate), inputs);
    const alone: Operator = (query, keyValue) => {
      const [q, kv] = [query, keyValue].map((x) => tf.split(x as tf.Tensor2D, [first, second]) as tf.Tensor2D[]);
      const parts = [attentionOf(3, T, heads, rate)(q![0]!, kv![0]!), attentionOf(2, T + 3, heads, rate)(q![1]!, kv![1]!)];
      return tf.concat2d(parts as tf.Tensor2D[], 0);
    };
    const expected = await evaluate('cpu', alone, inputs);
    const actual = await evaluate(backend, attentionOfParts(T, heads, rate), inputs);
    actual.forEach((array, i) => expectClose(array, expected[i], 2e-5, i === 0 ? 'value' : `gradient of input ${i - 1}`));
  });

  it('firstTokenAttention is attention over projected tokens, with and without dropout, and as on cpu', () => {
    const small = fc.integer({ min: 1, max: 7 });
    const property = fc.asyncProperty(
      small,
      small,
      fc.integer({ min: 1, max: 4 }),
      small,
      fc.boolean(),
      async (B, T, heads, width, drops) => {
        const D = heads * width;
        const rate = drops ? 0.3 : 0;
        const inputs = [gaussian([B, D], 1), ...affine(B * T, D, 2 * D)];
        await expectLikeCpu(backend, firstTokenAttentionOf(B, T, heads, rate), inputs);
        const expected = await evaluate('cpu', firstOfAttentionOf(B, T, heads, rate), inputs);
        const actual = await evaluate(backend, firstTokenAttentionOf(B, T, heads, rate), inputs);
        actual.forEach((array, i) => expectClose(array, expected[i], 2e-5, i === 0 ? 'value' : `gradient of input ${i - 1}`));
      },
    );
    return fc.assert(property, runs);
  });

  it.each([0, 0.3])('firstTokenAttention of sequences of two lengths is as on cpu, dropout %f', async (rate) => {
    const [heads, D] = [2, 6];
    const operator = firstTokenAttentionOfParts(() => [attending(3, 4, rate), attending(2, 7, rate)], heads);
    await expectLikeCpu(backend, operator, [gaussian([5, D], 1), ...affine(3 * 4 + 2 * 7, D, 2 * D)]);
  });

  it('tokenMean is the mean of the tokens before the padding, and as on cpu', async () => {
    const D = 3;
    const parts = [
      { lengths: Int32Array.of(4, 1, 3), tokens: 4 },
      { lengths: Int32Array.of(6), tokens: 7 },
    ];
    const x = gaussian([3 * 4 + 7, D], 1);
    const operator: Operator = (rows) => tokenMean(rows as tf.Tensor2D, parts);
    await expectLikeCpu(backend, operator, [x]);
    const [value] = await evaluate(backend, operator, [x]);
    const meanOf = (begin: number, length: number) =>
      Array.from(
        { length: D },
        (_, j) => Array.from({ length }, (_, t) => x.values[(begin + t) * D + j]!).reduce((a, b) => a + b) / length,
      );
    const expected = [meanOf(0, 4), meanOf(4, 1), meanOf(8, 3), meanOf(12, 6)].flat();
    expectClose(value!, Float32Array.from(expected), 2e-5, 'value');
  });

  it('embedding gathers rows, and adds up the gradients of equal rows', () => {
    const ids = fc.array(fc.integer({ min: 0, max: 10 }), { minLength: 1, maxLength: 30 });
    return fc.assert(
      fc.asyncProperty(ids, size, (rows, D) => expectLikeCpu(backend, embeddingOf(rows), [gaussian([11, D])])),
      runs,
    );
  });

  it('cross-entropy has the losses and slopes of cpu, whatever is blocked and however large the logits are', async () => {
    const [Q, P] = [5, 70];
    const blocked = map(gaussian([Q, P]), (x, i) => (i % 7 === 3 ? -1e9 : 40 * x));
    const target = map(gaussian([Q, P]), (_, i) => (i % P === 2 * Math.floor(i / P) ? 1 : 0)); // never a blocked one
    const parts = ['losses', 'slopes'] as const;
    for (const part of parts) {
      const of = async (name: BackendName) => {
        await tf.setBackend(name);
        const y = tf.tidy(() => crossEntropy(tf.tensor2d(blocked.values, [Q, P]), tf.tensor2d(target.values, [Q, P]))[part]);
        const values = Float32Array.from(await y.data());
        y.dispose();
        return values;
      };
      expectClose(await of(backend), await of('cpu'), 2e-5, part);
    }
  });

  it('a block of the transformer has the slope of its finite differences', async () => {
    const [B, T, D, heads, F] = [2, 5, 8, 2, 12];
    const block: Operator = (x, wq, bq, wkv, bkv, wOut, bOut, gamma, beta, wIn, bIn) => {
      const context = attentionOf(B, T, heads)(denseOf(x, wq, bq), denseOf(x, wkv, bkv));
      return denseGeluOf(residualLayerNormOf(denseOf(context, wOut, bOut), x, gamma, beta), wIn, bIn);
    };
    const [x, ...query] = affine(B * T, D, D);
    const inputs = [
      x,
      ...query,
      ...affine(1, D, 2 * D).slice(1),
      ...affine(1, D, D).slice(1),
      gaussian([D], 7),
      gaussian([D], 8),
      ...affine(1, D, F).slice(1),
    ];
    await expectSlope(
      backend,
      block,
      inputs.map((given) => map(given, (value) => value * 0.7)),
    );
  });

  it('nothing leaks under tidy and variableGrads, with dropout', async () => {
    await tf.setBackend(backend);
    const [B, T, D] = [3, 4, 6];
    const weights = [...affine(1, D, D).slice(1), ...affine(1, D, 2 * D).slice(1)].map(({ values, shape }) =>
      tf.variable(tf.tensor(values, shape)),
    );
    const before = tf.memory().numTensors;
    const { value, grads } = tf.variableGrads(() =>
      tf.tidy(() => {
        const x = tf.tensor2d(gaussian([B * T, D]).values, [B * T, D]);
        return tf.sum(attentionOf(B, T, 2, 0.2)(denseOf(x, weights[0], weights[1]), denseOf(x, weights[2], weights[3])));
      }),
    );
    expect(tf.memory().numTensors).toBe(before + 1 + weights.length);
    tf.dispose([value, ...Object.values(grads)]);
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose(weights);
  });

  it('a row with NaN spoils itself alone', async () => {
    const spoilt = map(gaussian([6, 8]), (x, i) => (i === 8 * 2 + 3 ? NaN : x));
    const operators: [Operator, Given[]][] = [
      [denseOf, affine(6, 8, 5).slice(1)],
      [denseGeluOf, affine(6, 8, 5).slice(1)],
      [layerNormOf, [gaussian([8], 1), gaussian([8], 2)]],
    ];
    for (const [operator, others] of operators) {
      const [value] = await evaluate(backend, operator, [spoilt, ...others]);
      const width = value.length / 6;
      value.forEach((x, i) => expect(Number.isNaN(x)).toBe(Math.floor(i / width) === 2));
    }
  });
});

describe('cpu', () => {
  it('gelu has the values of the normal distribution', async () => {
    const identity = { values: Float32Array.from([1]), shape: [1, 1] };
    const zero = { values: Float32Array.from([0]), shape: [1] };
    const x = { values: Float32Array.from([-3, -1, 0, 1, 3]), shape: [5, 1] };
    // u·Φ(u) from tables of Φ: Φ(1) = 0.8413447, Φ(3) = 0.9986501
    const expected = [-3 * 0.0013499, -0.1586553, 0, 0.8413447, 3 * 0.9986501];
    for (const backend of ['cpu', ...loaded] as const) {
      const [value] = await evaluate(backend, denseGeluOf, [x, identity, zero]);
      value.forEach((y, i) => expect(y).toBeCloseTo(expected[i], 5));
    }
  });
});

describe.each(absent)('$name', ({ why }) => {
  it.skip(`not compared: ${why}`, () => {});
});
