/**
 * A block of scores, and what of it belongs to the best. Nearly all scores fail: WebAssembly's vector instructions compare sixteen with their query's
 * threshold before any is looked at. The scores lie in its memory, where a product can be written without a copy. The function is
 *
 *   find(scores, thresholds, found, q, n): for q rows of n scores writes the addresses of the groups of sixteen that are not wholly below their row's
 *   threshold, and of what is left at a row's end; returns the address behind the last
 */
import { get, instantiate, int, repeatWhile, set, unsigned, vector, when } from '../core/wasm.js';
import type { TopKBuffer } from './topk.js';

/** Scores of a row that are compared at once. */
const GROUP = 16;
const VECTOR_BYTES = 16;

/** Locals: the parameters, the ends of a row's groups and of the row, its threshold four times. */
const [AT, THRESHOLD, OUT, Q, N, GROUPS_END, ROW_END, T] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
const ADD = [0x6a];
const BELOW = [0x49]; // i32.lt_u
const STORE = [0x36, 2, 0];
const LOAD_SPLAT = [...vector(0x09), 2, 0];
const load = (offset: number) => [...vector(0x00), 2, ...unsigned(offset)];
const [LESS, AND, ALL_TRUE] = [vector(0x43), vector(0x4e), vector(0xa3)];
const increase = (local: number, by: number) => [...get(local), ...int(by), ...ADD, ...set(local)];
const note = [...get(OUT), ...get(AT), ...STORE];

const less = (offset: number) => [...get(AT), ...load(offset), ...get(T), ...LESS];
/** 1 where a score of the group is not less than the threshold, NaN for one: then the note stays. */
const kept = [
  ...less(0),
  ...[1, 2, 3].flatMap((i) => [...less(i * VECTOR_BYTES), ...AND]),
  ...ALL_TRUE,
  0x45, // i32.eqz
];
const row = [
  ...[...get(THRESHOLD), ...LOAD_SPLAT, ...set(T), ...increase(THRESHOLD, 4)],
  ...[...get(AT), ...get(N), ...int(-GROUP), 0x71, ...int(2), 0x74, ...ADD, ...set(GROUPS_END)], // at + 4 · (n & −16)
  ...[...get(AT), ...get(N), ...int(2), 0x74, ...ADD, ...set(ROW_END)],
  ...[...get(AT), ...get(GROUPS_END), ...BELOW],
  ...when(
    repeatWhile(note, [...get(OUT), ...kept, ...int(2), 0x74, ...ADD, ...set(OUT)], increase(AT, 4 * GROUP), [
      ...get(AT),
      ...get(GROUPS_END),
      ...BELOW,
    ]),
  ),
  ...[...get(AT), ...get(ROW_END), ...BELOW],
  ...when(note, increase(OUT, 4), [...get(ROW_END), ...set(AT)]),
];
const body = [...repeatWhile(row, [...get(Q), ...int(1), 0x6b, 0x22, Q]), ...get(OUT)]; // q −= 1; again while it is not 0

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
    const { memory, run } = instantiate({ parameters: 5, results: 1, integers: 2, vectors: 1, body }, 4 * (size + queries + groups));
    this.find = run;
    this.scores = new Float32Array(memory, 0, size);
    this.thresholds = new Float32Array(memory, 4 * size, queries);
    this.found = new Uint32Array(memory, 4 * (size + queries), groups);
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
