/** How often each pair of neighbouring symbols occurs in counted words, kept up to date while pairs are merged. */
import { createHeap } from './heap.js';

export interface CountedWord {
  /** Symbol ids; changed in place by merges. */
  symbols: number[];
  readonly count: number;
}

export interface PairCounts {
  /** The pair with the highest count, ties by the lowest left, then right symbol; undefined when no pair is left. */
  mostFrequent(): { left: number; right: number; count: number } | undefined;
  /** Replaces the pair by the symbol `merged` in all words, from left to right. */
  merge(left: number, right: number, merged: number): void;
}

/** A pair as one number: symbol ids are below 2^26. */
const BASE = 2 ** 26;

/** Takes over `words`: merging changes them. */
export function createPairCounts(words: CountedWord[]): PairCounts {
  const counts = new Map<number, number>();
  /** The words that a pair has been seen in; it may have left some of them since. */
  const occurrences = new Map<number, Set<number>>();
  const heap = createHeap(before);

  const addPairs = (index: number, sign: 1 | -1): void => {
    const { symbols, count } = words[index]!;
    for (let i = 0; i + 1 < symbols.length; i++) {
      const pair = symbols[i]! * BASE + symbols[i + 1]!;
      counts.set(pair, (counts.get(pair) ?? 0) + sign * count);
      if (sign < 0) continue;
      const seen = occurrences.get(pair);
      if (seen) seen.add(index);
      else occurrences.set(pair, new Set([index]));
    }
  };

  for (let index = 0; index < words.length; index++) addPairs(index, 1);
  for (const [pair, count] of counts) heap.push({ pair, count });

  return {
    mostFrequent() {
      for (let top = heap.top(); top; top = heap.top()) {
        const count = counts.get(top.pair) ?? 0;
        if (count === top.count && count > 0) return { left: Math.floor(top.pair / BASE), right: top.pair % BASE, count };
        // Counts that fell were left in the heap as they were: set right now that one of them is on top.
        heap.pop();
        if (count > 0) heap.push({ pair: top.pair, count });
      }
      return undefined;
    },
    merge(left, right, merged) {
      const grown = new Set<number>();
      for (const index of occurrences.get(left * BASE + right) ?? []) {
        addPairs(index, -1);
        const symbols = replacePair(words[index]!.symbols, left, right, merged);
        words[index]!.symbols = symbols;
        addPairs(index, 1);
        for (let i = 0; i + 1 < symbols.length; i++) {
          if (symbols[i] === merged || symbols[i + 1] === merged) grown.add(symbols[i]! * BASE + symbols[i + 1]!);
        }
      }
      counts.delete(left * BASE + right);
      occurrences.delete(left * BASE + right);
      for (const pair of grown) heap.push({ pair, count: counts.get(pair)! });
    },
  };
}

function replacePair(symbols: readonly number[], left: number, right: number, merged: number): number[] {
  const out: number[] = [];
  for (let i = 0; i < symbols.length; i++) {
    if (symbols[i] === left && symbols[i + 1] === right) {
      out.push(merged);
      i++;
    } else out.push(symbols[i]!);
  }
  return out;
}

interface HeapEntry {
  readonly pair: number;
  readonly count: number;
}

/** The highest count first, ties by the lowest pair. */
const before = (a: HeapEntry, b: HeapEntry): boolean => a.count > b.count || (a.count === b.count && a.pair < b.pair);
