/** Queries that a retriever and a ranker labelled, beside the judged ones of a data set. */
import { badData } from './source.js';
import { fingerprintDataset } from './texts.js';
import type { Dataset, Documents, Split, Texts } from './types.js';
import { windowsByDocument } from './windows.js';

export interface PseudoLabel {
  readonly id: string;
  readonly text: string;
  /** Id of the passage that is taken for right. */
  readonly positive: string;
}

/** The data set with these as further training queries, behind the judged ones. Throws a UserError for an id that is a query's already, or no passage's. */
export function withPseudoLabels(dataset: Dataset, labels: readonly PseudoLabel[], file: string): Dataset {
  const { corpus, queries, splits, documents, mix } = dataset;
  if (mix) throw badData(file, 'labels for data of format mix', 'one set', 'leave recipe.augment out');
  const extended = appended(queries, labels, file);
  const positives = labels.map(({ positive }, i) => {
    const row = corpus.rowOf(positive);
    if (row === undefined)
      throw badData({ file, line: i + 1 }, `the passage ${positive}`, 'one of the corpus', 'remove the file: it is made again');
    return Int32Array.from([row]);
  });
  const train = withQueries(splits.train, queries.size, positives, documents);
  const labelled = { ...dataset, queries: extended, splits: { ...splits, train } };
  return { ...labelled, fingerprint: fingerprintDataset(labelled) };
}

function appended(queries: Texts, labels: readonly PseudoLabel[], file: string): Texts {
  const rows = new Map(labels.map(({ id }, i) => [id, queries.size + i]));
  labels.forEach(({ id }, i) => {
    if (queries.rowOf(id) !== undefined || rows.get(id) !== queries.size + i)
      throw badData(
        { file, line: i + 1 },
        `the query id ${id} again`,
        'an id that no other query has',
        'rename it in recipe.augment.queries',
      );
  });
  const own = (row: number) => labels[row - queries.size];
  return {
    size: queries.size + labels.length,
    id: (row) => own(row)?.id ?? queries.id(row),
    text: (row) => own(row)?.text ?? queries.text(row),
    fields: (row) => (own(row) ? [own(row)!.text] : queries.fields(row)),
    rowOf: (id) => queries.rowOf(id) ?? rows.get(id),
  };
}

/**
 * A teacher's scores are of judged queries alone, and are left out. The label is a window; what else its document says is known, for a document is right as
 * a whole.
 */
function withQueries({ scores: _, ...train }: Split, first: number, positives: Int32Array[], documents: Documents | undefined): Split {
  const noneOf = (lists: readonly unknown[]) => lists.map(() => new Int32Array(0));
  const none = noneOf(positives);
  const siblings = documents && otherWindows(positives, documents);
  return {
    rows: Int32Array.from([...train.rows, ...Array.from(positives.keys(), (i) => first + i)]),
    positives: [...train.positives, ...positives],
    judged: [...train.judged, ...positives.map((rows) => rows.map((row) => documents?.of[row] ?? row))],
    grades: [...train.grades, ...positives.map(() => Int32Array.of(1))],
    ...((train.known || siblings) && { known: [...(train.known ?? noneOf(train.positives)), ...(siblings ?? none)] }),
    ...(train.hidden && { hidden: [...train.hidden, ...none] }),
    ...(train.negatives && { negatives: [...train.negatives, ...none] }),
  };
}

/** The other windows of each list's documents, ascending. */
function otherWindows(lists: readonly Int32Array[], documents: Documents): Int32Array[] {
  const windowsOf = windowsByDocument(documents);
  return lists.map((rows) => {
    const all = Array.from(rows, (row) => documents.of[row]!).flatMap(windowsOf);
    return Int32Array.from(all.filter((row) => !rows.includes(row)));
  });
}
