/** Texts in memory, their fingerprints, and the splitting of queries that the readers share. */
import { createHash } from 'node:crypto';
import { deriveKey, permutation } from '../core/random.js';
import { Ids } from './ids.js';
import { badData } from './source.js';
import type { Dataset, Split, Texts } from './types.js';

/** Between the fields of a stored text. Never in a field. */
const FIELD_BREAK = '\x1e';

/** Fields as they are stored. */
export const joinFields = (fields: readonly string[]): string =>
  fields.map((field) => field.replaceAll(FIELD_BREAK, ' ')).join(FIELD_BREAK);

/** A stored text as readers see it: its fields joined by spaces, blank ones left out. */
export const spaced = (stored: string): string => (stored.includes(FIELD_BREAK) ? fieldsIn(stored).filter(isFilled).join(' ') : stored);

export const fieldsIn = (stored: string): string[] => stored.split(FIELD_BREAK);
export const isFilled = (field: string): boolean => field.trim() !== '';

/** Texts in memory. */
export function textsInMemory(ids: Ids, stored: readonly string[]): Texts {
  return {
    size: ids.size,
    id: (row) => ids.id(row),
    text: (row) => spaced(stored[row]!),
    fields: (row) => fieldsIn(stored[row]!),
    rowOf: (id) => ids.rowOf(id),
  };
}

/** Texts of equal-length lists; `what` names one of them in errors ('passage', 'query'). Throws a UserError when an id occurs twice. */
export function createTexts(ids: readonly string[], texts: readonly string[], what: string): Texts {
  const rows = new Ids();
  ids.forEach((id, i) => {
    if (!rows.add(id).added)
      throw badData(`${what} ${i + 1}`, `the ${what} id ${JSON.stringify(id)} again`, 'each id once', 'remove or rename one');
  });
  return textsInMemory(rows, texts);
}

/** SHA-256 (hex) of the ids and texts in row order, of texts that are read field by field with the borders of these. JSON frames them: no two different lists give the same bytes. */
export function fingerprintTexts(texts: Texts): string {
  const read = (row: number) => (texts.separated ? joinFields(texts.fields(row)) : texts.text(row));
  return texts.fingerprint ?? fingerprintLines(texts.size, (row) => fingerprintLine(texts.id(row), read(row)));
}

export const fingerprintLine = (id: string, text: string): string => JSON.stringify([id, text]);

/** What the fingerprints of a data set are of. */
type Fingerprinted = Pick<Dataset, 'corpus' | 'queries' | 'splits' | 'documents' | 'answers'>;

/** SHA-256 (hex) of a split: each query's id and text with what is judged, then what else is said of its passages, then its answers and a teacher's scores. */
function fingerprintSplit(split: Split, { queries, corpus, documents, answers }: Fingerprinted): string {
  const judgedOf = documents ?? corpus;
  const named = (rows: Int32Array[] | undefined, i: number) => (rows ? [Array.from(rows[i]!, (row) => corpus.id(row))] : []);
  return fingerprintLines(split.rows.length, (i) => {
    const row = split.rows[i]!;
    const judged = Array.from(split.judged[i]!, (document, j) => [document < 0 ? null : judgedOf.id(document), split.grades[i]![j]]);
    const own = answers?.get(row);
    const scores = split.scores && [...split.scores.positives[i]!, ...split.scores.negatives[i]!];
    const further = own || scores ? [{ answers: own, scores }] : [];
    return JSON.stringify([queries.id(row), queries.text(row), judged, ...named(split.known, i), ...named(split.negatives, i), ...further]);
  });
}

/** The four fingerprints of a data set. */
export function fingerprintDataset(parts: Fingerprinted): Dataset['fingerprint'] {
  const { train, dev, test } = parts.splits;
  const of = (split: Split) => fingerprintSplit(split, parts);
  return { corpus: fingerprintTexts(parts.corpus), train: of(train), dev: of(dev), test: of(test) };
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

/** A split of queries all of whose judged passages are right (grade 1). */
export function splitOfPositives(rows: Int32Array, positives: Int32Array[]): Split {
  return { rows, positives, judged: positives, grades: positives.map(({ length }) => new Int32Array(length).fill(1)) };
}

/** Passage rows that must not be negatives of the query at `place`: its positives and what is known besides, ascending. */
export function notNegatives({ positives, known }: Split, place: number): Int32Array {
  return known?.[place]?.length ? Int32Array.from(new Set([...positives[place]!, ...known[place]!])).sort() : positives[place]!;
}

/** Negatives that come with the data for the query at `place`, best first, less what must not be one. */
export function givenNegatives(split: Split, place: number): Int32Array {
  const excluded = new Set(notNegatives(split, place));
  return (split.negatives?.[place] ?? new Int32Array(0)).filter((passage) => !excluded.has(passage));
}

/** Some rows as texts of their own. */
export function selectTexts(texts: Texts, rows: Int32Array): Texts {
  const placeOf = new Map(Array.from(rows, (row, place) => [row, place]));
  return {
    ...(texts.separated !== undefined && { separated: texts.separated }),
    size: rows.length,
    id: (place) => texts.id(rows[place]!),
    text: (place) => texts.text(rows[place]!),
    fields: (place) => texts.fields(rows[place]!),
    rowOf: (id) => placeOf.get(texts.rowOf(id) ?? -1),
  };
}

/** The entries `which` of a split, in that order. */
export function selectFromSplit(split: Split, which: readonly number[]): Split {
  const of = <T>(lists: readonly T[]) => which.map((i) => lists[i]!);
  return {
    rows: Int32Array.from(which, (i) => split.rows[i]!),
    positives: of(split.positives),
    judged: of(split.judged),
    grades: of(split.grades),
    ...(split.known && { known: of(split.known) }),
    ...(split.hidden && { hidden: of(split.hidden) }),
    ...(split.negatives && { negatives: of(split.negatives) }),
    ...(split.scores && { scores: { positives: of(split.scores.positives), negatives: of(split.scores.negatives) } }),
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
