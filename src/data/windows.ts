/** Windows of long documents: passages of their own, which stand for their document. */
import { Ids } from './ids.js';
import type { Documents, Texts } from './types.js';

export interface Windows {
  /** Words in a window. */
  readonly words: number;
  /** Words from the begin of one to that of the next. */
  readonly stride: number;
}

/** Anserini's form. A document's own id may hold a '#': the last one counts. */
export const windowId = (document: string, window: number): string => `${document}#${window}`;

/** The fields of each window: the body's words from each stride on, the other fields with every one. At least one window. */
export function windowsOf(fields: readonly string[], { words, stride }: Windows): string[][] {
  const body = fields.at(-1)!;
  const starts = [...body.matchAll(/\S+/g)].map(({ index }) => index);
  if (starts.length <= words) return [[...fields]];
  const count = 1 + Math.ceil((starts.length - words) / stride);
  return Array.from({ length: count }, (_, i) => {
    const piece = body.slice(starts[i * stride], starts[i * stride + words] ?? body.length);
    return [...fields.slice(0, -1), piece.trimEnd()];
  });
}

/** The documents that the rows are windows of. */
export function documentsOf(corpus: Pick<Texts, 'size' | 'id'>): Documents {
  const ids = new Ids();
  const of = Int32Array.from({ length: corpus.size }, (_, row) => {
    const id = corpus.id(row);
    return ids.add(id.slice(0, id.lastIndexOf('#'))).row;
  });
  return { size: ids.size, id: (row) => ids.id(row), rowOf: (id) => ids.rowOf(id), of };
}

/** The windows of each document: rows [first[d], first[d + 1]). */
export function windowRanges({ size, of }: Documents): Int32Array {
  const first = new Int32Array(size + 1).fill(of.length);
  for (let row = of.length - 1; row >= 0; row--) first[of[row]!] = row;
  return first;
}

/** The windows of a document, ascending, by its row; without documents a row is that of a passage itself. */
export function windowsByDocument(documents: Documents | undefined): (row: number) => number[] {
  const ranges = documents && windowRanges(documents);
  return (row) => (ranges ? Array.from({ length: ranges[row + 1]! - ranges[row]! }, (_, i) => ranges[row]! + i) : [row]);
}
