/**
 * A block of scores, and what of it belongs to the best. Nearly all scores fail: WebAssembly's vector instructions compare sixteen with their query's
 * threshold before any is looked at. The scores lie in its memory, where a product can be written without a copy. The function is
 *
 *   find(scores, thresholds, found, q, n): for q rows of n scores writes the addresses of the groups of sixteen that are not wholly below their row's
 *   threshold, and of what is left at a row's end; returns the address behind the last
 */
import { f32x4, func, get, I32, i32, i32x4, instantiate, type Local, repeatWhile, set, V128, v128, when } from '../core/wasm.js';
import type { TopKBuffer } from './topk.js';

/** Scores of a row that are compared at once. */
const GROUP = 16;
const VECTOR_BYTES = 16;

const findCode = func([I32, I32, I32, I32, I32], [I32], ([at, threshold, out, q, n], local) => {
  const [groupsEnd, rowEnd, t] = [local(I32), local(I32), local(V128)];
  const increase = (what: Local, by: number) => set(what, i32.add(get(what), i32.const(by)));
  const isBefore = (end: Local) => i32.ltU(get(at!), get(end));
  const note = i32.store(0, get(out!), get(at!));
  const less = (i: number) => f32x4.lt(v128.load(i * VECTOR_BYTES, get(at!)), get(t));
  // 1 where a score of the group is not less than the threshold, NaN for one: then the note stays.
  const kept = i32.eqz(i32x4.allTrue([1, 2, 3].reduce((all, i) => v128.and(all, less(i)), less(0))));
  const groups = [note, set(out!, i32.add(get(out!), i32.shl(kept, i32.const(2)))), increase(at!, 4 * GROUP)];
  const row = [
    set(t, v128.load32Splat(0, get(threshold!))),
    increase(threshold!, 4),
    set(groupsEnd, i32.add(get(at!), i32.shl(i32.and(get(n!), i32.const(-GROUP)), i32.const(2)))),
    set(rowEnd, i32.add(get(at!), i32.shl(get(n!), i32.const(2)))),
    when(isBefore(groupsEnd), [repeatWhile(isBefore(groupsEnd), groups)]),
    when(isBefore(rowEnd), [note, increase(out!, 4), set(at!, get(rowEnd))]),
    set(q!, i32.sub(get(q!), i32.const(1))),
  ];
  return [repeatWhile(get(q!), row), get(out!)];
});

/** Room for the scores of `queries` × `passages`. */
export class ScoreBlock {
  /** Row after row: of query i and the block's passage j at i·n + j. */
  readonly scores: Float32Array<ArrayBuffer>;
  private readonly thresholds: Float32Array;
  private readonly found: Uint32Array;
  private readonly find: (...given: number[]) => number;

  constructor(
    readonly queries: number,
    readonly passages: number,
  ) {
    const size = queries * passages;
    const groups = queries * (Math.ceil(passages / GROUP) + 1) + 1; // the last may be noted and dropped
    const { memory, find } = instantiate<{ find(...given: number[]): number }>({ find: findCode }, 4 * (size + queries + groups));
    this.find = find;
    this.scores = new Float32Array(memory.buffer, 0, size);
    this.thresholds = new Float32Array(memory.buffer, 4 * size, queries);
    this.found = new Uint32Array(memory.buffer, 4 * (size + queries), groups);
  }

  /** Offers the scores of q queries and n passages, the first of them `firstRow`, to the queries' buffers. NaN is offered, and refused by them. */
  offerTo(buffers: readonly TopKBuffer[], q: number, n: number, firstRow: number): void {
    const { scores, thresholds, found } = this;
    for (let i = 0; i < q; i++) thresholds[i] = buffers[i]!.threshold;
    const count = (this.find(scores.byteOffset, thresholds.byteOffset, found.byteOffset, q, n) - found.byteOffset) / 4;
    for (let g = 0, rowEnd = 0, base = 0, buffer = buffers[0]!; g < count; g++) {
      const begin = found[g]! >>> 2;
      if (begin >= rowEnd) {
        const i = Math.floor(begin / n);
        rowEnd = (i + 1) * n;
        base = firstRow - i * n;
        buffer = buffers[i]!;
      }
      let threshold = buffer.threshold;
      for (let at = begin, end = Math.min(begin + GROUP, rowEnd); at < end; at++) {
        if (scores[at]! < threshold) continue;
        buffer.offer(base + at, scores[at]!);
        threshold = buffer.threshold;
      }
    }
  }
}
