/** A finished job asked many questions: their rankings as a run file, of documents where the job cut them into windows. */
import type { Reporter } from '../core/reporter.js';
import { readTextFile } from '../data/index.js';
import { documentsOf } from '../data/windows.js';
import { searchDocuments } from '../eval/documents.js';
import type { Run } from '../eval/run.js';
import { writeTrecRun } from '../eval/runFiles.js';
import { openJob } from '../index/searcher.js';
import { readingOf } from './reading.js';

/** `queriesFile`: queries with ids, in any form. */
export async function writeSearchRun(job: string, queriesFile: string, to: string, k: number, reporter: Reporter): Promise<void> {
  const searcher = await openJob(job);
  const { texts, notes } = await readTextFile(queriesFile, 'query');
  for (const note of notes) reporter.line(note);
  const { passages } = searcher;
  const corpus = { size: passages.length, id: (row: number) => passages[row]!.id };
  const documents = readingOf(job)?.policy.windows && documentsOf(corpus);
  const rank = async (rows: Int32Array, depth: number): Promise<Run> => {
    const run = {
      k: depth,
      rows,
      passages: new Int32Array(rows.length * depth).fill(-1),
      scores: new Float32Array(rows.length * depth),
    };
    const phase = reporter.phase('search', rows.length, 'queries');
    for (const [place, row] of rows.entries()) {
      const hits = await searcher.rank(texts.text(row), depth);
      run.passages.set(hits.passages, place * depth);
      run.scores.set(hits.scores, place * depth);
      phase.update(place + 1);
    }
    phase.end();
    return run;
  };
  const rows = Int32Array.from({ length: texts.size }, (_, row) => row);
  const run = documents ? await searchDocuments(rows, k, documents, rank) : await rank(rows, k);
  searcher.dispose();
  writeTrecRun(to, run, { queryId: (row) => texts.id(row), passageId: (documents ?? corpus).id }, 'simans');
  reporter.line(`${to}: ${texts.size.toLocaleString('en')} queries, ${k} ${documents ? 'documents' : 'passages'} each`);
}
