/**
 * AdamW and LAMB on a CPU: a model's parameters, their moments and the gradients of several threads lie end to end in memory that the threads share, and each
 * thread updates its part by WebAssembly's vector instructions, in place. In JavaScript's doubles an update takes ten times as long (docs/decisions/005).
 */
import { instantiateOver, type SharedPages, sharedPages } from '../../core/wasm.js';
import type { AdamwSettings } from './adamw.js';
import { type DecayView, decaysAt, type FlatRange, overlaps } from './flatDecay.js';
import { FACTORS, type Factors, FLAT_CODE, type FlatCode, TOGETHER } from './flatKernels.js';
import { type HeldGradient, laidOver } from './heldGradient.js';

/** Those of the threads; the first becomes their sum. */
type GradientRow = `gradient ${number}`;
/** What is known of every parameter, [P] each. */
export type FlatRow = 'parameters' | 'firstMoment' | 'secondMoment' | 'average' | GradientRow;

/** Numbers begin … begin + size of every row, one row after the other; behind them a block of room for each thread, a block of ones and one of zeros. */
interface Segment {
  readonly begin: number;
  readonly size: number;
  readonly pages: SharedPages;
  /** Of each gradient in turn, of every GRAIN numbers: 0 where all of them are zeros. */
  readonly written: SharedArrayBuffer;
}

/** Can be sent to another thread. */
export interface FlatMemory {
  readonly rows: readonly FlatRow[];
  readonly threads: number;
  /** What weight decay applies to. */
  readonly decaying: readonly FlatRange[];
  /** Of a stripe. */
  readonly stripe: number;
  readonly segments: readonly Segment[];
}

/** Numbers of a row in one memory: 32-bit addresses reach 2³⁰ numbers. */
const LARGEST_SEGMENT = 1 << 24;
/** Numbers that are one thread's: so few that every thread has its share of a vocabulary, of which little is to be summed, and of the rest; each has some at least. */
const LARGEST_STRIPE = 1 << 20;
const STRIPES_A_THREAD = 4;
/** Numbers that one call works on: those of all rows stay in a core's cache between the passes. */
const BLOCK = 1 << 14;
/** Numbers of a gradient that are known to be zeros or not together. Of a vocabulary a step reads some hundreds of rows: the others are neither cleared nor summed. */
const GRAIN = 1 << 7;
const grainsOf = (numbers: number): number => Math.ceil(numbers / GRAIN);
/** With the zeros after a row's last number that loops need. */
const padded = (numbers: number): number => Math.ceil(numbers / TOGETHER) * TOGETHER;

export interface FlatOptions {
  /** Whether there is a moving average. */
  readonly averaged?: boolean;
  readonly decaying?: readonly FlatRange[];
}

/** Zeros for P parameters. */
export function createFlatMemory(P: number, threads: number, { averaged = false, decaying = [] }: FlatOptions = {}): FlatMemory {
  const gradients = Array.from({ length: threads }, (_, thread): FlatRow => `gradient ${thread}`);
  const rows: FlatRow[] = ['parameters', 'firstMoment', 'secondMoment', ...(averaged ? ['average' as const] : []), ...gradients];
  const stripe = Math.min(LARGEST_STRIPE, GRAIN * grainsOf(P / (threads * STRIPES_A_THREAD)));
  const segments = Array.from({ length: Math.ceil(P / LARGEST_SEGMENT) }, (_, i) => {
    const begin = i * LARGEST_SEGMENT;
    const size = Math.min(P - begin, LARGEST_SEGMENT);
    const numbers = rows.length * padded(size) + threads * BLOCK;
    const pages = sharedPages(4 * (numbers + 2 * BLOCK));
    new Float32Array(pages.buffer, 4 * numbers, BLOCK).fill(1);
    return { begin, size, pages, written: new SharedArrayBuffer(threads * grainsOf(size)) };
  });
  return { rows, threads, decaying, stripe, segments };
}

/** Whose stripes: a thread's own, which it sums and updates, or the others'. */
type Whose = 'own' | 'others';

/** A stripe, numbers begin … end of a segment, as a thread sees it. */
interface View extends DecayView {
  readonly begin: number;
  readonly end: number;
  readonly isOwn: boolean;
  readonly code: FlatCode;
  readonly values: Readonly<Record<FlatRow, Float32Array<SharedArrayBuffer>>>;
  readonly written: Readonly<Record<GradientRow, Uint8Array<SharedArrayBuffer>>>;
}

/** Nothing is known any more of numbers from … to of a view's row: it is a gradient's, or there is nothing to know. */
const mark = ({ written }: View, row: FlatRow, from: number, to: number) =>
  written[row as GradientRow]?.fill(1, Math.floor(from / GRAIN), grainsOf(to));

