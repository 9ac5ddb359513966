/** DPR's files: questions with positive and hard negative passages (JSON), questions with answers alone (TSV, JSON lines), psgs_w100.tsv. */
import { badData, type Place, shown } from '../source.js';
import type { Example, ExampleFormat, Mention } from './examples.js';
import { asId, fieldOf, NAMES } from './fields.js';
import type { FileRecord } from './records.js';
import { textId } from './textId.js';
import { passageOf, queryOf } from './texts.js';

const NONE: readonly Mention[] = [];

/** `positives: first` takes the first positive of a question, the marked one; the others hold the answer too, and are only kept from being negatives. */
export function dprFormat(positives: 'first' | 'all'): ExampleFormat {
  return {
    corpus: ['psgs_w100', '*psgs_w100', 'passages', 'corpus'],
    texts: { quoted: true, columns: { 2: ['id', 'text'], 3: ['id', 'text', 'title'] } },
    splits: {
      train: ['train', '*-train', 'dpr', 'questions', '*-train.qa'],
      dev: ['dev', '*-dev', '*-dev.qa'],
      test: ['test', '*-test', '*-test.qa'],
    },
    table: { columns: { 2: ['question', 'answers'] }, quoted: true, isHeader: (values) => values.includes('question') },
    exampleOf: (record, split, number) => exampleOf(record, `${split}-${number}`, positives),
  };
}

/** `unnamed` is the id of a question that has none. */
function exampleOf(record: FileRecord, unnamed: string, positives: 'first' | 'all'): Example {
  const { fields, place } = record;
  // As DPR does before it encodes a question.
  const question = { ...record, fields: { ...fields, text: undefined, title: undefined } };
  const { text, answers } = queryOf(question, '');
  const query = {
    id: asId(fields.q_id) ?? asId(fields.id) ?? unnamed,
    text: text.replaceAll('’', "'"),
    place,
    ...(answers && { answers }),
  };
  const right = [...contexts(fields.positive_ctxs, 'positive_ctxs', place), ...ids(fields.positive_ids, 'positive_ids', place)];
  const wrong = [
    ...contexts(fields.hard_negative_ctxs, 'hard_negative_ctxs', place),
    ...ids(fields.hard_negative_ids, 'hard_negative_ids', place),
    ...contexts(fields.negative_ctxs, 'negative_ctxs', place),
  ];
  const distinct = new Set<string>();
  const mentions: Mention[] = [
    ...right.map((one, i): Mention => (i === 0 || positives === 'all' ? { ...one, kind: 'judged', grade: 1 } : { ...one, kind: 'known' })),
    ...wrong,
  ].filter(({ id }) => !distinct.has(id) && distinct.add(id));
  return { query, mentions };
}

/** As negatives. */
function contexts(value: unknown, key: string, place: Place): Mention[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw badData(place, `"${key}" that is no list`, 'a list of passages', 'mend the record');
  return value.map((one) => {
    if (typeof one !== 'object' || one === null)
      throw badData(place, `"${key}" with ${shown(one)}`, '{title, text, passage_id}', 'mend the record');
    const record = { fields: one as FileRecord['fields'], place };
    const given = asId(fieldOf(record, 'passageId')?.value);
    const { title = '', text = '' } = record.fields as { title?: string; text?: string };
    const id = given ?? textId(String(title), String(text));
    return { id, passage: passageOf({ fields: { ...record.fields, [NAMES.passageId[0]]: id }, place }), kind: 'negative', grade: 0 };
  });
}

function ids(value: unknown, key: string, place: Place): readonly Mention[] {
  if (value === undefined || value === null) return NONE;
  if (!Array.isArray(value)) throw badData(place, `"${key}" that is no list`, 'a list of ids', 'mend the record');
  return value.map((one) => {
    const id = asId(one);
    if (id === undefined) throw badData(place, `"${key}" with ${shown(one)}`, 'ids', 'mend the record');
    return { id, kind: 'negative', grade: 0 };
  });
}
