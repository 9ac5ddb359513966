/**
 * AdamW on a CPU: a model's parameters, their moments and the gradients of several threads lie end to end in memory that the threads share, and each
 * thread updates its part by WebAssembly's vector instructions, in place. In JavaScript's doubles an update takes ten times as long (docs/decisions/005).
 */
import {
  type Code,
  F32,
  F64,
  f32x4,
  f64,
  f64x2,
  fourOf,
  func,
  get,
  I32,
  i32,
  instantiateOver,
  type Local,
  loop,
  type SharedPages,
  set,
  sharedPages,
  V128,
  v128,
} from '../../core/wasm.js';
import type { AdamwSettings } from './adamw.js';

/** What is known of every parameter, [P] each; `gradient 0`, … are those of the threads, and the first becomes their sum. */
export type FlatRow = 'parameters' | 'firstMoment' | 'secondMoment' | 'decays' | 'average' | `gradient ${number}`;

/** Numbers begin … begin + size of every row, one row after the other. */
interface Segment {
  readonly begin: number;
  readonly size: number;
  readonly pages: SharedPages;
}

/** Can be sent to another thread. */
export interface FlatMemory {
  readonly rows: readonly FlatRow[];
  readonly threads: number;
  readonly segments: readonly Segment[];
}

/** Numbers of a row in one memory: 32-bit addresses reach 2³⁰ numbers, and threads have segments of their own. */
const LARGEST_SEGMENT = 1 << 24;
const LANES = 4;
/** Numbers that one call works on: those of all rows stay in a core's cache between the passes. */
const BLOCK = 1 << 14;

/** Zeros for P parameters; `averaged` adds a moving average. */
export function createFlatMemory(P: number, threads: number, averaged: boolean): FlatMemory {
  const gradients = Array.from({ length: threads }, (_, thread): FlatRow => `gradient ${thread}`);
  const rows: FlatRow[] = ['parameters', 'firstMoment', 'secondMoment', 'decays', ...(averaged ? ['average' as const] : []), ...gradients];
  const count = threads * Math.ceil(P / (threads * LARGEST_SEGMENT));
  const length = Math.ceil(P / count / LANES) * LANES;
  const segments = Array.from({ length: count }, (_, i) => {
    const begin = Math.min(P, i * length);
    return { begin, size: Math.min(P, begin + length) - begin, pages: sharedPages(4 * rows.length * length) };
  });
  return { rows, threads, segments };
}

const loaded = (at: Local): Code => v128.load(0, get(at));

/** add(a, b, n): a ← a + b. `n` is a multiple of 4, a and b are addresses; so below. */
const add = func([I32, I32, I32], [], ([a, b, n], local) => {
  const i = local(I32);
  const next = (at: Local) => set(at, i32.add(get(at), i32.const(16)));
  return [loop(i, n!, LANES, [v128.store(0, get(a!), f32x4.add(loaded(a!), loaded(b!))), next(a!), next(b!)])];
});

/** squares(a, n): Σ a², in double precision. */
const squares = func([I32, I32], [F64], ([a, n], local) => {
  const [i, sum, four] = [local(I32), local(V128), local(V128)];
  const square = (pair: Code) => f64x2.mul(f64x2.promoteLow(pair), f64x2.promoteLow(pair));
  return [
    loop(i, n!, LANES, [
      set(four, loaded(a!)),
      set(sum, f64x2.add(get(sum), square(get(four)))),
      set(sum, f64x2.add(get(sum), square(fourOf([2, 3, 2, 3], get(four), get(four))))),
      set(a!, i32.add(get(a!), i32.const(16))),
    ]),
    f64.add(f64x2.extractLane(0, get(sum)), f64x2.extractLane(1, get(sum))),
  ];
});

/** What an update multiplies by, in the order of adamw's last parameters. */
const FACTORS = ['scale', 'beta1', 'rest1', 'beta2', 'rest2', 'rate', 'correction', 'decay', 'epsilon'] as const;
type Factors = Readonly<Record<(typeof FACTORS)[number], number>>;

/**
 * adamw(p, m, v, g, d, n, …FACTORS): with s = scale·g, m ← β₁m + (1−β₁)s, v ← β₂v + (1−β₂)s², p ← p − decay·d·p − rate·m/(√v·correction + ε).
 * Moments so small that they move no weight become 0: arithmetic with denormal numbers is many times slower.
 */
