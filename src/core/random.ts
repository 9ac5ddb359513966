/**
 * Every random choice of a job is a pure function of (seed, purpose, counters, row, element):
 * `deriveKey` turns the first three into a 64-bit key with seedrandom (24 µs), Threefry-2x32-20 turns
 * (key, row, element) into 64 random bits. No state, no order: a resumed job repeats an uninterrupted one.
 *
 * Threefry: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011); known answers in tests/core/random.test.ts.
 */
import seedrandom from 'seedrandom';

/** 64 bits that name one stream of numbers. */
export interface Key {
  readonly k0: number;
  readonly k1: number;
}

/** The key of (seed, purpose, counters): the purpose in words, the counters such as epoch, refresh and step. */
export function deriveKey(seed: number, purpose: string, ...counters: number[]): Key {
  const stream = seedrandom(`${seed}/${purpose}/${counters.join('/')}`);
  return { k0: stream.int32() >>> 0, k1: stream.int32() >>> 0 };
}

/** Of the key schedule. */
export const PARITY = 0x1bd11bda;

/** Threefry-2x32 with 20 rounds: writes the two 32-bit words of counter (c0, c1) to out[at], out[at + 1]. */
export function threefry2x32(key: Key, c0: number, c1: number, out: Int32Array | Uint32Array, at = 0): void {
  const k0 = key.k0 | 0;
  const k1 = key.k1 | 0;
  const k2 = PARITY ^ k0 ^ k1;
  let x0 = (c0 + k0) | 0;
  let x1 = (c1 + k1) | 0;
  // Five groups of four rounds; the rotations alternate between (13 15 26 6) and (17 29 16 24).
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 13) | (x1 >>> 19)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 15) | (x1 >>> 17)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 26) | (x1 >>> 6)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 6) | (x1 >>> 26)) ^ x0;
  x0 = (x0 + k1) | 0;
  x1 = (x1 + k2 + 1) | 0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 17) | (x1 >>> 15)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 29) | (x1 >>> 3)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 16) | (x1 >>> 16)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 24) | (x1 >>> 8)) ^ x0;
  x0 = (x0 + k2) | 0;
  x1 = (x1 + k0 + 2) | 0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 13) | (x1 >>> 19)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 15) | (x1 >>> 17)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 26) | (x1 >>> 6)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 6) | (x1 >>> 26)) ^ x0;
  x0 = (x0 + k0) | 0;
  x1 = (x1 + k1 + 3) | 0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 17) | (x1 >>> 15)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 29) | (x1 >>> 3)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 16) | (x1 >>> 16)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 24) | (x1 >>> 8)) ^ x0;
  x0 = (x0 + k1) | 0;
  x1 = (x1 + k2 + 4) | 0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 13) | (x1 >>> 19)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 15) | (x1 >>> 17)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 26) | (x1 >>> 6)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 6) | (x1 >>> 26)) ^ x0;
  x0 = (x0 + k2) | 0;
  x1 = (x1 + k0 + 5) | 0;
  out[at] = x0;
  out[at + 1] = x1;
}

const words = new Uint32Array(2);

/** A uniform number in the open interval (0, 1) with 52 random bits, for (key, row, element). */
export function uniform(key: Key, row: number, element: number): number {
  threefry2x32(key, element, row, words);
  return ofWords(words[0]!, words[1]!);
}

/** The uniform number that Threefry's two words make: 26 bits of each. */
export function ofWords(x0: number, x1: number): number {
  return ((x0 >>> 6) * 67108864 + (x1 >>> 6) + 0.5) / 4503599627370496;
}

/** A whole number in [0, n), for (key, row, element); n ≤ 2^32, bias below n / 2^52. */
export function integer(key: Key, row: number, element: number, n: number): number {
  return Math.floor(uniform(key, row, element) * n);
}

/** A standard normal number, for (key, row, element): Box–Muller on elements 2·element and 2·element + 1. */
export function normal(key: Key, row: number, element: number): number {
  const radius = Math.sqrt(-2 * Math.log(uniform(key, row, 2 * element)));
  return radius * Math.cos(2 * Math.PI * uniform(key, row, 2 * element + 1));
}

/** 0 … n−1 in the order that the key gives (Fisher–Yates). */
export function permutation(key: Key, n: number): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = integer(key, 0, i, i + 1);
    const held = order[i]!;
    order[i] = order[j]!;
    order[j] = held;
  }
  return order;
}
