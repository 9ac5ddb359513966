/** Fields of a record by any of the names that data sets give them. */
import { badData, excerpt, type Place, shown } from '../source.js';
import type { FileRecord } from './records.js';

export const NAMES = {
  passageId: ['_id', 'docid', 'doc_id', 'passage_id', 'psg_id', 'corpus-id', 'corpus_id', 'pid', 'did', 'document_id', 'id'],
  queryId: ['_id', 'query_id', 'query-id', 'qid', 'q_id', 'id'],
  title: ['title', 'document_title'],
  url: ['url'],
  passageText: ['text', 'contents', 'document_text', 'body', 'passage'],
  queryText: ['text', 'query', 'query_text', 'question', 'title'],
  judgedQuery: ['query-id', 'query_id', 'qid', 'q_id', 'topic'],
  judgedPassage: ['corpus-id', 'corpus_id', 'docid', 'doc_id', 'passage_id', 'pid', 'did'],
  grade: ['score', 'grade', 'label', 'relevance', 'rel'],
  answers: ['answers', 'answer'],
} as const;

type Name = keyof typeof NAMES;

/** The value of the first of the names that the record has, with that name. */
export function fieldOf({ fields }: FileRecord, name: Name): { key: string; value: unknown } | undefined {
  const key = NAMES[name].find((one) => fields[one] !== undefined && fields[one] !== null);
  return key === undefined ? undefined : { key, value: fields[key] };
}

/** An id: a string that is not empty, or a whole number, as the string that writes it. */
export function idOf(record: FileRecord, name: Name, what: string): string {
  const found = fieldOf(record, name);
  const id = asId(found?.value);
  if (id !== undefined) return id;
  const key = found?.key ?? NAMES[name].find((one) => one in record.fields) ?? NAMES[name][0];
  throw badData(record.place, `"${key}" ${shown(found?.value)}`, 'a string that is not empty, or a whole number', `give the ${what} an id`);
}

export function asId(value: unknown): string | undefined {
  if (typeof value === 'string' && value.trim() !== '') return value;
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return String(value);
  return undefined;
}

/** A text, or '' where the record has none. */
export function textOf(record: FileRecord, name: Name): string {
  const found = fieldOf(record, name);
  return found === undefined ? '' : asText(found.value, found.key, record.place);
}

export function asText(value: unknown, key: string, place: Place): string {
  if (typeof value === 'string') return value;
  throw badData(place, `"${key}" ${shown(value)}`, 'a string', 'mend the line');
}

/** A grade: a whole number, negative ones included. */
export function asGrade(value: unknown, place: Place): number {
  const grade =
    typeof value === 'string' && /^-?\d+$/.test(value.trim()) ? Number(value) : typeof value === 'bigint' ? Number(value) : value;
  if (Number.isSafeInteger(grade)) return grade as number;
  throw badData(place, `grade ${excerpt(String(value))}`, 'a whole number', 'mend the line');
}

/** A score: a finite number, possibly written as a string, or of a column of whole numbers in Parquet. */
export function asScore(value: unknown, place: Place): number {
  const score = typeof value === 'bigint' || (typeof value === 'string' && value.trim() !== '') ? Number(value) : value;
  if (typeof score === 'number' && Number.isFinite(score)) return score;
  throw badData(place, `score ${excerpt(String(value))}`, 'a finite number', 'mend the line');
}
