/** MaxP: a document is worth its best window. */
import type { Documents } from '../data/types.js';
import { type Run, rankingAt } from './run.js';

/** The run of the documents: each at its best window, then the first k. `windows` ranks passage rows, best first. */
export function maxP(windows: Run, { of }: Documents, k: number): Run {
  const passages = new Int32Array(windows.rows.length * k).fill(-1);
  const scores = new Float32Array(windows.rows.length * k);
  windows.rows.forEach((_, place) => {
    const seen = new Set<number>();
    const ranking = rankingAt(windows, place);
    for (let i = 0; i < ranking.length && seen.size < k; i++) {
      const document = of[ranking[i]!]!;
      if (seen.has(document)) continue;
      passages[place * k + seen.size] = document;
      scores[place * k + seen.size] = windows.scores[place * windows.k + i]!;
      seen.add(document);
    }
  });
  return { k, rows: windows.rows, passages, scores };
}

/**
 * Searches windows deeper and deeper until every query has k documents, or all windows are ranked. `search` ranks windows of query rows to a depth.
 */
export async function searchDocuments(
  rows: Int32Array,
  k: number,
  documents: Documents,
  search: (rows: Int32Array, depth: number) => Promise<Run> | Run,
): Promise<Run> {
  const windows = documents.of.length;
  const wanted = Math.min(k, documents.size);
  for (let depth = Math.min(windows, 2 * k); ; depth = Math.min(windows, 4 * depth)) {
    const run = maxP(await search(rows, depth), documents, k);
    if (depth === windows || run.rows.every((_, place) => run.passages[place * k + wanted - 1]! >= 0)) return run;
  }
}
