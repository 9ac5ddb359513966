/** Judgments alone, without texts: what trec_eval is given. */
import { judgmentsOf } from '../data/formats/judgments.js';
import { Ids } from '../data/ids.js';
import { badData } from '../data/source.js';
import type { Split } from '../data/types.js';
import type { Names } from './run.js';
import type { Rows } from './runFiles.js';

export interface Qrels {
  readonly split: Split;
  readonly names: Names;
  /** Passages that only a run names get rows as they come. */
  readonly rows: Rows;
}

/** Throws a UserError naming file and line for what is no judgment, or for two of one pair. */
export async function readQrels(file: string): Promise<Qrels> {
  const [queries, passages] = [new Ids(), new Ids()];
  const grades: Map<number, number>[] = [];
  for await (const { query, passage, grade, place } of judgmentsOf(file)) {
    const { row } = queries.add(query);
    grades[row] ??= new Map();
    const judged = passages.add(passage).row;
    if (grades[row].has(judged))
      throw badData(place, `a second judgment of ${passage} for ${query}`, 'one grade a pair', 'remove one line');
    grades[row].set(judged, grade);
  }
  if (queries.size === 0) throw badData(`${file}:1`, 'no judgment', 'TREC’s four columns, or BEIR’s three', 'check the file');
  const judged = grades.map((of) => Int32Array.from(of.keys()));
  return {
    split: {
      rows: Int32Array.from(grades.keys()),
      positives: grades.map((of) => Int32Array.from([...of].filter(([, grade]) => grade >= 1).map(([row]) => row))),
      judged,
      grades: grades.map((of) => Int32Array.from(of.values())),
    },
    names: { queryId: (row) => queries.id(row), passageId: (row) => passages.id(row) },
    rows: { query: (id) => queries.rowOf(id), passage: (id) => passages.add(id).row },
  };
}
