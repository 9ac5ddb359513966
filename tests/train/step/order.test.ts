import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitOfPositives } from '../../../src/data/texts.js';
import type { Dataset } from '../../../src/data/types.js';
import { MIX_BLOCK, queriesOfStep, quotasOf, turnOf } from '../../../src/train/step/order.js';

const QUERIES = 12;

function trained(size: number, mix?: Dataset['mix']): Pick<Dataset, 'splits' | 'mix'> {
  const none = splitOfPositives(new Int32Array(0), []);
  const train = splitOfPositives(
    Int32Array.from({ length: size }, (_, i) => i),
    [],
  );
  return { splits: { train, dev: none, test: none }, ...(mix && { mix }) };
}

describe('queriesOfStep', () => {
  const data = trained(QUERIES);

  it('visits every training query once an epoch, in another order each', () => {
    const epochs = [0, 1].map((epoch) => Array.from({ length: 3 }, (_, i) => [...queriesOfStep(9, data, 4, 3 * epoch + i)]).flat());
    for (const epoch of epochs) expect([...epoch].sort((a, b) => a - b)).toEqual(Array.from({ length: QUERIES }, (_, i) => i));
    expect(epochs[0]).not.toEqual(epochs[1]);
  });

  it('loses and repeats none where a step does not divide an epoch', () => {
    const visited = Array.from({ length: QUERIES }, (_, step) => [...queriesOfStep(9, data, 5, step)]).flat(); // 5 epochs
    for (let q = 0; q < QUERIES; q++) expect(visited.filter((place) => place === q)).toHaveLength(5);
  });
});

describe('a mix of data sets', () => {
  const of = Int32Array.from({ length: QUERIES }, (_, i) => (i < 3 ? 0 : 1));

  it('gives each set its share of every block, and each set its own epochs', () => {
    const data = trained(QUERIES, { names: ['a', 'b'], weights: [3, 1], of });
    const drawn = Array.from({ length: MIX_BLOCK / 50 }, (_, step) => [...queriesOfStep(4, data, 50, step)]).flat();
    const ofA = drawn.filter((place) => of[place] === 0);
    expect(ofA).toHaveLength(750);
    for (let place = 0; place < 3; place++) expect(ofA.filter((one) => one === place)).toHaveLength(250);
    const counts = Array.from({ length: 9 }, (_, i) => drawn.filter((place) => place === i + 3).length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  });

  it('is the same at a step whatever was asked before', () => {
    const data = () => trained(QUERIES, { names: ['a', 'b'], weights: [1, 2], of });
    const steps = [7, 200, 3, 900].map((step) => [...queriesOfStep(1, data(), 8, step)]);
    expect([7, 200, 3, 900].map((step) => [...queriesOfStep(1, data(), 8, step)])).toEqual(steps);
  });

  it('numbers the turns of each set without a gap, across blocks', () => {
    const next = [0, 0, 0];
    for (let position = 0; position < 3 * MIX_BLOCK; position++) {
      const { set, turn } = turnOf(5, [1, 2, 7], position);
      expect(turn).toBe(next[set]!++);
    }
  });

  it('divides a block exactly, with something for everyone', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), { minLength: 2, maxLength: 20 }), (weights) => {
        const quotas = quotasOf(weights);
        expect(quotas.reduce((sum, quota) => sum + quota)).toBe(MIX_BLOCK);
        expect(Math.min(...quotas)).toBeGreaterThanOrEqual(1);
      }),
    );
  });
});
