/**
 * AdamW and LAMB on a CPU: a model's parameters, their moments and the gradients of several threads lie end to end in memory that the threads share, and each
 * thread updates its part by WebAssembly's vector instructions, in place. In JavaScript's doubles an update takes ten times as long (docs/decisions/005).
 */
import { instantiateOver, type SharedPages, sharedPages } from '../../core/wasm.js';
import type { AdamwSettings } from './adamw.js';
import { FACTORS, type Factors, FLAT_CODE, type FlatCode, LANES } from './flatKernels.js';

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
    return { begin, size: Math.min(P, begin + length) - begin, pages: sharedPages(4 * (rows.length * length + BLOCK)) };
  });
  return { rows, threads, segments };
}

/** Numbers from `begin` on of a thread's own gradient, which are in its memory alone. */
export interface HeldGradient {
  readonly begin: number;
  readonly values: Float32Array;
}

/** Whose segments: a thread's own, which it sums and updates, or the others'. */
type Whose = 'own' | 'others';

/** A segment as a thread sees it. */
interface View {
  readonly begin: number;
  readonly end: number;
  readonly isOwn: boolean;
  /** Room for a block. */
  readonly scratch: Float32Array<SharedArrayBuffer>;
  readonly code: FlatCode;
  readonly values: Readonly<Record<FlatRow, Float32Array<SharedArrayBuffer>>>;
}

/** One thread's access to the rows; its segments are every threads-th one. */
export class FlatVectors {
  readonly size: number;
  private readonly views: readonly View[];
  private readonly own: readonly View[];

  constructor({ rows, threads, segments }: FlatMemory, thread: number) {
    this.views = segments.map(({ begin, size, pages }, i) => {
      const stride = Math.ceil(size / LANES) * LANES;
      return {
        begin,
        end: begin + size,
        isOwn: i % threads === thread,
        scratch: new Float32Array(pages.buffer, 4 * rows.length * stride, BLOCK),
        code: instantiateOver<FlatCode>(FLAT_CODE, pages),
        values: Object.fromEntries(rows.map((row, at) => [row, new Float32Array(pages.buffer, 4 * at * stride, size)])) as View['values'],
      };
    });
    this.own = this.views.filter(({ isOwn }) => isOwn);
    this.size = this.views.at(-1)!.end;
  }

  /** Numbers begin … begin + values.length of a row, in all segments or in those of `whose` alone. */
  write(row: FlatRow, begin: number, values: Float32Array, whose?: Whose): void {
    this.each(row, begin, begin + values.length, (part, from) => part.set(values.subarray(from, from + part.length)), whose);
  }

  /** Adds to the numbers of a row. */
  add(row: FlatRow, begin: number, values: Float32Array): void {
    this.each(row, begin, begin + values.length, (part, from) => {
      for (let i = 0; i < part.length; i++) part[i]! += values[from + i]!;
    });
  }

  /** Adds rows of `width` numbers, one after the other in `values`, to those that begin at begin + id·width. */
  addRows(row: FlatRow, begin: number, width: number, ids: Int32Array, values: Float32Array): void {
    let view = this.views[0]!;
    ids.forEach((id, n) => {
      const at = begin + id * width;
      if (at < view.begin || at + width > view.end) view = this.views.find((one) => at >= one.begin && at + width <= one.end) ?? view;
      if (at < view.begin || at + width > view.end) return this.add(row, at, values.subarray(n * width, (n + 1) * width)); // it lies in two
      const part = view.values[row];
      for (let j = 0, to = at - view.begin, from = n * width; j < width; j++) part[to + j]! += values[from + j]!;
    });
  }

  clear(row: FlatRow, begin: number, end: number): void {
    this.each(row, begin, end, (part) => part.fill(0));
  }

  /** Copies as many numbers of a row as `into` has. */
  read(row: FlatRow, into: Float32Array, begin = 0): void {
    this.each(row, begin, begin + into.length, (part, from) => into.set(part, from));
  }

  /**
   * Adds this thread's part of the other gradients to the first; returns the sum's Σ g² of that part. `held`, by their begins, are numbers of the gradient
   * `row` that only this thread has: they meet the others block by block, and are not written to memory before.
   */
  sumGradients(row: FlatRow = 'gradient 0', held: readonly HeldGradient[] = []): number {
    let total = 0;
    const laid = laidOver(held);
    this.inBlocks((view, at, n, begin) => {
      const [first, ...others] = Object.keys(view.values).filter((name) => name.startsWith('gradient')) as FlatRow[];
      const offset = begin - view.begin;
      const real = Math.min(n, view.end - begin);
      const apart = row !== first && laid.covers(begin, begin + real);
      laid.write(begin, begin + real, apart ? view.scratch : view.values[row].subarray(offset, offset + real));
      if (apart) view.scratch.fill(0, real, n);
      for (const other of others) view.code.add(at(first!), other === row && apart ? view.scratch.byteOffset : at(other), n);
      total += view.code.squares(at(first!), n);
    });
    return total;
  }

