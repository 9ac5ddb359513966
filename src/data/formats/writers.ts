/** Data sets in the formats that they are written in, whole ones into an empty folder. */
import path from 'node:path';
import { SPLIT_NAMES, type SplitName } from '../source.js';
import type { Dataset, Split } from '../types.js';
import { formatPythonList } from './pythonList.js';
import { parquetFile, type TableWriter, textFile } from './tableWriters.js';

/** Read with these, each passage has all its fields. */
export const ALL_FIELDS = ['url', 'title', 'text'] as const;

interface PassageFields {
  readonly id: string;
  readonly url: string;
  readonly title: string;
  readonly text: string;
}

export interface WrittenFormat {
  readonly description: string;
  /** What of a data set the format has no place for. */
  readonly loses: readonly ('titles' | 'urls' | 'grades' | 'zeros' | 'negatives' | 'known' | 'answers' | 'ids')[];
  /** Whether its files part ids by white space, which none may then hold. */
  readonly bareIds?: boolean;
  write(dataset: Dataset, folder: string): void | Promise<void>;
}

export const WRITTEN_FORMATS: Readonly<Record<string, WrittenFormat>> = {
  beir: tables('jsonl', 'corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv'),
  csv: tables('csv', 'the same as CSV'),
  parquet: tables('parquet', 'the same as Parquet, as on the Hugging Face hub'),
  trec: {
    description: 'corpus.jsonl, topics.SPLIT.txt, qrels.SPLIT.txt',
    loses: ['urls', 'negatives', 'known', 'answers'],
    bareIds: true,
    write: writeTrec,
  },
  'msmarco-passage': {
    description: 'collection.tsv (with titles para.txt and para.title.txt), queries.SPLIT.tsv, qrels.SPLIT.tsv, qidpidtriples.train.tsv',
    loses: ['urls', 'answers'],
    bareIds: true,
    write: writeMsmarcoPassage,
  },
  'msmarco-document': {
    description: 'msmarco-docs.tsv, queries.SPLIT.tsv, qrels.SPLIT.tsv',
    loses: ['negatives', 'known', 'answers'],
    write: writeMsmarcoDocument,
  },
  dpr: { description: 'psgs_w100.tsv and SPLIT.json', loses: ['urls', 'grades', 'zeros'], write: writeDpr },
  tevatron: { description: 'corpus.jsonl and SPLIT.jsonl', loses: ['urls', 'grades', 'zeros', 'known'], write: writeTevatron },
  pairs: {
    description: 'SPLIT.jsonl of anchor, positive, negative_1 …',
    loses: ['urls', 'titles', 'grades', 'zeros', 'known', 'answers', 'ids'],
    write: writePairs,
  },
};

/** Passages whose field of that number is not blank. */
export function countFields({ corpus }: Dataset, field: number): number {
  let count = 0;
  for (let row = 0; row < corpus.size; row++) if (corpus.fields(row)[field] !== '') count++;
  return count;
}

function passage({ corpus }: Dataset, row: number): PassageFields {
  const [url, title, text] = corpus.fields(row) as [string, string, string];
  return { id: corpus.id(row), url, title, text };
}

function* passages(dataset: Dataset): Generator<PassageFields> {
  for (let row = 0; row < dataset.corpus.size; row++) yield passage(dataset, row);
}

/** The splits that have queries. */
const splitsOf = ({ splits }: Dataset): [SplitName, Split][] =>
  SPLIT_NAMES.map((name): [SplitName, Split] => [name, splits[name]]).filter(([, { rows }]) => rows.length > 0);

function* judged(
  { queries, corpus }: Dataset,
  { rows, judged, grades }: Split,
): Generator<[query: string, passage: string, grade: number]> {
  for (const [i, row] of rows.entries())
    for (const [j, passage] of judged[i]!.entries()) yield [queries.id(row), corpus.id(passage), grades[i]![j]!];
}

