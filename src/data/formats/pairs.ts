/**
 * sentence-transformers' tables: (anchor, positive), (anchor, positive, negative …), (anchor, passage, label) and (query, passages, labels). The order of the
 * columns counts, their names do not, but for the label's; MS MARCO's triples of texts are such a table without a header.
 */
import { badData, excerpt, type Passage, type Place, type SplitName } from '../source.js';
import type { Example, ExampleFormat, Mention } from './examples.js';
import { asScore, asText } from './fields.js';
import type { FileRecord } from './records.js';
import { textId } from './textId.js';

const LABELS = ['label', 'labels', 'score', 'scores'];
/** Names that make the first row of a TSV a header; that of a CSV always is one. */
const COLUMN =
  /^(anchor|query|question|sentence_?[ab12]?|positive|negative(_\d+)?|premise|hypothesis|answer|passage|document|text_?[ab12]?|labels?|scores?)$/i;

export const PAIRS: ExampleFormat = {
  corpus: [],
  splits: {
    train: ['train', 'triplet/train', 'pair/train', 'data/train', '*triples.train.small'],
    dev: ['dev', 'validation', 'triplet/dev', 'pair/dev', 'data/dev'],
    test: ['test', 'triplet/test', 'pair/test', 'data/test'],
  },
  table: {
    columns: { 2: ['anchor', 'positive'], 3: ['anchor', 'positive', 'negative'] },
    isHeader: (values, form) => form === 'csv' || values.every((value) => COLUMN.test(value)),
  },
  exampleOf,
};

function exampleOf({ fields, place }: FileRecord, split: SplitName): Example {
  const columns = Object.entries(fields).filter(([name, value]) => !LABELS.includes(name) && value !== null && value !== undefined);
  const label = LABELS.map((name) => fields[name]).find((value) => value !== undefined && value !== null);
  const [anchor, ...others] = columns;
  if (anchor === undefined || others.length === 0)
    throw badData(place, `${columns.length} columns of text`, 'an anchor and at least one passage', 'mend the record');
  const text = asText(anchor[1], anchor[0], place);
  if (text.trim() === '') throw badData(place, 'a query without text', `words in "${anchor[0]}"`, 'remove it or fill it');
  const query = { id: `${split}-${textId(text)}`, text, place };
  const passages = others.flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((one) => passageFrom(one, name, place)));
  const mention = (passage: Passage, positive: boolean, score?: number): Mention => ({
    id: passage.id,
    passage,
    kind: positive ? 'judged' : 'negative',
    grade: positive ? 1 : 0,
    ...(score !== undefined && { score }),
  });
  if (label === undefined || label === '') return { query, mentions: passages.map((passage, i) => mention(passage, i === 0)) };
  const scores = (Array.isArray(label) ? label : [label]).map((one) => (typeof one === 'boolean' ? Number(one) : asScore(one, place)));
  const listed = others.length === 1 && Array.isArray(others[0]![1]);
  if (scores.length === 1 && passages.length === 2 && !listed)
    // (query, passage, passage, margin): MarginMSE's.
    return { query, mentions: [mention(passages[0]!, true, scores[0]), mention(passages[1]!, false, 0)] };
  if (scores.length !== passages.length)
    throw badData(place, `${scores.length} labels for ${passages.length} passages`, 'one each', 'mend the record');
  // Of one passage or a list the labels say which are right; of a tuple the order does, and the labels are a teacher's scores.
  const byLabel = listed || passages.length === 1;
  return { query, mentions: passages.map((passage, i) => mention(passage, byLabel ? scores[i]! >= 0.5 : i === 0, scores[i])) };
}

function passageFrom(value: unknown, name: string, place: Place): Passage {
  const text = asText(value, name, place);
  if (text.trim() === '') throw badData(place, `a passage without text in ${excerpt(name)}`, 'words', 'remove it or fill it');
  return { id: textId(text), title: '', text, place };
}
