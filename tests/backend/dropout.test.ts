import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dropoutMask, tf } from '../../src/backend/index.js';
import { threefry2x32 } from '../../src/core/random.js';
import { candidates } from './harness.js';

const { loaded } = await candidates();
const KEY = { k0: 0x12345678, k1: 0x9abcdef0 };

function mask(shape: number[], rate: number, row = 0, key = KEY): Float32Array {
  return tf.tidy(() => Float32Array.from(dropoutMask(shape, rate, key, row).dataSync()));
}

describe('dropoutMask', () => {
  it('drops the rounded share and scales what stays so that the mean is 1', async () => {
    await tf.setBackend('cpu');
    for (const rate of [0.1, 0.25, 0.5]) {
      const rounded = Math.round(rate * 256) / 256;
      const values = mask([100_000], rate);
      const dropped = values.filter((x) => x === 0).length / values.length;
      expect(Math.abs(dropped - rounded)).toBeLessThan(4 * Math.sqrt((rounded * (1 - rounded)) / values.length));
      expect(new Set(values)).toEqual(new Set([0, Math.fround(1 / (1 - rounded))]));
    }
  });

  it('decides element i by byte i mod 8 of block (key, row, ⌊i/8⌋)', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.nat(), fc.double({ min: 0, max: 0.99, noNaN: true }), (size, row, rate) => {
        const values = mask([size], rate, row);
        values.forEach((value, i) => {
          const words = new Uint32Array(2);
          threefry2x32(KEY, Math.floor(i / 8), row, words);
          const byte = new DataView(words.buffer).getUint8(i % 8); // little-endian, as every platform of Node
          expect(value === 0).toBe(byte < Math.round(rate * 256));
        });
      }),
      { seed: 20221 },
    ));

  it('differs by row and by key', () => {
    const one = mask([64], 0.5);
    expect(mask([64], 0.5, 1)).not.toEqual(one);
    expect(mask([64], 0.5, 0, { k0: 1, k1: 1 })).not.toEqual(one);
    expect(mask([64], 0.5)).toEqual(one);
  });

  it('keeps everything at rate 0', () => expect(mask([17], 0)).toEqual(new Float32Array(17).fill(1)));

  it.each(loaded)('is on %s as on cpu', async (backend) => {
    await tf.setBackend('cpu');
    const expected = mask([3, 5, 7], 0.1, 9);
    await tf.setBackend(backend);
    expect(mask([3, 5, 7], 0.1, 9)).toEqual(expected);
  });
});
