/** Files of judgments: TREC's four columns, BEIR's three with a header, RocketQA's two, and records of any form. */

import { badData, excerpt, type Judgment } from '../source.js';
import { asGrade, fieldOf, idOf } from './fields.js';
import { linesOf } from './lines.js';
import { recordsOf } from './records.js';

/** Judgments of TREC have names such as qrels.dl19 or qrels: what does not say that it holds records is lines. */
const RECORDS = /\.(jsonl?|csv|parquet)(\.gz)?$/;
const HEADER = /^(query|topic|q)[-_ ]?id\b/i;

export async function* judgmentsOf(file: string): AsyncGenerator<Judgment> {
  if (RECORDS.test(file)) {
    for await (const record of recordsOf(file, { columns: {}, isHeader: () => true })) {
      const grade = fieldOf(record, 'grade');
      const query = idOf(record, 'judgedQuery', 'query');
      const passage = idOf(record, 'judgedPassage', 'passage');
      yield { query, passage, kind: 'judged', grade: grade ? asGrade(grade.value, record.place) : 1, place: record.place };
    }
    return;
  }
  let first = true;
  for await (const { text, number } of linesOf(file)) {
    const isHeader = first && HEADER.test(text);
    first = false;
    if (!isHeader) yield judgmentOf(text, file, number);
  }
}

/** Fields are separated by tabs where there is one, else by white space. */
function judgmentOf(text: string, file: string, line: number): Judgment {
  const place = { file, line };
  const fields = text.includes('\t') ? text.split('\t') : text.trim().split(/\s+/);
  const last = fields.length === 4 ? fields[2] : fields[1];
  if (fields.length < 2 || fields.length > 4 || fields[0] === '' || last === '')
    throw badData(
      place,
      `${fields.length} fields in ${excerpt(text)}`,
      '3 separated by tabs (query, passage, grade), or TREC’s 4',
      'mend the line',
    );
  const grade = fields.length === 2 ? 1 : asGrade(fields.at(-1), place);
  return { query: fields[0]!.trim(), passage: last!.trim(), kind: 'judged', grade, place };
}
