/** Loops over flat vectors in WebAssembly's vector instructions: sums of gradients, and the updates of AdamW and LAMB in place. */
import { type Code, F32, F64, f32x4, f64, f64x2, fourOf, func, get, I32, i32, type Local, loop, set, V128, v128 } from '../../core/wasm.js';

const LANES = 4;
/** What a loop's `n` is a multiple of. */
export const TOGETHER = 2 * LANES;

const loaded = (at: Local): Code => v128.load(0, get(at));

/** add(a, b, n): a ← a + b. `n` is a multiple of TOGETHER, a and b are addresses; so below. */
const add = func([I32, I32, I32], [], ([a, b, n], local) => {
  const i = local(I32);
  const next = (at: Local) => set(at, i32.add(get(at), i32.const(16)));
  return [loop(i, n!, LANES, [v128.store(0, get(a!), f32x4.add(loaded(a!), loaded(b!))), next(a!), next(b!)])];
});

/** squares(a, n): Σ a², in double precision; in four sums, for an addition takes longer than what else is to be done. */
const squares = func([I32, I32], [F64], ([a, n], local) => {
  const i = local(I32);
  const fours = [0, 1].map((place) => ({ place, numbers: local(V128), low: local(V128), high: local(V128) }));
  const square = (pair: Code) => f64x2.mul(f64x2.promoteLow(pair), f64x2.promoteLow(pair));
  const sums = fours.flatMap(({ low, high }) => [get(low), get(high)]);
  const total = local(V128);
  return [
    loop(i, n!, TOGETHER, [
      ...fours.flatMap(({ place, numbers, low, high }) => [
        set(numbers, v128.load(16 * place, get(a!))),
        set(low, f64x2.add(get(low), square(get(numbers)))),
        set(high, f64x2.add(get(high), square(fourOf([2, 3, 2, 3], get(numbers), get(numbers))))),
      ]),
      set(a!, i32.add(get(a!), i32.const(32))),
    ]),
    set(
      total,
      sums.reduce((sum, one) => f64x2.add(sum, one)),
    ),
    f64.add(f64x2.extractLane(0, get(total)), f64x2.extractLane(1, get(total))),
  ];
});

/** What an update multiplies by, in the order of the last parameters of adamw and direction. */
export const FACTORS = ['scale', 'beta1', 'rest1', 'beta2', 'rest2', 'rate', 'correction', 'decay', 'epsilon'] as const;
export type Factors = Readonly<Record<(typeof FACTORS)[number], number>>;

/**
 * of(p, m, v, g, d, n, …FACTORS): with s = scale·g, m ← β₁m + (1−β₁)s, v ← β₂v + (1−β₂)s², and then what `last` makes of them at each place, with
 * step = rate·m/(√v·correction + ε) and decayed = decay·d·p. Moments so small that they move no weight become 0: arithmetic with denormal numbers is many times slower.
 */
const byMoments = (last: (of: { p: Local; g: Local; step: Code; decayed: Code }) => Code) =>
  func([...Array(6).fill(I32), ...FACTORS.map(() => F32)], [], ([p, m, v, g, d, n, ...given], local) => {
    const [i, slope, first, second] = [local(I32), local(V128), local(V128), local(V128)];
    const wide = given.map(() => local(V128));
    const by = Object.fromEntries(FACTORS.map((factor, at) => [factor, get(wide[at]!)])) as Record<(typeof FACTORS)[number], Code>;
    const { add, mul, div, sqrt, abs, lt } = f32x4;
    const withoutTraces = (four: Local, least: number) =>
      v128.andnot(get(four), lt(abs(get(four)), v128.const(new Float32Array(LANES).fill(least))));
    const deviation = add(mul(sqrt(get(second)), by.correction), by.epsilon);
    return [
      ...wide.map((four, at) => set(four, f32x4.splat(get(given[at]!)))),
      loop(i, n!, LANES, [
        set(slope, mul(loaded(g!), by.scale)),
        set(first, add(mul(by.beta1, loaded(m!)), mul(by.rest1, get(slope)))),
        set(first, withoutTraces(first, 1e-30)),
        v128.store(0, get(m!), get(first)),
        set(second, add(mul(by.beta2, loaded(v!)), mul(by.rest2, mul(get(slope), get(slope))))),
        set(second, withoutTraces(second, 1e-36)),
        v128.store(0, get(v!), get(second)),
        last({ p: p!, g: g!, step: div(mul(by.rate, get(first)), deviation), decayed: mul(mul(by.decay, loaded(d!)), loaded(p!)) }),
        ...[p, m, v, g, d].map((at) => set(at!, i32.add(get(at!), i32.const(4 * LANES)))),
      ]),
    ];
  });

/** p ← p − decayed − step */
const adamw = byMoments(({ p, step, decayed }) => v128.store(0, get(p), f32x4.sub(f32x4.sub(loaded(p), decayed), step)));
/** g ← step + decayed */
const direction = byMoments(({ g, step, decayed }) => v128.store(0, get(g), f32x4.add(step, decayed)));

/** move(p, g, n, rate): p ← p − rate·g */
const move = func([I32, I32, I32, F32], [], ([p, g, n, rate], local) => {
  const [i, wide] = [local(I32), local(V128)];
  return [
    set(wide, f32x4.splat(get(rate!))),
    loop(i, n!, LANES, [
      v128.store(0, get(p!), f32x4.sub(loaded(p!), f32x4.mul(get(wide), loaded(g!)))),
      ...[p, g].map((at) => set(at!, i32.add(get(at!), i32.const(4 * LANES)))),
    ]),
  ];
});

/** blend(a, p, n, decay): a ← decay·a + (1 − decay)·p */
const blend = func([I32, I32, I32, F32, F32], [], ([a, p, n, decay, rest], local) => {
  const [i, kept, added] = [local(I32), local(V128), local(V128)];
  const { add, mul, splat } = f32x4;
  return [
    set(kept, splat(get(decay!))),
    set(added, splat(get(rest!))),
    loop(i, n!, LANES, [
      v128.store(0, get(a!), add(mul(get(kept), loaded(a!)), mul(get(added), loaded(p!)))),
      ...[a, p].map((at) => set(at!, i32.add(get(at!), i32.const(4 * LANES)))),
    ]),
  ];
});

/** What a thread calls over shared memory. */
export interface FlatCode {
  add(a: number, b: number, n: number): void;
  squares(a: number, n: number): number;
  adamw(p: number, m: number, v: number, g: number, d: number, n: number, ...factors: number[]): void;
  direction(p: number, m: number, v: number, g: number, d: number, n: number, ...factors: number[]): void;
  move(p: number, g: number, n: number, rate: number): void;
  blend(a: number, p: number, n: number, decay: number, rest: number): void;
}

export const FLAT_CODE = { add, squares, adamw, direction, move, blend };
