import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBfloat16, fromHalf, toHalf } from '../../src/core/half.js';

const bits = (...values: number[]) => Uint16Array.from(values);

describe('half precision', () => {
  it('known values, both ways', () => {
    const known: [number, number][] = [
      [0x0000, 0],
      [0x3c00, 1],
      [0xc000, -2],
      [0x7bff, 65504],
      [0x0400, 2 ** -14],
      [0x0001, 2 ** -24],
      [0x3555, 0.333251953125],
      [0x7c00, Number.POSITIVE_INFINITY],
    ];
    for (const [half, value] of known) {
      expect(fromHalf(bits(half))[0]).toBe(value);
      expect(toHalf(Float32Array.of(value))[0]).toBe(half);
    }
    expect(fromHalf(bits(0x7e00))[0]).toBeNaN();
    expect(fromBfloat16(bits(0x3f80, 0xc000, 0x7f80))).toEqual(Float32Array.of(1, -2, Number.POSITIVE_INFINITY));
  });

  it('every half comes back', () => {
    const all = Uint16Array.from({ length: 1 << 16 }, (_, half) => half).filter(
      (half) => (half & 0x7c00) !== 0x7c00 || (half & 0x3ff) === 0,
    );
    expect(toHalf(fromHalf(all))).toEqual(all);
  });

  it('rounds to the nearest half, ties to even', () => {
    const halves = fromHalf(Uint16Array.from({ length: 0x7c00 }, (_, half) => half)); // all positive, ascending
    fc.assert(
      fc.property(fc.float({ min: 0, max: 65504, noNaN: true }), (value) => {
        const rounded = fromHalf(toHalf(Float32Array.of(value)))[0]!;
        const nearest = halves.reduce((best, half) => (Math.abs(half - value) < Math.abs(best - value) ? half : best), 0);
        expect(Math.abs(rounded - value)).toBe(Math.abs(nearest - value));
      }),
      { seed: 20221, numRuns: 50 },
    );
    expect(toHalf(Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11))).toEqual(bits(0x3c00, 0x3c02));
    expect(toHalf(Float32Array.of(1e-8, 65520, -1e9))).toEqual(bits(0, 0x7c00, 0xfc00));
  });
});
