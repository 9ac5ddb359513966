import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dropoutMask, tf } from '../../src/backend/index.js';
import { threefry2x32 } from '../../src/core/random.js';
import { candidates } from './harness.js';

const { loaded } = await candidates();
const KEY = { k0: 0x12345678, k1: 0x9abcdef0 };
type Shape = Parameters<typeof dropoutMask>[0];

async function mask(shape: Shape, rate: number, { key = KEY, number = 0, rows = [0] as ArrayLike<number> } = {}): Promise<Float32Array> {
  const tensor = dropoutMask(shape, { rate, key, mask: number, rows });
  const values = Float32Array.from(await tensor.data());
  tensor.dispose();
  return values;
}

describe('dropoutMask', () => {
  it('drops the rounded share and scales what stays so that the mean is 1', async () => {
    await tf.setBackend('cpu');
    for (const rate of [0.1, 0.25, 0.5]) {
      const rounded = Math.round(rate * 256) / 256;
      const values = await mask([1, 100, 1000], rate);
      const dropped = values.filter((x) => x === 0).length / values.length;
      expect(Math.abs(dropped - rounded)).toBeLessThan(4 * Math.sqrt((rounded * (1 - rounded)) / values.length));
      expect(new Set(values)).toEqual(new Set([0, Math.fround(1 / (1 - rounded))]));
    }
  });

  it('decides element i of a line by byte i mod 8 of the line’s block ⌊i/8⌋ under (mask, row)', () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 100 }),
        fc.nat(2 ** 24 - 1),
        fc.nat(255),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        async (length, row, number, rate) => {
          const values = await mask([1, 2, length], rate, { number, rows: [row] });
          values.forEach((value, at) => {
            const [line, i] = [Math.floor(at / length), at % length];
            const words = new Uint32Array(2);
            threefry2x32(KEY, line * Math.ceil(length / 8) + Math.floor(i / 8), number * 2 ** 24 + row, words);
            const byte = new DataView(words.buffer).getUint8(i % 8); // little-endian, as every platform of Node
            expect(value === 0).toBe(byte < Math.round(rate * 256));
          });
        },
      ),
      { seed: 20221 },
    ));

  it('of a sequence is the same in every batch and with any padding', async () => {
    const hidden = await mask([3, 7, 10], 0.5, { rows: [4, 9, 2] });
    expect(await mask([1, 5, 10], 0.5, { rows: [9] })).toEqual(hidden.slice(70, 120));
    const attention = await mask([2, 3, 6, 6], 0.5, { rows: [4, 9] });
    const shorter = await mask([1, 3, 4, 4], 0.5, { rows: [9] });
    const at = (h: number, t: number, u: number) => attention[((1 * 3 + h) * 6 + t) * 6 + u];
    shorter.forEach((value, i) => expect(value).toBe(at(Math.floor(i / 16), Math.floor(i / 4) % 4, i % 4)));
    // What [CLS] alone asks is the first line of every head.
    const first = await mask([1, 3, 1, 4], 0.5, { rows: [9] });
    first.forEach((value, i) => expect(value).toBe(at(Math.floor(i / 4), 0, i % 4)));
  });

  it('differs by row, by mask and by key', async () => {
    const one = await mask([1, 1, 64], 0.5);
    expect(await mask([1, 1, 64], 0.5, { rows: [1] })).not.toEqual(one);
    expect(await mask([1, 1, 64], 0.5, { number: 1 })).not.toEqual(one);
    expect(await mask([1, 1, 64], 0.5, { key: { k0: 1, k1: 1 } })).not.toEqual(one);
    expect(await mask([1, 1, 64], 0.5)).toEqual(one);
  });

  it('keeps everything at rate 0', async () => expect(await mask([1, 1, 17], 0)).toEqual(new Float32Array(17).fill(1)));

  it.each(loaded)('is on %s as on cpu', async (backend) => {
    await tf.setBackend('cpu');
    const expected = await mask([3, 5, 7], 0.1, { rows: [9, 8, 7] });
    await tf.setBackend(backend);
    expect(await mask([3, 5, 7], 0.1, { rows: [9, 8, 7] })).toEqual(expected);
  });
});
