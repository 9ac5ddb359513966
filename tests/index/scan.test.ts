import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.js';
import { ScoreBlock } from '../../src/index/scan.js';
import { TopKBuffer } from '../../src/index/topk.js';

const block = new ScoreBlock(2, 64);
// Few distinct scores, so that ties are the rule.
const coarseScores = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 200 });

function offer(rows: readonly (readonly number[])[], firstRow: number, buffers: readonly TopKBuffer[]): void {
  block.scores.set(rows.flat());
  block.offerTo(buffers, rows.length, rows[0]!.length, firstRow);
}

describe('ScoreBlock', () => {
  it('gives each query the best of all blocks, however the corpus is cut', () => {
    fc.assert(
      fc.property(coarseScores, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 64 }), (scores, k, blockSize) => {
        const both = [scores, scores.map((score) => 0 - score)];
        const buffers = both.map(() => new TopKBuffer(k));
        for (let first = 0; first < scores.length; first += blockSize)
          offer(
            both.map((all) => all.slice(first, first + blockSize)),
            first,
            buffers,
          );
        both.forEach((all, i) => {
          const rows = [...all.keys()].sort((a, b) => all[b]! - all[a]! || a - b).slice(0, k);
          expect([...buffers[i]!.sorted().rows]).toEqual(rows);
          expect([...buffers[i]!.sorted().scores]).toEqual(rows.map((row) => all[row]!));
        });
      }),
      { numRuns: 300 },
    );
  });

  it('finds a single better score at any place of a row', () => {
    for (let n = 1; n <= 64; n++)
      for (let place = 0; place < n; place++) {
        const buffers = [new TopKBuffer(1), new TopKBuffer(1)];
        for (const buffer of buffers) buffer.offer(1000, 5);
        const low = Array<number>(n).fill(4);
        offer([low, low.with(place, 6)], 0, buffers);
        expect(buffers.map((buffer) => buffer.sorted().rows[0])).toEqual([1000, place]);
      }
  });

  it('refuses NaN even behind good scores', () => {
    const scores = Array<number>(32).fill(9);
    for (const place of [0, 15, 16, 31]) {
      const buffer = new TopKBuffer(1);
      buffer.offer(1000, 10);
      expect(() => offer([scores.with(place, Number.NaN)], 0, [buffer])).toThrow(UserError);
    }
  });
});