/** One thread's access to the rows; its stripes are every threads-th one. */
export class FlatVectors {
  readonly size: number;
  private readonly views: readonly View[];
  private readonly own: readonly View[];

  constructor(memory: FlatMemory, thread: number) {
    const views = memory.segments.flatMap((segment) => viewsOf(segment, memory, thread));
    this.views = views.map((view, i) => ({ ...view, isOwn: i % memory.threads === thread }));
    this.own = this.views.filter(({ isOwn }) => isOwn);
    this.size = this.views.at(-1)!.end;
  }

  /** Numbers begin … begin + values.length of a row, everywhere or in the stripes of `whose` alone. */
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
      mark(view, row, at - view.begin, at - view.begin + width);
      for (let j = 0, to = at - view.begin, from = n * width; j < width; j++) part[to + j]! += values[from + j]!;
    });
  }

  /** Makes numbers of a gradient zeros, where they are not. */
  clear(row: GradientRow, begin: number, end: number): void {
    this.meet(begin, end, ({ values, written }, from, to) => {
      const grains = written[row];
      for (let grain = Math.floor(from / GRAIN); grain < grainsOf(to); grain++) {
        if (grains[grain] === 0) continue;
        const [first, last] = [grain * GRAIN, Math.min((grain + 1) * GRAIN, values[row].length)];
        values[row].fill(0, Math.max(from, first), Math.min(to, last));
        if (from <= first && last <= to) grains[grain] = 0;
      }
    });
  }

  /** Copies as many numbers of a row as `into` has. */
  read(row: FlatRow, into: Float32Array, begin = 0): void {
    this.meet(begin, begin + into.length, (view, from, to) => into.set(view.values[row].subarray(from, to), view.begin + from - begin));
  }

  /**
   * Adds this thread's part of the other gradients to the first; returns the sum's Σ g² of that part. `held`, by their begins, are numbers of the gradient
   * `row` that only this thread has: they meet the others block by block, and are not written to memory before.
   */
  sumGradients(row: GradientRow = 'gradient 0', held: readonly HeldGradient[] = []): number {
    let total = 0;
    const laid = laidOver(held);
    for (const { begin, values } of held) this.meet(begin, begin + values.length, (view, from, to) => mark(view, row, from, to), 'own');
    this.inWrittenBlocks((view, at, n, begin) => {
      const [first, ...others] = Object.keys(view.written) as GradientRow[];
      const offset = begin - view.begin;
      const real = Math.min(n, view.end - begin);
      const apart = row !== first && laid.covers(begin, begin + real);
      laid.write(begin, begin + real, apart ? view.scratch : view.values[row].subarray(offset, offset + real));
      if (apart) view.scratch.fill(0, real, n);
      for (const other of others) view.code.add(at(first!), other === row && apart ? view.scratch.byteOffset : at(other), n);
      mark(view, first!, offset, offset + real);
      total += view.code.squares(at(first!), n);
    });
    return total;
  }

  /** One update of AdamW of this thread's part by the first gradient. */
  update(settings: AdamwSettings): void {
    const { learningRate, weightDecay } = settings;
    const given = factorsOf(settings, learningRate, learningRate * weightDecay);
    this.inBlocks((view, at, n, begin) => {
      const decays = decaysAt(view, begin - view.begin, n);
      view.code.adamw(at('parameters'), at('firstMoment'), at('secondMoment'), at('gradient 0'), decays, n, ...given);
    });
  }

  /** Writes over this thread's part of the first gradient the direction of LAMB: (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε) + weightDecay·decays·p. */
  direct(settings: AdamwSettings): void {
    const given = factorsOf(settings, 1, settings.weightDecay);
    this.inBlocks((view, at, n, begin) => {
      mark(view, 'gradient 0', begin - view.begin, begin - view.begin + n);
      const decays = decaysAt(view, begin - view.begin, n);
      view.code.direction(at('parameters'), at('firstMoment'), at('secondMoment'), at('gradient 0'), decays, n, ...given);
    });
  }

  /** Σ x² of this thread's part of numbers begin … end of a row. */
  squares(row: FlatRow, begin: number, end: number): number {
    let total = 0;
    const sum = ({ code, values }: View, from: number, to: number) => {
      const part = values[row];
      const whole = from + Math.floor((to - from) / TOGETHER) * TOGETHER;
      if (whole > from) total += code.squares(part.byteOffset + 4 * from, whole - from);
      for (let i = whole; i < to; i++) total += part[i]! ** 2;
    };
    this.meet(begin, end, sum, 'own');
    return total;
  }

  /** parameters ← parameters − rate·(first gradient), in this thread's part of numbers begin … end. */
  move(begin: number, end: number, rate: number): void {
    const moved = ({ code, values }: View, from: number, to: number) => {
      const [parameters, gradient] = [values.parameters, values['gradient 0']];
      const whole = from + Math.floor((to - from) / TOGETHER) * TOGETHER;
      if (whole > from) code.move(parameters.byteOffset + 4 * from, gradient.byteOffset + 4 * from, whole - from, rate);
      for (let i = whole; i < to; i++) parameters[i]! -= rate * gradient[i]!;
    };
    this.meet(begin, end, moved, 'own');
  }

  /** average ← decay·average + (1 − decay)·parameters, in this thread's part. */
  blendAverage(decay: number): void {
    this.inBlocks(({ code }, at, n) => code.blend(at('average'), at('parameters'), n, decay, 1 - decay));
  }

  /** Visits what is to be changed of a row's numbers begin … end. */
  private each(row: FlatRow, begin: number, end: number, visit: (part: Float32Array, from: number) => void, whose?: Whose): void {
    const change = (view: View, from: number, to: number) => {
      mark(view, row, from, to);
      visit(view.values[row].subarray(from, to), view.begin + from - begin);
    };
    this.meet(begin, end, change, whose);
  }

  /** Visits the stripes where they meet numbers begin … end; from and to count from the stripe's first. */
  private meet(begin: number, end: number, visit: (view: View, from: number, to: number) => void, whose?: Whose): void {
    for (const view of this.views) {
      if (whose !== undefined && view.isOwn !== (whose === 'own')) continue;
      const [from, to] = [Math.max(begin, view.begin), Math.min(end, view.end)];
      if (from < to) visit(view, from - view.begin, to - view.begin);
    }
  }

  /** Visits this thread's stripes block by block. */
  private inBlocks(visit: VisitBlock): void {
    for (const view of this.own) {
      const size = padded(view.end - view.begin);
      for (let from = 0; from < size; from += BLOCK) visitBlock(view, from, Math.min(from + BLOCK, size), visit);
    }
  }

  /** Likewise, where any gradient may be other than zeros. */
  private inWrittenBlocks(visit: VisitBlock): void {
    for (const view of this.own) {
      const gradients = Object.values(view.written);
      const isWritten = (grain: number) => gradients.some((grains) => grains[grain] === 1);
      const size = padded(view.end - view.begin);
      for (let grain = 0; grain * GRAIN < size; ) {
        const from = grain * GRAIN;
        while (grain * GRAIN < Math.min(from + BLOCK, size) && isWritten(grain)) grain++;
        if (grain * GRAIN === from) grain++;
        else visitBlock(view, from, Math.min(grain * GRAIN, size), visit);
      }
    }
  }
}

