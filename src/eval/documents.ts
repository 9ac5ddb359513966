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

/** Searches windows deeper and deeper for the queries that have not k documents yet and of which there may be more. `search` ranks windows of query rows to a depth. */
export async function searchDocuments(
  rows: Int32Array,
  k: number,
  documents: Documents,
  search: (rows: Int32Array, depth: number) => Promise<Run> | Run,
): Promise<Run> {
  const windows = documents.of.length;
  const wanted = Math.min(k, documents.size);
  const found = { k, rows, passages: new Int32Array(rows.length * k).fill(-1), scores: new Float32Array(rows.length * k) };
  let open = Int32Array.from(rows.keys()); // places in rows
  for (let depth = Math.min(windows, 2 * k); open.length > 0; depth = Math.min(windows, 4 * depth)) {
    const ranked = await search(
      open.map((place) => rows[place]!),
      depth,
    );
    const run = maxP(ranked, documents, k);
    open.forEach((place, i) => {
      for (const key of ['passages', 'scores'] as const) found[key].set(run[key].subarray(i * k, (i + 1) * k), place * k);
    });
    const hasMore = (i: number) => depth < windows && rankingAt(ranked, i).length === depth;
    open = open.filter((_, i) => run.passages[i * k + wanted - 1]! < 0 && hasMore(i));
  }
  return found;
}
