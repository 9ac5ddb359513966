import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunksByLength, joined } from '../../src/encoders/batching.js';
import { toyTokens } from '../train/fixtures.js';

const PAD = 0; // toyTokens has no id 0
const lengths = fc.array(fc.integer({ min: 2, max: 20 }), { minLength: 1, maxLength: 40 });
const limits = fc.integer({ min: 1, max: 200 });

describe('chunksByLength', () => {
  it('holds every row once, whole, padded behind its end', () => {
    fc.assert(
      fc.property(lengths, limits, (all, maxTokens) => {
        const table = toyTokens(all, 'rows');
        const rows = all.map((_, i) => all.length - 1 - i); // any order
        const chunks = chunksByLength(table, rows, { tokens: maxTokens }, PAD);
        expect(chunks.flatMap(({ places }) => [...places]).sort((a, b) => a - b)).toEqual(rows.map((_, place) => place));
        for (const { places, batch } of chunks) {
          expect(batch.ids.length).toBe(places.length * batch.tokens);
          places.forEach((place, i) => {
            const row = rows[place]!;
            const padded = [...batch.ids.subarray(i * batch.tokens, (i + 1) * batch.tokens)];
            expect(batch.lengths[i]).toBe(all[row]);
            expect(padded.slice(0, all[row])).toEqual([...table.ids.subarray(table.offsets[row]!, table.offsets[row + 1]!)]);
            expect(padded.slice(all[row])).toEqual(Array(batch.tokens - all[row]!).fill(PAD));
          });
        }
      }),
    );
  });

  it('keeps to the limit of padded tokens, a single longer row apart, and pads to the longest row alone', () => {
    fc.assert(
      fc.property(lengths, limits, (all, maxTokens) => {
        const table = toyTokens(all, 'rows');
        for (const { places, batch } of chunksByLength(
          table,
          all.map((_, row) => row),
          { tokens: maxTokens },
          PAD,
        )) {
          if (places.length > 1) expect(batch.ids.length).toBeLessThanOrEqual(maxTokens);
          expect(batch.tokens).toBe(Math.max(...batch.lengths));
        }
      }),
    );
  });

  it('keeps to the limit of padding, and opens a new chunk only where it would be passed', () => {
    fc.assert(
      fc.property(lengths, fc.integer({ min: 0, max: 40 }), (all, padding) => {
        const rows = all.map((_, row) => row);
        const chunks = chunksByLength(toyTokens(all, 'rows'), rows, { tokens: 1e6, padding }, PAD);
        const padded = (lengths: number[]) => lengths.reduce((sum, length) => sum + Math.max(...lengths) - length, 0);
        chunks.forEach(({ batch }, i) => {
          expect(padded([...batch.lengths])).toBeLessThanOrEqual(padding);
          const next = chunks[i + 1]?.batch.lengths[0];
          if (next !== undefined) expect(padded([...batch.lengths, next])).toBeGreaterThan(padding);
        });
      }),
    );
  });

  it('joins two tables', () => {
    const [first, second] = [toyTokens([3, 5], 'first'), toyTokens([4], 'second')];
    const { ids, offsets } = joined(first, second);
    expect([...offsets]).toEqual([0, 3, 8, 12]);
    expect([...ids]).toEqual([...first.ids, ...second.ids]);
  });

  it('opens a new chunk only where the next row would not fit', () => {
    fc.assert(
      fc.property(lengths, limits, (all, maxTokens) => {
        const chunks = chunksByLength(
          toyTokens(all, 'rows'),
          all.map((_, row) => row),
          { tokens: maxTokens },
          PAD,
        );
        chunks.slice(1).forEach(({ batch }, i) => expect(batch.lengths[0]! * (chunks[i]!.places.length + 1)).toBeGreaterThan(maxTokens));
      }),
    );
  });

  it('takes the same row twice, and none', () => {
    const table = toyTokens([3, 4], 'rows');
    expect(chunksByLength(table, [1, 1], { tokens: 100 }, PAD)[0]!.batch.lengths).toEqual(Int32Array.of(4, 4));
    expect(chunksByLength(table, [], { tokens: 100 }, PAD)).toEqual([]);
  });
});