function tables(form: 'jsonl' | 'csv' | 'parquet', description: string): WrittenFormat {
  return {
    description,
    loses: ['negatives', 'known'],
    write: async (dataset, folder) => {
      const open = (name: string, columns: readonly string[]): TableWriter =>
        (form === 'parquet' ? parquetFile : textFile)(path.join(folder, `${name}.${form}`), columns, form);
      const [withUrl, withAnswers] = [countFields(dataset, 0) > 0, dataset.answers !== undefined];
      const corpus = open('corpus', ['_id', 'title', 'text', ...(withUrl ? ['url'] : [])]);
      for (const { id, title, text, url } of passages(dataset)) await corpus.row([id, title, text, ...(withUrl ? [url] : [])]);
      await corpus.close();
      const queries = open('queries', ['_id', 'text', ...(withAnswers ? ['answers'] : [])]);
      for (let row = 0; row < dataset.queries.size; row++) {
        const answers = dataset.answers?.get(row) ?? [];
        await queries.row([
          dataset.queries.id(row),
          dataset.queries.text(row),
          ...(withAnswers ? [form === 'jsonl' ? answers : formatPythonList(answers)] : []),
        ]);
      }
      await queries.close();
      for (const [name, split] of splitsOf(dataset)) {
        const columns = ['query-id', 'corpus-id', 'score'];
        const file =
          form === 'jsonl' ? textFile(path.join(folder, 'qrels', `${name}.tsv`), columns, 'tsv') : open(path.join('qrels', name), columns);
        for (const [query, passage, grade] of judged(dataset, split)) await file.row([query, passage, String(grade)]);
        await file.close();
      }
    },
  };
}

async function writeLines(file: string, lines: Iterable<readonly string[]>): Promise<void> {
  const table = textFile(file, [], 'tsv');
  for (const line of lines) await table.row(line);
  await table.close();
}

async function writeJsonLines(file: string, records: Iterable<object>): Promise<void> {
  await writeLines(
    file,
    (function* () {
      for (const record of records) yield [JSON.stringify(record)];
    })(),
  );
}

