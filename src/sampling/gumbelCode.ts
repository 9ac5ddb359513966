/**
 * Vector code for gumbelTopK.ts: what is done for every candidate, without a logarithm. First its share of the largest weight, then the bits of its uniform number
 * and whether these let its key exceed a floor; of the few that may, the order of their keys.
 */
import { threefry16 } from '../core/threefrySimd.js';
import {
  type Code,
  F32,
  f32,
  f32x4,
  f64x2,
  fourOf,
  func,
  get,
  I32,
  i32,
  i32x4,
  i64x2,
  instantiate,
  type Local,
  loop,
  set,
  V128,
  v128,
} from '../core/wasm.js';

/** The most candidates; a multiple of 16. */
export const MOST = 4096;
/** Addresses: of 64-bit floats, 32-bit floats, words, words, four bits in each byte, 64-bit floats, whole numbers; of two equal 64-bit floats. */
const AT = {
  logWeights: 0,
  shares: 8 * MOST,
  x0: 12 * MOST,
  x1: 16 * MOST,
  near: 20 * MOST,
  keys: 21 * MOST,
  ranks: 29 * MOST,
  largest: 33 * MOST,
};

/** Bytes of the i-th element of so many bytes each, as a power of two. */
const bytes = (i: Local, power: number) => i32.shl(get(i), i32.const(power));

const add = (to: Local, value: Code) => set(to, f32x4.add(get(to), value));
/** Their sum. */
const lanesOf = (vector: Local) => [0, 1, 2, 3].map((lane) => f32x4.extractLane(lane, get(vector))).reduce((a, b) => f32.add(a, b));

/**
 * weigh(n): writes `shares`, each w_i / max w or up to 1/16 more, and returns their sum. The float whose bits are 2^23 (127 − t / log 2) is e^(−t), but for its
 * mantissa, linear where the exponential is convex, so never below it (Schraudolph 1999); 0 below 2^(−126). These bits are the low half of a 64-bit float that is
 * 1.5 · 2^52 more.
 */
const weigh = func([I32], [F32], ([n], local) => {
  const [i, largest, four, sum] = [local(I32), local(V128), local(V128), local(V128)];
  const maxima = Array.from({ length: 4 }, () => local(V128));
  const load = (offset: number) => v128.load(AT.logWeights + offset, bytes(i, 3));
  const one = 127 * 2 ** 23;
  const below = (offset: number) =>
    f64x2.pmin(f64x2.const(one), f64x2.mul(f64x2.sub(get(largest), load(offset)), f64x2.const(2 ** 23 * Math.LOG2E)));
  const bits = (offset: number) => f64x2.sub(f64x2.const(1.5 * 2 ** 52 + one), below(offset));
  const larger = (a: Code, b: Code) => f64x2.pmax(a, b);
  return [
    ...maxima.map((into) => set(into, f64x2.const(-Infinity))),
    loop(
      i,
      n!,
      8,
      maxima.map((into, k) => set(into, larger(get(into), load(16 * k)))),
    ),
    set(largest, maxima.map(get).reduce(larger)),
    set(largest, larger(get(largest), fourOf([2, 3, 0, 1], get(largest), get(largest)))),
    v128.store(AT.largest, i32.const(0), get(largest)),
    loop(i, n!, 4, [
      set(four, fourOf([0, 2, 4, 6], bits(0), bits(16))),
      v128.store(AT.shares, bytes(i, 2), get(four)),
      add(sum, get(four)),
    ]),
    lanesOf(sum),
  ];
});

/** expected(n, s): Σ min(1, share_i s), no fewer than keys exceed the floor in the mean. */
const expected = func([I32, F32], [F32], ([n, s], local) => {
  const [i, sum] = [local(I32), local(V128)];
  const shares = f32x4.mul(f32x4.splat(get(s!)), v128.load(AT.shares, bytes(i, 2)));
  return [loop(i, n!, 4, [add(sum, f32x4.pmin(f32x4.splat(f32.const(1)), shares))]), lanesOf(sum)];
});

/** candidates(k0, k1, row, n, s): the words of all uniforms, and in `near` the bits of those with (2^26 − 1 − x0 >>> 6) < share_i s. */
const candidates = func([I32, I32, I32, I32, F32], [], ([k0, k1, row, n, s], local) => {
  const [i, scale] = [local(I32), local(V128)];
  const { before, next, words } = threefry16(k0!, k1!, row!, local);
  const test = words.flatMap(({ x0, x1 }, k) => [
    v128.store(AT.x0 + 16 * k, bytes(i, 2), get(x0)),
    v128.store(AT.x1 + 16 * k, bytes(i, 2), get(x1)),
    i32.store8(
      AT.near + k,
      i32.shrU(get(i), i32.const(2)),
      i32x4.bitmask(
        f32x4.lt(
          f32x4.convert(i32x4.shrU(v128.not(get(x0)), i32.const(6))),
          f32x4.mul(get(scale), v128.load(AT.shares + 16 * k, bytes(i, 2))),
        ),
      ),
    ),
  ]);
  return [before, set(scale, f32x4.splat(get(s!))), loop(i, n!, 16, [next, ...test])];
});

/** rank(n): how many of the first n keys are larger than each; of up to three behind them too, which mean nothing. */
const rank = func([I32], [], ([n], local) => {
  const [i, j, other] = [local(I32), local(I32), local(V128)];
  const pairs = [0, 1].map(() => ({ keys: local(V128), larger: local(V128) }));
  return [
    loop(i, n!, 4, [
      ...pairs.flatMap(({ keys, larger }, k) => [
        set(keys, v128.load(AT.keys + 16 * k, bytes(i, 3))),
        set(larger, v128.const(new Int32Array(4))),
      ]),
      loop(j, n!, 1, [
        set(other, v128.load64Splat(AT.keys, bytes(j, 3))),
        ...pairs.map(({ keys, larger }) => set(larger, i64x2.sub(get(larger), f64x2.gt(get(other), get(keys))))),
      ]),
      v128.store(AT.ranks, bytes(i, 2), fourOf([0, 2, 4, 6], get(pairs[0]!.larger), get(pairs[1]!.larger))),
    ]),
  ];
});

interface Exports {
  weigh(n: number): number;
  expected(n: number, s: number): number;
  candidates(k0: number, k1: number, row: number, n: number, s: number): void;
  rank(n: number): void;
}

export const code = instantiate<Exports>({ weigh, expected, candidates, rank }, AT.largest + 16);
const { buffer } = code.memory;
/** What the functions read and write. */
export const logWeights = new Float64Array(buffer, AT.logWeights, MOST);
export const x0 = new Uint32Array(buffer, AT.x0, MOST);
export const x1 = new Uint32Array(buffer, AT.x1, MOST);
export const near = new Int32Array(buffer, AT.near, MOST / 16);
export const keys = new Float64Array(buffer, AT.keys, MOST);
export const ranks = new Int32Array(buffer, AT.ranks, MOST);
export const largest = new Float64Array(buffer, AT.largest, 2);
