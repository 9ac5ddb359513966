import { expect, test } from 'vitest';
import { deriveKey, uniform } from '../../src/core/random.js';
import { rowUniforms } from '../../src/core/threefrySimd.js';

test('four at a time are the same bits as one at a time', () => {
  for (let seed = 0; seed < 20; seed++) {
    const key = deriveKey(seed, 'rows');
    for (const row of [0, 1, 2 ** 31, 2 ** 32 - 1]) {
      const uniforms = rowUniforms(key, row);
      const first = uniforms.first(203);
      for (let i = 0; i < 203; i++) expect(first[i]).toBe(uniform(key, row, i));
      expect(uniforms(1e6)).toBe(uniform(key, row, 1e6));
    }
  }
});

test('more than fit into the memory of the vector code are the same bits too', () => {
  const key = deriveKey(7, 'many');
  const first = rowUniforms(key, 3).first(9000);
  for (const i of [0, 8191, 8192, 8999]) expect(first[i]).toBe(uniform(key, 3, i));
});