async function writeTrec(dataset: Dataset, folder: string): Promise<void> {
  await writeJsonLines(
    path.join(folder, 'corpus.jsonl'),
    (function* () {
      for (const { id, title, text } of passages(dataset)) yield { docid: id, title, text };
    })(),
  );
  const { queries } = dataset;
  for (const [name, split] of splitsOf(dataset)) {
    await writeLines(
      path.join(folder, `topics.${name}.txt`),
      Array.from(split.rows, (row) => [`<top>\n<num> Number: ${queries.id(row)}\n<title> ${escaped(queries.text(row))}\n</top>\n`]),
    );
    await writeLines(
      path.join(folder, `qrels.${name}.txt`),
      (function* () {
        for (const [query, passage, grade] of judged(dataset, split)) yield [`${query} 0 ${passage} ${grade}`];
      })(),
    );
  }
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

async function writeMsmarcoPassage(dataset: Dataset, folder: string): Promise<void> {
  const titled = countFields(dataset, 1) > 0;
  await writeLines(
    path.join(folder, titled ? 'para.txt' : 'collection.tsv'),
    (function* () {
      for (const { id, text } of passages(dataset)) yield [id, text];
    })(),
  );
  if (titled)
    await writeLines(
      path.join(folder, 'para.title.txt'),
      (function* () {
        for (const { id, title } of passages(dataset)) yield [id, title || '-'];
      })(),
    );
  await writeQueriesAndQrels(dataset, folder);
  const { train } = dataset.splits;
  const { queries, corpus } = dataset;
  if (train.known)
    await writeLines(
      path.join(folder, 'qrels.train.addition.tsv'),
      (function* () {
        for (const [i, row] of train.rows.entries()) for (const passage of train.known![i]!) yield [queries.id(row), corpus.id(passage)];
      })(),
    );
  if (train.negatives)
    await writeLines(
      path.join(folder, 'qidpidtriples.train.tsv'),
      (function* () {
        for (const [i, row] of train.rows.entries())
          for (const passage of train.negatives![i]!) yield [queries.id(row), corpus.id(train.positives[i]![0]!), corpus.id(passage)];
      })(),
    );
}

async function writeMsmarcoDocument(dataset: Dataset, folder: string): Promise<void> {
  await writeLines(
    path.join(folder, 'msmarco-docs.tsv'),
    (function* () {
      for (const { id, url, title, text } of passages(dataset)) yield [id, url, title, text];
    })(),
  );
  await writeQueriesAndQrels(dataset, folder);
}

async function writeQueriesAndQrels(dataset: Dataset, folder: string): Promise<void> {
  const { queries } = dataset;
  for (const [name, split] of splitsOf(dataset)) {
    await writeLines(
      path.join(folder, `queries.${name}.tsv`),
      Array.from(split.rows, (row) => [queries.id(row), queries.text(row)]),
    );
    await writeLines(
      path.join(folder, `qrels.${name}.tsv`),
      (function* () {
        for (const [query, passage, grade] of judged(dataset, split)) yield [query, '0', passage, String(grade)];
      })(),
    );
  }
}

async function writeDpr(dataset: Dataset, folder: string): Promise<void> {
  const file = textFile(path.join(folder, 'psgs_w100.tsv'), ['id', 'text', 'title'], 'quotedTsv');
  for (const { id, title, text } of passages(dataset)) await file.row([id, text, title]);
  await file.close();
  const context = (row: number) => {
    const { id, title, text } = passage(dataset, row);
    return { title, text, passage_id: id };
  };
  for (const [name, split] of splitsOf(dataset))
    await writeLines(
      path.join(folder, `${name}.json`),
      (function* () {
        for (const [i, row] of split.rows.entries()) {
          const record = {
            q_id: dataset.queries.id(row),
            question: dataset.queries.text(row),
            answers: dataset.answers?.get(row) ?? [],
            positive_ctxs: [...split.positives[i]!, ...(split.known?.[i] ?? [])].map(context),
            negative_ctxs: [],
            hard_negative_ctxs: Array.from(split.negatives?.[i] ?? [], context),
          };
          yield [`${i === 0 ? '[' : ''}${JSON.stringify(record)}${i === split.rows.length - 1 ? ']' : ','}`];
        }
      })(),
    );
}

async function writeTevatron(dataset: Dataset, folder: string): Promise<void> {
  const shown = (row: number) => {
    const { id, title, text } = passage(dataset, row);
    return { docid: id, title, text };
  };
  await writeJsonLines(
    path.join(folder, 'corpus.jsonl'),
    (function* () {
      for (let row = 0; row < dataset.corpus.size; row++) yield shown(row);
    })(),
  );
  for (const [name, split] of splitsOf(dataset))
    await writeJsonLines(
      path.join(folder, `${name}.jsonl`),
      (function* () {
        for (const [i, row] of split.rows.entries()) {
          const answers = dataset.answers?.get(row);
          yield {
            query_id: dataset.queries.id(row),
            query: dataset.queries.text(row),
            positive_passages: Array.from(split.positives[i]!, shown),
            negative_passages: Array.from(split.negatives?.[i] ?? [], shown),
            ...(answers && { answers }),
          };
        }
      })(),
    );
}

/** A row for each positive of a query, with all its negatives. */
async function writePairs(dataset: Dataset, folder: string): Promise<void> {
  const text = (row: number) => passage(dataset, row).text;
  for (const [name, split] of splitsOf(dataset))
    await writeJsonLines(
      path.join(folder, `${name}.jsonl`),
      (function* () {
        for (const [i, row] of split.rows.entries()) {
          const negatives = Object.fromEntries(
            Array.from(split.negatives?.[i] ?? [], (passage, j) => [`negative_${j + 1}`, text(passage)]),
          );
          for (const positive of split.positives[i]!) yield { anchor: dataset.queries.text(row), positive: text(positive), ...negatives };
        }
      })(),
    );
}
