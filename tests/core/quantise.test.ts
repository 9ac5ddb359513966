import fc from 'fast-check';
import { expect, it } from 'vitest';
import { quantisedRows } from '../../src/core/quantise.js';

it('a row’s largest value comes back, the others within half a step of its scale', () =>
  fc.assert(
    fc.property(fc.float32Array({ min: -100, max: 100, noNaN: true, minLength: 12, maxLength: 12 }), (values) => {
      const { values: whole, scales } = quantisedRows(values, 3, 4);
      whole.forEach((value, i) => {
        const scale = scales[Math.floor(i / 4)]!;
        expect(Math.abs(value)).toBeLessThanOrEqual(127);
        expect(Math.abs(value * scale - values[i]!)).toBeLessThanOrEqual(scale * 0.5001);
      });
    }),
    { seed: 20221 },
  ));

it('a row of zeros stays one', () => {
  expect(quantisedRows(new Float32Array(2), 1, 2)).toEqual({ values: new Int8Array(2), scales: Float32Array.of(1) });
});
