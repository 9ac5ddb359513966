/** Files of passages and of queries, in any form. */
import { badData, type Passage, type Query, shown } from '../source.js';
import { asText, fieldOf, idOf, NAMES, textOf } from './fields.js';
import { formOf } from './files.js';
import { linesOf } from './lines.js';
import { parsePythonList } from './pythonList.js';
import { type FileRecord, recordsOf, type TableOptions } from './records.js';
import { readTopics } from './topics.js';

const IDS: ReadonlySet<string> = new Set([...NAMES.passageId, ...NAMES.queryId]);
const TEXTS: ReadonlySet<string> = new Set([...NAMES.passageText, ...NAMES.queryText, ...NAMES.title]);
/** Names of an id and of a text among them: other columns, such as BEIR's metadata, may be called anything. */
const isHeader = (values: readonly string[]): boolean => values.some((value) => IDS.has(value)) && values.some((value) => TEXTS.has(value));

export interface TextFileOptions extends Partial<Omit<TableOptions, 'isHeader'>> {
  /** Passages without text are given, not refused: published sets have some. */
  readonly lenient?: boolean;
}

const CORPUS_COLUMNS = { 2: ['_id', 'text'], 3: ['_id', 'title', 'text'], 4: ['_id', 'url', 'title', 'text'] };
const QUERY_COLUMNS = { 2: ['_id', 'text'] };

export async function* passagesOf(file: string, options: TextFileOptions = {}): AsyncGenerator<Passage> {
  const { columns = CORPUS_COLUMNS, quoted = await isDprTable(file), lenient } = options;
  for await (const record of recordsOf(file, { columns, quoted, isHeader })) yield passageOf(record, lenient);
}

/** DPR's passages: text before title, quoted as CSV. */
async function isDprTable(file: string): Promise<boolean> {
  if (formOf(file) !== 'tsv') return false;
  for await (const { text } of linesOf(file)) return text === 'id\ttext\ttitle';
  return false;
}

export function passageOf(record: FileRecord, lenient = false): Passage {
  const { place } = record;
  const passage = {
    id: idOf(record, 'passageId', 'passage'),
    title: textOf(record, 'title'),
    text: textOf(record, 'passageText'),
    url: textOf(record, 'url') || undefined,
    place,
  };
  if (!lenient && passage.title.trim() === '' && passage.text.trim() === '')
    throw badData(place, 'a passage without text', 'words in "text" or "title"', 'remove it or fill it');
  return passage;
}

/** Queries with ids; of TREC topics the title. */
export async function* queriesOf(file: string): AsyncGenerator<Query> {
  const topics = await readTopics(file);
  if (topics) yield* topics;
  else
    for await (const record of recordsOf(file, { columns: QUERY_COLUMNS, isHeader }))
      yield queryOf(record, idOf(record, 'queryId', 'query'));
}

export function queryOf(record: FileRecord, id: string): Query {
  const { place } = record;
  const text = textOf(record, 'queryText');
  if (text.trim() === '') throw badData(place, 'a query without text', 'words in "text"', 'remove it or fill it');
  const answers = answersOf(record);
  return { id, text, place, ...(answers && { answers }) };
}

/** Strings that right passages hold: a list, or a Python list written out. A blank one would be found everywhere and is refused. */
function answersOf(record: FileRecord): string[] | undefined {
  const found = fieldOf(record, 'answers');
  if (!found) return undefined;
  const { key, value } = found;
  const list = typeof value === 'string' ? (parsePythonList(value) ?? [value]) : value;
  const wrong = (what: string) => badData(record.place, `"${key}" ${what}`, 'a list of strings', 'mend the line');
  if (!Array.isArray(list)) throw wrong(shown(value));
  const answers = list.map((one) => asText(one, key, record.place));
  if (answers.some((one) => !/[^\p{Z}\p{C}]/u.test(one))) throw wrong(`with a blank string, ${shown(value)}`);
  return answers.length > 0 ? answers : undefined;
}
