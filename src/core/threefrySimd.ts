/**
 * Many uniform numbers of one row at once: Threefry-2x32-20 on four counters a time by WebAssembly's vector instructions, the same bits as `uniform` of
 * random.ts. The function is
 *
 *   fill(k0, k1, row, n): writes uniform(key, row, 0 … n − 1) as 64-bit floats to the begin of its memory, n a multiple of 4
 */
import { type Key, PARITY, uniform } from './random.js';
import { get, instantiate, int, repeatWhile, set, unsigned, vector } from './wasm.js';

const ROTATIONS = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
];

const SPLAT = vector(0x11);
const ADD = vector(0xae);
const SHIFT_LEFT = vector(0xab);
const SHIFT_RIGHT = vector(0xad);
const OR = vector(0x50);
const XOR = vector(0x51);
const CONVERT_LOW = vector(0xff);
const MULTIPLY_FLOATS = vector(0xf2);
const ADD_FLOATS = vector(0xf0);
const SHUFFLE = vector(0x0d);
const constant = (bytes: ArrayBufferLike) => [...vector(0x0c), ...new Uint8Array(bytes)];
const floats = (value: number) => constant(Float64Array.of(value, value).buffer);
const store = (offset: number) => [...vector(0x0b), 4, ...unsigned(offset)];

/** Locals: the parameters, the counter of the loop, and its vectors. */
const [K0, K1, ROW, N, I, KEY0, KEY1, KEY2, X0, X1, HIGH, LOW] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] as const;
const KEYS = [KEY0, KEY1, KEY2];

const splat = (local: number, into: number) => [...get(local), ...SPLAT, ...set(into)];
/** x += key (+ a constant): a Threefry key injection. */
const inject = (x: number, key: number, more = 0) => [
  ...get(x),
  ...get(key),
  ...ADD,
  ...(more > 0 ? [...int(more), ...SPLAT, ...ADD] : []),
  ...set(x),
];
/** x0 += x1; x1 = (x1 rotated left) ^ x0. */
const round = (rotation: number) => [
  ...[...get(X0), ...get(X1), ...ADD, ...set(X0)],
  ...[...get(X1), ...int(rotation), ...SHIFT_LEFT, ...get(X1), ...int(32 - rotation), ...SHIFT_RIGHT, ...OR],
  ...[...get(X0), ...XOR, ...set(X1)],
];

/** Two of the four uniforms to 8 · I + offset: ((x0 >>> 6) · 2^26 + (x1 >>> 6) + 0.5) / 2^52, of the low halves of HIGH and LOW. */
const writeTwo = (offset: number) => [
  ...[...get(I), ...int(3), 0x74],
  ...[...get(HIGH), ...CONVERT_LOW, ...floats(2 ** 26), ...MULTIPLY_FLOATS],
  ...[...get(LOW), ...CONVERT_LOW, ...ADD_FLOATS, ...floats(0.5), ...ADD_FLOATS, ...floats(2 ** -52), ...MULTIPLY_FLOATS],
  ...store(offset),
];
const shifted = (x: number, into: number) => [...get(x), ...int(6), ...SHIFT_RIGHT, ...set(into)];
/** The high half in place of the low one. */
const upper = (x: number) => [...[...get(x), ...get(x), ...SHUFFLE, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7], ...set(x)];

function functionBody(): number[] {
  const fourElements = [
    ...[...get(I), ...SPLAT, ...constant(Int32Array.of(0, 1, 2, 3).buffer), ...ADD, ...get(KEY0), ...ADD, ...set(X0)],
    ...[...get(ROW), ...SPLAT, ...get(KEY1), ...ADD, ...set(X1)],
    // Five groups of four rounds, a key injection behind each.
    ...[0, 1, 2, 3, 4].flatMap((group) => [
      ...ROTATIONS[group % 2]!.flatMap(round),
      ...inject(X0, KEYS[(group + 1) % 3]!),
      ...inject(X1, KEYS[(group + 2) % 3]!, group + 1),
    ]),
    ...[...shifted(X0, HIGH), ...shifted(X1, LOW), ...writeTwo(0)],
    ...[...upper(HIGH), ...upper(LOW), ...writeTwo(16)],
  ];
  const key2 = [...int(PARITY), ...get(K0), 0x73, ...get(K1), 0x73]; // i32.xor
  const loop = repeatWhile(fourElements, get(I), int(4), [0x6a, 0x22, I], get(N), [0x48]); // I += 4; again while I < N
  return [...splat(K0, KEY0), ...splat(K1, KEY1), ...key2, ...SPLAT, ...set(KEY2), ...loop];
}

const { memory, run: fill } = instantiate({ parameters: 4, results: 0, integers: 1, vectors: 7, body: functionBody() }, 65_536);
const written = new Float64Array(memory);

/** The uniform numbers of one row, one by one or the first n at once. */
export interface RowUniforms {
  (element: number): number;
  /** Elements 0 … n − 1 at the begin of an array that is valid until the next call, of any row. */
  first(n: number): Float64Array;
}

export function rowUniforms(key: Key, row: number): RowUniforms {
  const one = ((element: number) => uniform(key, row, element)) as RowUniforms;
  one.first = (n) => {
    if (n > written.length) return Float64Array.from({ length: n }, (_, element) => uniform(key, row, element));
    fill(key.k0, key.k1, row, n);
    return written;
  };
  return one;
}
