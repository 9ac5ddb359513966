import { describe, expect, it } from 'vitest';
import { deriveKey, integer, normal, permutation, threefry2x32, uniform } from '../../src/core/random.js';

const block = (k0: number, k1: number, c0: number, c1: number) => {
  const out = new Uint32Array(2);
  threefry2x32({ k0, k1 }, c0, c1, out);
  return [...out].map((word) => word.toString(16).padStart(8, '0'));
};

describe('threefry2x32', () => {
  it('gives the known answers of Random123', () => {
    expect(block(0, 0, 0, 0)).toEqual(['6b200159', '99ba4efe']);
    expect(block(0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff)).toEqual(['1cb996fc', 'bb002be7']);
    expect(block(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3)).toEqual(['c4923a9c', '483df7a0']);
  });
});

describe('keyed numbers', () => {
  const key = deriveKey(42, 'test', 3, 1);

  it('are pinned: the same key on every machine', () => {
    expect(key).toEqual(deriveKey(42, 'test', 3, 1));
    expect(key).not.toEqual(deriveKey(42, 'test', 31));
    expect(key).not.toEqual(deriveKey(43, 'test', 3, 1));
  });

  it('are uniform: mean and variance of 100,000 within five standard errors', () => {
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < 100_000; i++) {
      const u = uniform(key, 7, i);
      sum += u;
      squares += (u - 0.5) ** 2;
    }
    expect(Math.abs(sum / 100_000 - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / 100_000));
    expect(Math.abs(squares / 100_000 - 1 / 12)).toBeLessThan(5 * Math.sqrt(1 / 180 / 100_000));
  });

  it('are normal where asked', () => {
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < 50_000; i++) {
      const z = normal(key, 0, i);
      sum += z;
      squares += z * z;
    }
    expect(Math.abs(sum / 50_000)).toBeLessThan(5 / Math.sqrt(50_000));
    expect(Math.abs(squares / 50_000 - 1)).toBeLessThan(5 * Math.sqrt(2 / 50_000));
  });

  it('permute: every element once, another order for another key', () => {
    const order = permutation(key, 1000);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect([...order]).not.toEqual([...permutation(deriveKey(42, 'test', 4, 1), 1000)]);
  });

  it('integers stay in range', () => {
    for (let i = 0; i < 1000; i++) expect(integer(key, 1, i, 3)).toBeLessThan(3);
  });
});
