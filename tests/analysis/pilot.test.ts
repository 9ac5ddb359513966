/** The pilot against brute force: closed forms by finite differences, true gradients by finite differences, sums by loops. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lastLayer, lossDerivatives, type PilotQuery, pilot, scoreGradients } from '../../src/analysis/pilot.js';
import { selectBackend, tf } from '../../src/backend/index.js';
import { createDualEncoder } from '../../src/encoders/dualEncoder.js';
import { createWeights, disposeWeights, initialParameters, type Weights } from '../../src/encoders/parameters.js';
import { softmax } from '../../src/sampling/simans.js';
import { tinyShape } from '../train/fixtures.js';

const encoder = createDualEncoder(tinyShape('separate'));
const parameters = initialParameters(encoder.specs, 3);
let weights: Weights;
beforeAll(async () => {
  await selectBackend('cpu');
  weights = createWeights(encoder.specs, parameters);
});
afterAll(() => disposeWeights(weights));

const texts = [
  [2, 7, 9, 3],
  [2, 8, 3],
  [2, 11, 12, 13, 3],
  [2, 20, 3],
  [2, 9, 21, 3],
];

function scoresWith(own: Weights, query: number[], passages: number[][]): number[] {
  const vector = (side: 'query' | 'passage', ids: number[]) =>
    tf.tidy(() => [
      ...encoder
        .encode(own, side, { ids: Int32Array.from(ids), lengths: Int32Array.of(ids.length), tokens: ids.length, rows: Int32Array.of(0) })
        .dataSync(),
    ]);
  const q = vector('query', query);
  return passages.map((passage) => vector('passage', passage).reduce((sum, value, i) => sum + value * q[i]!, 0) * encoder.logitScale);
}

const queryOf = (first: number, hidden: number[] = []): PilotQuery => {
  const passages = texts.map((_, i) => texts[(first + i) % texts.length]!);
  return {
    tokens: [2, 5 + first, 6, 3],
    passages,
    scores: Float32Array.from(scoresWith(weights, [2, 5 + first, 6, 3], passages)),
    hidden: new Set(hidden),
    laws: { topk: [0.5, 0.5], uneven: [0.1, 0.2, 0.3, 0.4] },
    random: { tokens: texts[first]!, score: scoresWith(weights, [2, 5 + first, 6, 3], [texts[first]!])[0]! },
  };
};

describe('the closed form of ∂ℓ/∂s', () => {
  it('is that of −log(1 − p_r)', () => {
    const scores = [1.2, 0.3, -0.7, 2.1];
    for (let r = 1; r < scores.length; r++)
      lossDerivatives(softmax(scores), r).forEach((derivative, j) => {
        const loss = (shift: number) => -Math.log(1 - softmax(scores.map((score, i) => score + (i === j ? shift : 0)))[r]!);
        expect(Math.abs((loss(1e-5) - loss(-1e-5)) / 2e-5 - derivative)).toBeLessThan(1e-8);
      });
  });

  it('hold where a negative is so far ahead that its share is 1 in double precision', () => {
    const share = 1 / (1 + Math.exp(-1)); // of the positive among the others
    const found = lossDerivatives(softmax([0, 60, -1]), 1);
    [-share, 1, share - 1].forEach((expected, j) => expect(Math.abs(found[j]! - expected), `score ${j}`).toBeLessThan(1e-12));
  });
});

describe('scoreGradients', () => {
  it('are the gradients of the scores with respect to the last layer of both towers', async () => {
    const query = queryOf(0);
    const last = lastLayer(encoder, weights);
    expect(new Set(last.map(({ name }) => name.split('.')[0]))).toEqual(new Set(last.map(({ name }) => name.split('.')[0])));
    const size = last.reduce((sum, variable) => sum + variable.size, 0);
    const before = tf.memory().numTensors;
    const gradients = await scoreGradients(encoder, weights, last, query, size);
    expect(tf.memory().numTensors).toBe(before);
    // Some parameters of each variable, by central differences.
    let at = 0;
    for (const variable of last) {
      const values = variable.dataSync().slice();
      for (const i of [0, variable.size - 1]) {
        const moved = (shift: number) => {
          const copy = values.slice();
          copy[i]! += shift;
          const tensor = tf.tensor(copy, variable.shape);
          variable.assign(tensor);
          tensor.dispose();
          return scoresWith(weights, query.tokens as number[], query.passages as number[][]);
        };
        const [up, down] = [moved(1e-2), moved(-1e-2)];
        up.forEach((score, j) =>
          expect(Math.abs((score - down[j]!) / 2e-2 - gradients[j * size + at + i]!)).toBeLessThan(
            2e-2 * (1 + Math.abs(gradients[j * size + at + i]!)),
          ),
        );
      }
      const original = tf.tensor(values, variable.shape);
      variable.assign(original);
      original.dispose();
      at += variable.size;
    }
  });
});

describe('pilot', () => {
  it('gives the mean norm and the trace of the covariance by rank, with and without hidden positives', async () => {
    const queries = [queryOf(0), queryOf(1, [2]), queryOf(2)];
    const ranks = 4;
    const found = await pilot(encoder, weights, queries, { ranks, seed: 1, onQuery: () => {} });
    const last = lastLayer(encoder, weights);
    const size = last.reduce((sum, variable) => sum + variable.size, 0);
    expect(found).toMatchObject({ queries: 3, parameters: size });
    const jacobians: Float32Array[] = [];
    for (const query of queries) jacobians.push(await scoreGradients(encoder, weights, last, query, size));
    const gradientsOf = (r: number) =>
      queries.map((query, q) => {
        const jacobian = jacobians[q]!;
        const c = lossDerivatives(softmax(query.scores), r);
        return Float64Array.from({ length: size }, (_, i) => c.reduce((sum, value, j) => sum + value * jacobian[j * size + i]!, 0));
      });
    const norm = (g: Float64Array) => Math.sqrt(g.reduce((sum, value) => sum + value * value, 0));
    for (const r of [1, 2, 4]) {
      const check = (gradients: Float64Array[], row: (typeof found.rows)[number]) => {
        const n = gradients.length;
        const mean = Float64Array.from({ length: size }, (_, i) => gradients.reduce((sum, g) => sum + g[i]! / n, 0));
        const variance = gradients.reduce((sum, g) => sum + norm(g.map((value, i) => value - mean[i]!)) ** 2 / n, 0);
        const expected = gradients.reduce((sum, g) => sum + norm(g) / n, 0);
        expect(Math.abs(row.mean - expected) / expected).toBeLessThan(1e-4);
        expect(Math.abs(row.variance - variance) / variance).toBeLessThan(1e-3);
      };
      check(gradientsOf(r), found.rows[r - 1]!);
      check(
        gradientsOf(r).filter((_, i) => !queries[i]!.hidden.has(r)),
        found.withoutHidden[r - 1]!,
      );
    }
    // A sampler's draw: expectations over queries and its law.
    const law = [0.1, 0.2, 0.3, 0.4];
    const drawn = law.flatMap((p, r) => gradientsOf(r + 1).map((g) => ({ p: p / queries.length, g })));
    const mean = Float64Array.from({ length: size }, (_, i) => drawn.reduce((sum, { p, g }) => sum + p * g[i]!, 0));
    const variance = drawn.reduce((sum, { p, g }) => sum + p * norm(g.map((value, i) => value - mean[i]!)) ** 2, 0);
    const uneven = found.draws.find(({ sampler }) => sampler === 'uneven')!;
    expect(Math.abs(uneven.mean / drawn.reduce((sum, { p, g }) => sum + p * norm(g), 0) - 1)).toBeLessThan(1e-4);
    expect(Math.abs(uneven.variance / variance - 1)).toBeLessThan(1e-3);
    expect(uneven.hidden).toBeCloseTo(0.2 / 3, 12);
    // A random passage: its own loss, with it in the softmax.
    const ofRandom: number[] = [];
    for (const query of queries) {
      const all = { ...query, passages: [...query.passages, query.random!.tokens] };
      const jacobian = await scoreGradients(encoder, weights, last, all, size);
      const c = lossDerivatives(softmax([...query.scores, query.random!.score]), 5);
      ofRandom.push(
        norm(Float64Array.from({ length: size }, (_, i) => c.reduce((sum, value, j) => sum + value * jacobian[j * size + i]!, 0))),
      );
    }
    const random = found.draws.at(-1)!;
    expect(random.sampler).toBe('random');
    expect(Math.abs(random.mean / ((ofRandom[0]! + ofRandom[1]! + ofRandom[2]!) / 3) - 1)).toBeLessThan(1e-4);
    expect(found.rows.map(({ hidden }) => hidden)).toEqual([0, 1, 0, 0]);
    for (const { mean, meanLow, meanHigh } of found.rows) expect([meanLow <= mean, mean <= meanHigh]).toEqual([true, true]);
  });
});