/** A segment's stripes. */
function viewsOf(segment: Segment, { rows, threads, decaying, stripe }: FlatMemory, thread: number): Omit<View, 'isOwn'>[] {
  const { begin, size, pages, written } = segment;
  const code = instantiateOver<FlatCode>(FLAT_CODE, pages);
  const gradients = rows.filter((row) => row.startsWith('gradient'));
  const block = (number: number) => 4 * (rows.length * padded(size) + number * BLOCK);
  const scratch = new Float32Array(pages.buffer, block(thread), BLOCK);
  return Array.from({ length: Math.ceil(size / stripe) }, (_, i) => {
    const from = i * stripe;
    const length = Math.min(size - from, stripe);
    const numbers = (at: number) => new Float32Array(pages.buffer, 4 * (at * padded(size) + from), length);
    const grains = (at: number) => new Uint8Array(written, at * grainsOf(size) + from / GRAIN, grainsOf(length));
    return {
      ...{ begin: begin + from, end: begin + from + length, scratch, ones: block(threads), zeros: block(threads + 1), code },
      decaying: overlaps(decaying, begin + from, length),
      values: Object.fromEntries(rows.map((row, at) => [row, numbers(at)])) as View['values'],
      written: Object.fromEntries(gradients.map((row, at) => [row, grains(at)])) as View['written'],
    };
  });
}

/** `at` gives the address of a row's part, `n` numbers of which the last ones may be padding, zeros; `begin` counts from the first of all numbers. */
type VisitBlock = (view: View, at: (row: FlatRow) => number, n: number, begin: number) => void;

const visitBlock = (view: View, from: number, to: number, visit: VisitBlock) =>
  visit(view, (row) => view.values[row].byteOffset + 4 * from, to - from, view.begin + from);

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
