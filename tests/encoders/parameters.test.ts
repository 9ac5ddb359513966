import { beforeAll, describe, expect, it } from 'vitest';
import { selectBackend, tf } from '../../src/backend/index.js';
import {
  assignWeights,
  createWeights,
  decayingRanges,
  disposeWeights,
  forEachSlice,
  initialParameters,
  type ParameterSpec,
  parameterCount,
} from '../../src/encoders/parameters.js';

const specs: ParameterSpec[] = [
  { name: 'a.weight', shape: [30, 40], deviation: 0.5, mean: 0, decays: true },
  { name: 'a.bias', shape: [30], deviation: 0, mean: 0, decays: false },
  { name: 'norm.weight', shape: [7], deviation: 0, mean: 1, decays: false },
  { name: 'b.weight', shape: [50, 40], deviation: 2, mean: 3, decays: true },
];

const slice = (flat: Float32Array, name: string): Float32Array => {
  let found = new Float32Array(0);
  forEachSlice(specs, (spec, begin, end) => {
    if (spec.name === name) found = flat.slice(begin, end);
  });
  return found;
};

beforeAll(async () => {
  await selectBackend('onnx');
});

describe('initial parameters', () => {
  const flat = initialParameters(specs, 5);

  it('are the constants asked for where the deviation is 0', () => {
    expect([...slice(flat, 'a.bias')]).toEqual(Array(30).fill(0));
    expect([...slice(flat, 'norm.weight')]).toEqual(Array(7).fill(1));
  });

  it.each([
    ['a.weight', 0, 0.5],
    ['b.weight', 3, 2],
  ] as const)('%s has its mean and deviation, within four standard errors', (name, mean, deviation) => {
    const values = [...slice(flat, name)];
    const average = values.reduce((sum, value) => sum + value, 0) / values.length;
    const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - average) ** 2, 0) / values.length);
    expect(Math.abs(average - mean)).toBeLessThan((4 * deviation) / Math.sqrt(values.length));
    expect(Math.abs(spread - deviation)).toBeLessThan((4 * deviation) / Math.sqrt(2 * values.length));
  });

  it('depend on seed and name alone: other parameters may come and go', () => {
    expect(initialParameters(specs, 5)).toEqual(flat);
    expect(initialParameters(specs, 6)).not.toEqual(flat);
    expect(initialParameters([specs[3]!], 5)).toEqual(slice(flat, 'b.weight'));
  });
});

describe('the flat vector', () => {
  it('is counted, and divided without gap or overlap', () => {
    let last = 0;
    forEachSlice(specs, (spec, begin, end) => {
      expect(begin).toBe(last);
      expect(end - begin).toBe(spec.shape.reduce((product, n) => product * n, 1));
      last = end;
    });
    expect(last).toBe(parameterCount(specs));
    expect(parameterCount(specs)).toBe(1200 + 30 + 7 + 2000);
  });

  it('decays where the specs say', () => {
    expect(decayingRanges(specs)).toEqual([
      { begin: 0, end: 1200 },
      { begin: 1237, end: 3237 },
    ]);
    expect(decayingRanges(specs.map((spec) => ({ ...spec, frozen: true })))).toEqual([]);
  });

  it('becomes variables of the specs’ shapes and is assigned anew without leaving tensors', async () => {
    const before = tf.memory().numTensors;
    const weights = createWeights(specs, initialParameters(specs, 5));
    expect(weights['a.weight']!.shape).toEqual([30, 40]);
    const created = tf.memory().numTensors;
    expect(created).toBe(before + specs.length);
    const other = tf.tensor1d(initialParameters(specs, 6));
    for (let i = 0; i < 3; i++) assignWeights(specs, weights, other);
    for (const { name } of specs) expect(await weights[name]!.data()).toEqual(slice((await other.data()) as Float32Array, name));
    other.dispose();
    expect(tf.memory().numTensors).toBe(created);
    disposeWeights(weights);
    expect(tf.memory().numTensors).toBe(before);
  });
});
