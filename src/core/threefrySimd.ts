/**
 * Many uniform numbers of one row at once: Threefry-2x32-20 on sixteen counters a time by WebAssembly's vector instructions, the same bits as `uniform` of
 * random.ts. There is no library for it, so its code is assembled here (wasm.ts).
 */
import { type Key, PARITY, uniform } from './random.js';
import { type Code, f64x2, fourOf, func, get, I32, i32, i32x4, instantiate, type Local, loop, set, type Type, V128, v128 } from './wasm.js';

const ROTATIONS = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
];

/** Locals of four lanes each: the two words of four counters. */
export interface Words {
  readonly x0: Local;
  readonly x1: Local;
}

/**
 * Threefry of the counters (i, row), i = 0, 1, …: `before` the loop, and the code of each round of it, which leaves the next sixteen in `words`. Four
 * times four, for one block's instructions each wait for the one before.
 */
export function threefry16(
  k0: Local,
  k1: Local,
  row: Local,
  local: (type: Type) => Local,
): { before: Code; next: Code; words: readonly Words[] } {
  const vectors = (n: number) => Array.from({ length: n }, () => local(V128));
  const words = Array.from({ length: 4 }, () => ({ x0: local(V128), x1: local(V128) }));
  const [keys, shifted, first, second, four] = [vectors(3), vectors(5), local(V128), local(V128), local(V128)];
  const key2 = i32.xor(i32.xor(get(k0), get(k1)), i32.const(PARITY));
  const before = [
    ...[get(k0), get(k1), key2].map((key, i) => set(keys[i]!, i32x4.splat(key))),
    // What is injected into x1 behind each group of four rounds.
    ...shifted.map((into, group) => set(into, i32x4.add(get(keys[(group + 2) % 3]!), i32x4.splat(i32.const(group + 1))))),
    set(first, i32x4.add(v128.const(Int32Array.of(0, 1, 2, 3)), get(keys[0]!))),
    set(second, i32x4.add(i32x4.splat(get(row)), get(keys[1]!))),
    set(four, i32x4.splat(i32.const(4))),
  ];
  const round = (rotation: number) => [
    ...words.map(({ x0, x1 }) => set(x0, i32x4.add(get(x0), get(x1)))),
    ...words.map(({ x0, x1 }) => set(x1, v128.xor(rotated(x1, rotation), get(x0)))),
  ];
  const next = [
    ...words.flatMap(({ x0, x1 }) => [set(x0, get(first)), set(x1, get(second)), set(first, i32x4.add(get(first), get(four)))]),
    ...shifted.flatMap((injected, group) => [
      ...ROTATIONS[group % 2]!.flatMap(round),
      ...words.flatMap(({ x0, x1 }) => [
        set(x0, i32x4.add(get(x0), get(keys[(group + 1) % 3]!))),
        set(x1, i32x4.add(get(x1), get(injected))),
      ]),
    ]),
  ];
  return { before: before.flat(), next: next.flat(), words };
}

/** Rotated left. */
const rotated = (x: Local, by: number) => v128.or(i32x4.shl(get(x), i32.const(by)), i32x4.shrU(get(x), i32.const(32 - by)));

/** ((x0 >>> 6) · 2^26 + (x1 >>> 6) + 0.5) / 2^52, of the words in lanes `lane` and `lane` + 1. */
function twoUniforms({ x0, x1 }: Words, lane: number): Code {
  const half = (x: Local) => f64x2.convertLow(i32x4.shrU(fourOf([lane, lane + 1, lane, lane + 1], get(x), get(x)), i32.const(6)));
  const whole = f64x2.add(f64x2.mul(half(x0), f64x2.const(2 ** 26)), half(x1));
  return f64x2.mul(f64x2.add(whole, f64x2.const(0.5)), f64x2.const(2 ** -52));
}

/** fill(k0, k1, row, n): writes uniform(key, row, 0 … n − 1) to the begin of the memory, and up to fifteen more. */
const fillCode = func([I32, I32, I32, I32], [], ([k0, k1, row, n], local) => {
  const i = local(I32);
  const { before, next, words } = threefry16(k0!, k1!, row!, local);
  const write = (four: Words, place: number) =>
    [0, 2].flatMap((lane) => v128.store(32 * place + 8 * lane, i32.shl(get(i), i32.const(3)), twoUniforms(four, lane)));
  return [before, loop(i, n!, 16, [next, ...words.map(write)])];
});

/** A multiple of 16. */
const MOST = 8192;
const { memory, fill } = instantiate<{ fill(k0: number, k1: number, row: number, n: number): void }>({ fill: fillCode }, 8 * MOST);
const written = new Float64Array(memory.buffer, 0, MOST);

/** The uniform numbers of one row, one by one or the first n at once. */
export interface RowUniforms {
  (element: number): number;
  /** What they are a function of. */
  readonly stream: { readonly key: Key; readonly row: number };
  /** Elements 0 … n − 1 at the begin of an array that is valid until the next call, of any row. */
  first(n: number): Float64Array;
}

export function rowUniforms(key: Key, row: number): RowUniforms {
  const one = ((element: number) => uniform(key, row, element)) as RowUniforms & { stream: RowUniforms['stream'] };
  one.stream = { key, row };
  one.first = (n) => {
    if (n > MOST) return Float64Array.from({ length: n }, (_, element) => uniform(key, row, element));
    fill(key.k0, key.k1, row, n);
    return written;
  };
  return one;
}
