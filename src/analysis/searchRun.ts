/** A finished job asked many questions: their rankings as a run file. */
import type { Reporter } from '../core/reporter.js';
import { Ids } from '../data/ids.js';
import { readTextFile } from '../data/index.js';
import { writeTrecRun } from '../eval/runFiles.js';
import type { Searcher } from '../index/searcher.js';

/** `queriesFile`: queries with ids, in any form. */
export async function writeSearchRun(searcher: Searcher, queriesFile: string, to: string, k: number, reporter: Reporter): Promise<void> {
  const { texts, notes } = await readTextFile(queriesFile, 'query');
  for (const note of notes) reporter.line(note);
  const ids = new Ids();
  const run = {
    k,
    rows: Int32Array.from({ length: texts.size }, (_, row) => row),
    passages: new Int32Array(texts.size * k).fill(-1),
    scores: new Float32Array(texts.size * k),
  };
  const phase = reporter.phase('search', texts.size, 'queries');
  for (let row = 0; row < texts.size; row++) {
    const hits = await searcher.search(texts.text(row), k);
    hits.forEach(({ id, score }, i) => {
      run.passages[row * k + i] = ids.add(id).row;
      run.scores[row * k + i] = score;
    });
    phase.update(row + 1);
  }
  phase.end();
  writeTrecRun(to, run, { queryId: (row) => texts.id(row), passageId: (row) => ids.id(row) }, 'simans');
  reporter.line(`${to}: ${texts.size.toLocaleString('en')} queries, ${k} passages each`);
}
