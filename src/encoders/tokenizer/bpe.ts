/** Byte-pair encoding (Sennrich et al. 2016) with given merges, in O(n log n) for a word of n characters, as `tokenizers` does it. */
import { createHeap } from './heap.js';

export interface BpeModel {
  readonly vocab: Record<string, number>;
  /** 'left right', the most important first. */
  readonly merges: readonly string[];
  readonly unk_token?: string | null;
  /** Neighbours that are not known are one unknown token. */
  readonly fuse_unk?: boolean;
  /** Words that are tokens themselves are not built by merges. */
  readonly ignore_merges?: boolean;
}

/** A pair of ids as one number: ids are below 2^26. */
const BASE = 2 ** 26;
/** A merge's rank and its place as one number, so that the smallest is the next to do: places are below 2^32, ranks below 2^21. */
const PLACES = 2 ** 32;

interface Merges {
  /** By pair. */
  readonly ranks: ReadonlyMap<number, number>;
  /** By rank, the id of the merged token. */
  readonly merged: readonly number[];
}

/** The token ids of a word. */
export function bpeEncoder(model: BpeModel): (word: string) => number[] {
  const ids = new Map(Object.entries(model.vocab));
  const merges = readMerges(model, ids);
  const unknown = model.unk_token == null ? undefined : ids.get(model.unk_token);
  return (word) => {
    const whole = model.ignore_merges ? ids.get(word) : undefined;
    if (whole !== undefined) return [whole];
    const symbols: number[] = [];
    let known = true;
    for (const character of word) {
      const id = ids.get(character);
      // Without an unknown token, what is not known is dropped.
      if (id !== undefined) symbols.push(id);
      else if (unknown !== undefined && (known || !model.fuse_unk)) symbols.push(unknown);
      known = id !== undefined;
    }
    return mergeAll(symbols, merges);
  };
}

function readMerges(model: BpeModel, ids: ReadonlyMap<string, number>): Merges {
  const ranks = new Map<number, number>();
  const merged: number[] = [];
  for (const merge of model.merges) {
    const [left, right] = merge.split(' ') as [string, string];
    const [leftId, rightId, id] = [ids.get(left), ids.get(right), ids.get(left + right)];
    if (leftId === undefined || rightId === undefined || id === undefined)
      throw new Error(`the merge ${JSON.stringify(merge)} has a part that is not in model.vocab`);
    ranks.set(leftId * BASE + rightId, merged.push(id) - 1);
  }
  return { ranks, merged };
}

/** Does the merges of neighbours, the lowest rank first, ties from the left. Symbols are a linked list, since merging shortens it. */
function mergeAll(symbols: number[], { ranks, merged }: Merges): number[] {
  const next = Int32Array.from(symbols, (_, at) => (at + 1 < symbols.length ? at + 1 : -1));
  const previous = Int32Array.from(symbols, (_, at) => at - 1);
  const removed = new Uint8Array(symbols.length);
  const queue = createHeap<number>((a, b) => a < b);
  const rankAt = (at: number): number | undefined => ranks.get(symbols[at]! * BASE + symbols[next[at]!]!);
  const enqueue = (at: number): void => {
    const rank = at < 0 || next[at]! < 0 ? undefined : rankAt(at);
    if (rank !== undefined) queue.push(rank * PLACES + at);
  };
  for (let at = 0; at < symbols.length; at++) enqueue(at);
  for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
    const rank = Math.floor(entry / PLACES);
    const at = entry % PLACES;
    // Merges around it may have changed the pair since it was queued.
    if (removed[at] || next[at]! < 0) continue;
    const current = rankAt(at);
    if (current === undefined || merged[current] !== merged[rank]) continue;
    const right = next[at]!;
    symbols[at] = merged[rank]!;
    removed[right] = 1;
    next[at] = next[right]!;
    if (next[at]! >= 0) previous[next[at]!] = at;
    enqueue(previous[at]!);
    enqueue(at);
  }
  return symbols.filter((_, at) => !removed[at]);
}
