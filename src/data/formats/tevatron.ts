/** Tevatron's JSON lines: passages written out (v1) or named by id with a corpus beside (v2). */
import { badData, type Place, type SplitName, shown } from '../source.js';
import type { Example, ExampleFormat, Mention } from './examples.js';
import { asId, idOf } from './fields.js';
import type { FileRecord } from './records.js';
import { textId } from './textId.js';
import { passageOf, queryOf } from './texts.js';

export const TEVATRON: ExampleFormat = {
  corpus: ['corpus'],
  splits: { train: ['train'], dev: ['dev', 'validation'], test: ['test'] },
  table: { columns: {}, isHeader: () => true },
  exampleOf,
};

function exampleOf(record: FileRecord, _split: SplitName): Example {
  const { fields, place } = record;
  // "title" and "text" of a query line are not the query's.
  const query = queryOf({ ...record, fields: { ...fields, text: undefined, title: undefined } }, idOf(record, 'queryId', 'query'));
  const distinct = new Set<string>();
  const mentions = [
    ...mentionsIn(fields, 'positive', place).map((one): Mention => ({ ...one, kind: 'judged', grade: 1 })),
    ...mentionsIn(fields, 'negative', place),
  ].filter(({ id }) => !distinct.has(id) && distinct.add(id));
  return { query, mentions };
}

/** As negatives. */
function mentionsIn(fields: FileRecord['fields'], what: 'positive' | 'negative', place: Place): Mention[] {
  const [written, named] = [fields[`${what}_passages`], fields[`${what}_document_ids`]];
  const list = written ?? named ?? [];
  if (!Array.isArray(list)) throw badData(place, `"${what}_passages" that is no list`, 'a list of passages', 'mend the line');
  return list.map((one) => {
    if (written === undefined || written === null) {
      const id = asId(one);
      if (id === undefined) throw badData(place, `"${what}_document_ids" with ${shown(one)}`, 'ids', 'mend the line');
      return { id, kind: 'negative', grade: 0 };
    }
    if (typeof one !== 'object' || one === null)
      throw badData(place, `"${what}_passages" with ${shown(one)}`, '{docid, title, text}', 'mend the line');
    const passage = one as FileRecord['fields'];
    const id = asId(passage.docid) ?? textId(String(passage.title ?? ''), String(passage.text ?? ''));
    return { id, passage: passageOf({ fields: { ...passage, _id: id }, place }), kind: 'negative', grade: 0 };
  });
}