  /** One update of AdamW of this thread's part by the first gradient. */
  update(settings: AdamwSettings): void {
    const { learningRate, weightDecay } = settings;
    const given = factorsOf(settings, learningRate, learningRate * weightDecay);
    this.inBlocks(({ code }, at, n) =>
      code.adamw(at('parameters'), at('firstMoment'), at('secondMoment'), at('gradient 0'), at('decays'), n, ...given),
    );
  }

  /** Writes over this thread's part of the first gradient the direction of LAMB: (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε) + weightDecay·decays·p. */
  direct(settings: AdamwSettings): void {
    const given = factorsOf(settings, 1, settings.weightDecay);
    this.inBlocks(({ code }, at, n) =>
      code.direction(at('parameters'), at('firstMoment'), at('secondMoment'), at('gradient 0'), at('decays'), n, ...given),
    );
  }

  /** Σ x² of this thread's part of numbers begin … end of a row. */
  squares(row: FlatRow, begin: number, end: number): number {
    let total = 0;
    this.eachOwn(begin, end, ({ code, values }, from, to) => {
      const part = values[row];
      const whole = from + Math.floor((to - from) / LANES) * LANES;
      if (whole > from) total += code.squares(part.byteOffset + 4 * from, whole - from);
      for (let i = whole; i < to; i++) total += part[i]! ** 2;
    });
    return total;
  }

  /** parameters ← parameters − rate·(first gradient), in this thread's part of numbers begin … end. */
  move(begin: number, end: number, rate: number): void {
    this.eachOwn(begin, end, ({ code, values }, from, to) => {
      const [parameters, gradient] = [values.parameters, values['gradient 0']];
      const whole = from + Math.floor((to - from) / LANES) * LANES;
      if (whole > from) code.move(parameters.byteOffset + 4 * from, gradient.byteOffset + 4 * from, whole - from, rate);
      for (let i = whole; i < to; i++) parameters[i]! -= rate * gradient[i]!;
    });
  }

  /** average ← decay·average + (1 − decay)·parameters, in this thread's part. */
  blendAverage(decay: number): void {
    this.inBlocks(({ code }, at, n) => code.blend(at('average'), at('parameters'), n, decay, 1 - decay));
  }

  private each(row: FlatRow, begin: number, end: number, visit: (part: Float32Array, from: number) => void, whose?: Whose): void {
    for (const view of this.views) {
      if (whose !== undefined && view.isOwn !== (whose === 'own')) continue;
      const [from, to] = [Math.max(begin, view.begin), Math.min(end, view.end)];
      if (from < to) visit(view.values[row].subarray(from - view.begin, to - view.begin), from - begin);
    }
  }

  /** Visits this thread's segments where they meet numbers begin … end; from and to count from the segment's first. */
  private eachOwn(begin: number, end: number, visit: (view: View, from: number, to: number) => void): void {
    for (const view of this.own) {
      const [from, to] = [Math.max(begin, view.begin), Math.min(end, view.end)];
      if (from < to) visit(view, from - view.begin, to - view.begin);
    }
  }

  /** Visits this thread's segments block by block; `at` gives the address of a row's part, whose padding is zeros; `begin` counts from the first of all numbers. */
  private inBlocks(visit: (view: View, at: (row: FlatRow) => number, n: number, begin: number) => void): void {
    for (const view of this.own) {
      const size = Math.ceil((view.end - view.begin) / LANES) * LANES;
      for (let begin = 0; begin < size; begin += BLOCK)
        visit(view, (row) => view.values[row].byteOffset + 4 * begin, Math.min(BLOCK, size - begin), view.begin + begin);
    }
  }
}

/** Asked for ever later numbers. */
function laidOver(held: readonly HeldGradient[]) {
  let next = 0;
  const meeting = (begin: number, end: number): HeldGradient[] => {
    while (next < held.length && held[next]!.begin + held[next]!.values.length <= begin) next++;
    const found: HeldGradient[] = [];
    for (let i = next; i < held.length && held[i]!.begin < end; i++) found.push(held[i]!);
    return found;
  };
  const within = (one: HeldGradient, begin: number, end: number) =>
    [Math.max(begin, one.begin), Math.min(end, one.begin + one.values.length)] as const;
  return {
    covers: (begin: number, end: number): boolean =>
      meeting(begin, end).reduce((covered, one) => {
        const [from, to] = within(one, begin, end);
        return covered + to - from;
      }, 0) ===
      end - begin,
    /** Writes what is held of numbers begin … end to their places in `into`. */
    write: (begin: number, end: number, into: Float32Array): void => {
      for (const one of meeting(begin, end)) {
        const [from, to] = within(one, begin, end);
        into.set(one.values.subarray(from - one.begin, to - one.begin), from - begin);
      }
    },
  };
}

/** `rate` and `decay` are what the moments' quotient and the parameters are multiplied by. */
function factorsOf({ beta1, beta2, epsilon, step, gradientScale }: AdamwSettings, rate: number, decay: number): number[] {
  const factors: Factors = {
    scale: gradientScale,
    ...{ beta1, rest1: 1 - beta1, beta2, rest2: 1 - beta2, epsilon, decay },
    rate: rate / (1 - beta1 ** step),
    correction: 1 / Math.sqrt(1 - beta2 ** step),
  };
  return FACTORS.map((factor) => factors[factor]);
}