const adamw = func([...Array(6).fill(I32), ...FACTORS.map(() => F32)], [], ([p, m, v, g, d, n, ...given], local) => {
  const [i, slope, first, second] = [local(I32), local(V128), local(V128), local(V128)];
  const wide = given.map(() => local(V128));
  const by = Object.fromEntries(FACTORS.map((factor, at) => [factor, get(wide[at]!)])) as Record<(typeof FACTORS)[number], Code>;
  const { add, sub, mul, div, sqrt, abs, lt } = f32x4;
  const withoutTraces = (four: Local, least: number) =>
    v128.andnot(get(four), lt(abs(get(four)), v128.const(new Float32Array(LANES).fill(least))));
  const deviation = add(mul(sqrt(get(second)), by.correction), by.epsilon);
  const decayed = sub(loaded(p!), mul(mul(by.decay, loaded(d!)), loaded(p!)));
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
      v128.store(0, get(p!), sub(decayed, div(mul(by.rate, get(first)), deviation))),
      ...[p, m, v, g, d].map((at) => set(at!, i32.add(get(at!), i32.const(4 * LANES)))),
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

interface Code4 {
  add(a: number, b: number, n: number): void;
  squares(a: number, n: number): number;
  adamw(p: number, m: number, v: number, g: number, d: number, n: number, ...factors: number[]): void;
  blend(a: number, p: number, n: number, decay: number, rest: number): void;
}

/** A segment as a thread sees it. */
interface View {
  readonly begin: number;
  readonly end: number;
  readonly code: Code4;
  readonly values: Readonly<Record<FlatRow, Float32Array<SharedArrayBuffer>>>;
}

/** One thread's access to the rows; its segments are every threads-th one. */
export class FlatVectors {
  readonly size: number;
  private readonly views: readonly View[];
  private readonly own: readonly View[];

  constructor({ rows, threads, segments }: FlatMemory, thread: number) {
    this.views = segments.map(({ begin, size, pages }) => {
      const stride = Math.ceil(size / LANES) * LANES;
      return {
        begin,
        end: begin + size,
        code: instantiateOver<Code4>({ add, squares, adamw, blend }, pages),
        values: Object.fromEntries(rows.map((row, at) => [row, new Float32Array(pages.buffer, 4 * at * stride, size)])) as View['values'],
      };
    });
    this.own = this.views.filter((_, i) => i % threads === thread);
    this.size = this.views.at(-1)!.end;
  }

  /** Numbers begin … begin + values.length of a row. */
  write(row: FlatRow, begin: number, values: Float32Array): void {
    this.each(row, begin, begin + values.length, (part, from) => part.set(values.subarray(from, from + part.length)));
  }

  /** Adds to the numbers of a row. */
  add(row: FlatRow, begin: number, values: Float32Array): void {
    this.each(row, begin, begin + values.length, (part, from) => {
      for (let i = 0; i < part.length; i++) part[i]! += values[from + i]!;
    });
  }

  clear(row: FlatRow, begin: number, end: number): void {
    this.each(row, begin, end, (part) => part.fill(0));
  }

  /** Copies as many numbers of a row as `into` has. */
  read(row: FlatRow, into: Float32Array, begin = 0): void {
    this.each(row, begin, begin + into.length, (part, from) => into.set(part, from));
  }

  /** Adds this thread's part of the other gradients to the first; returns the sum's Σ g² of that part. */
  sumGradients(): number {
    let total = 0;
    this.inBlocks((view, at, n) => {
      const [first, ...others] = Object.keys(view.values).filter((row) => row.startsWith('gradient')) as FlatRow[];
      for (const row of others) view.code.add(at(first!), at(row), n);
      total += view.code.squares(at(first!), n);
    });
    return total;
  }

  /** One update of this thread's part by the first gradient. */
  update({ learningRate, weightDecay, beta1, beta2, epsilon, step, gradientScale }: AdamwSettings): void {
    const factors: Factors = {
      scale: gradientScale,
      ...{ beta1, rest1: 1 - beta1, beta2, rest2: 1 - beta2, epsilon },
      rate: learningRate / (1 - beta1 ** step),
      correction: 1 / Math.sqrt(1 - beta2 ** step),
      decay: learningRate * weightDecay,
    };
    const given = FACTORS.map((factor) => factors[factor]);
    this.inBlocks(({ code }, at, n) =>
      code.adamw(at('parameters'), at('firstMoment'), at('secondMoment'), at('gradient 0'), at('decays'), n, ...given),
    );
  }

  /** average ← decay·average + (1 − decay)·parameters, in this thread's part. */
  blendAverage(decay: number): void {
    this.inBlocks(({ code }, at, n) => code.blend(at('average'), at('parameters'), n, decay, 1 - decay));
  }

  private each(row: FlatRow, begin: number, end: number, visit: (part: Float32Array, from: number) => void): void {
    for (const view of this.views) {
      const [from, to] = [Math.max(begin, view.begin), Math.min(end, view.end)];
      if (from < to) visit(view.values[row].subarray(from - view.begin, to - view.begin), from - begin);
    }
  }

  /** Visits this thread's segments block by block; `at` gives the address of a row's part, whose padding is zeros. */
  private inBlocks(visit: (view: View, at: (row: FlatRow) => number, n: number) => void): void {
    for (const view of this.own) {
      const size = Math.ceil((view.end - view.begin) / LANES) * LANES;
      for (let begin = 0; begin < size; begin += BLOCK)
        visit(view, (row) => view.values[row].byteOffset + 4 * begin, Math.min(BLOCK, size - begin));
    }
  }
}
