/** Texts in memory, their fingerprints, and the splitting of queries that the readers share. */
import { createHash } from 'node:crypto';
import { UserError } from '../core/errors.js';
import { deriveKey, permutation } from '../core/random.js';
import type { Dataset, Split, Texts } from './types.js';

/**
 * Texts addressed by row. `what` names one of them in errors ('passage', 'query'); `placeOf` says where a row was read, such as `file:line`.
 * Throws a UserError when an id occurs twice.
 */
export function createTexts(
  ids: readonly string[],
  texts: readonly string[],
  what: string,
  placeOf: (row: number) => string = (row) => `${what} ${row + 1}`,
): Texts {
  const rows = new Map<string, number>();
  for (let row = 0; row < ids.length; row++) {
    const earlier = rows.get(ids[row]!);
    if (earlier !== undefined) {
      throw new UserError(
        `${placeOf(row)}: found the ${what} id ${JSON.stringify(ids[row])} again (first at ${placeOf(earlier)}); expected each id once; remove or rename one.`,
      );
    }
    rows.set(ids[row]!, row);
  }
  return {
    size: ids.length,
    id: (row) => ids[row]!,
    text: (row) => texts[row]!,
    rowOf: (id) => rows.get(id),
  };
}

/** SHA-256 (hex) of the ids and texts in row order. JSON frames them: no two different lists give the same bytes. */
export function fingerprintTexts(texts: Texts): string {
  return fingerprintLines(texts.size, (row) => JSON.stringify([texts.id(row), texts.text(row)]));
}

/** SHA-256 (hex) of a split: each query's id and text with the ids and grades of its positives. */
export function fingerprintSplit(split: Split, queries: Texts, corpus: Texts): string {
  return fingerprintLines(split.rows.length, (i) => {
    const row = split.rows[i]!;
    const positives = Array.from(split.positives[i]!, (passage, j) => [corpus.id(passage), split.grades[i]![j]]);
    return JSON.stringify([queries.id(row), queries.text(row), positives]);
  });
}

/** The four fingerprints of a data set. */
export function fingerprintDataset(corpus: Texts, queries: Texts, splits: Dataset['splits']): Dataset['fingerprint'] {
  return {
    corpus: fingerprintTexts(corpus),
    train: fingerprintSplit(splits.train, queries, corpus),
    dev: fingerprintSplit(splits.dev, queries, corpus),
    test: fingerprintSplit(splits.test, queries, corpus),
  };
}

function fingerprintLines(count: number, line: (i: number) => string): string {
  const hash = createHash('sha256');
  // A call of `update` costs about a microsecond whatever its length: hash in blocks.
  let block = '';
  for (let i = 0; i < count; i++) {
    block += `${line(i)}\n`;
    if (block.length > 1 << 16) {
      hash.update(block);
      block = '';
    }
  }
  return hash.update(block).digest('hex');
}

/** The entries `which` of a split, in that order. */
export function selectFromSplit(split: Split, which: readonly number[]): Split {
  return {
    rows: Int32Array.from(which, (i) => split.rows[i]!),
    positives: which.map((i) => split.positives[i]!),
    grades: which.map((i) => split.grades[i]!),
  };
}

/**
 * Deals items into parts so that items sharing a label (the gold passages of queries, the module of an entry …), directly or through
 * others, stay in one part. `sizes` are the wanted numbers of items of parts 1, 2, …; part 0 is what is left. Groups are dealt whole, in an
 * order drawn from (seed, purpose); a group that would overfill a part is left for the next, so a part is never larger than asked for.
 * Returns the part of each item.
 */
export function splitGrouped(labels: readonly ArrayLike<number>[], sizes: readonly number[], seed: number, purpose: string): Uint8Array {
  const groups = groupByLabel(labels);
  const parts = new Uint8Array(labels.length);
  const room = [...sizes];
  for (const g of permutation(deriveKey(seed, purpose), groups.length)) {
    const group = groups[g]!;
    const part = room.findIndex((left) => left >= group.length);
    if (part < 0) continue;
    room[part]! -= group.length;
    for (const item of group) parts[item] = part + 1;
  }
  return parts;
}

/** The connected groups of items, each ascending, ordered by their first item (union–find over shared labels). */
function groupByLabel(labels: readonly ArrayLike<number>[]): number[][] {
  const parent = Int32Array.from(labels, (_, item) => item);
  const root = (item: number): number => {
    while (parent[item] !== item) {
      parent[item] = parent[parent[item]!]!;
      item = parent[item]!;
    }
    return item;
  };
  const firstWith = new Map<number, number>();
  labels.forEach((itemLabels, item) => {
    for (let i = 0; i < itemLabels.length; i++) {
      const other = firstWith.get(itemLabels[i]!);
      if (other === undefined) firstWith.set(itemLabels[i]!, item);
      else parent[root(item)] = root(other);
    }
  });
  const groups = new Map<number, number[]>();
  for (let item = 0; item < labels.length; item++) {
    const group = groups.get(root(item));
    if (group) group.push(item);
    else groups.set(root(item), [item]);
  }
  return [...groups.values()];
}
