/** Data sets of a corpus file, files of queries and files of judgments: BEIR, MS MARCO passages and documents, TREC. */
import path from 'node:path';
import { badData, type Judgment, type Passage, type Query, type Source, SPLIT_NAMES, type SplitName } from '../source.js';
import { asId } from './fields.js';
import { findFiles, formOf } from './files.js';
import { judgmentsOf } from './judgments.js';
import { linesOf } from './lines.js';
import { recordsOf } from './records.js';
import { passagesOf, queriesOf, type TextFileOptions } from './texts.js';

type BySplit<T> = Readonly<Partial<Record<SplitName, T>>>;

/** Stems of the files that hold each part; the first that exists is taken. */
export interface Layout {
  readonly corpus: readonly string[];
  readonly texts?: TextFileOptions;
  /** Titles of the passages, where they are in a file of their own (RocketQA's MS MARCO). */
  readonly titles?: readonly string[];
  /** All queries in one file, or else those of each split. */
  readonly queries: readonly string[];
  readonly splitQueries?: BySplit<readonly string[]>;
  readonly judgments: BySplit<readonly string[]>;
  /** Pairs that must not become negatives (RocketQA's qrels.train.addition). */
  readonly known?: BySplit<readonly string[]>;
  /** Lines of query id, positive id, negative id; or sentence-transformers' JSON lines {qid, pos, neg}. */
  readonly negatives?: BySplit<readonly string[]>;
}

const splitsOf = (stem: (split: string) => string[]): BySplit<string[]> =>
  Object.fromEntries(SPLIT_NAMES.map((split) => [split, stem(split)]));

export const LAYOUTS = {
  beir: {
    corpus: ['corpus'],
    queries: ['queries'],
    judgments: splitsOf((split) => [`qrels/${split}`, ...(split === 'dev' ? ['qrels/validation'] : [])]),
  },
  'msmarco-passage': {
    corpus: ['collection', 'corpus', 'para'],
    titles: ['para.title'],
    queries: ['queries'],
    splitQueries: {
      train: ['queries.train', 'train.query'],
      dev: ['queries.dev.small', 'queries.dev', 'dev.query'],
      test: ['queries.test', 'queries.eval.small', 'msmarco-test2019-queries', 'test.query'],
    },
    judgments: { train: ['qrels.train'], dev: ['qrels.dev.small', 'qrels.dev'], test: ['qrels.test', '2019qrels-pass'] },
    known: { train: ['qrels.train.addition'] },
    negatives: { train: ['qidpidtriples.train*', 'msmarco-hard-negatives', 'negatives.train'] },
  },
  'msmarco-document': {
    corpus: ['msmarco-docs', 'docs'],
    // Lines with fewer fields and empty documents are in the published file.
    texts: { lenient: true, columns: { 1: ['_id'], 2: ['_id', 'url'], 3: ['_id', 'url', 'title'], 4: ['_id', 'url', 'title', 'text'] } },
    queries: ['queries'],
    splitQueries: {
      train: ['msmarco-doctrain-queries', 'queries.train'],
      dev: ['msmarco-docdev-queries', 'queries.dev'],
      test: ['msmarco-test2019-queries', 'queries.test'],
    },
    judgments: {
      train: ['msmarco-doctrain-qrels', 'qrels.train'],
      dev: ['msmarco-docdev-qrels', 'qrels.dev'],
      test: ['2019qrels-docs', 'qrels.test'],
    },
  },
  trec: {
    corpus: ['corpus', 'collection', 'docs'],
    queries: ['topics', 'queries'],
    splitQueries: splitsOf((split) => [`topics.${split}`]),
    judgments: { train: ['qrels.train'], dev: ['qrels.dev'], test: ['qrels.test', 'qrels'] },
  },
} as const satisfies Record<string, Layout>;

/** The parts of the layout that the folder lacks, as names to look for; empty where all are there. */
export function missingParts(folder: string, layout: Layout): string[] {
  const has = (stems: readonly string[] | undefined) => stems !== undefined && findFiles(folder, stems).length > 0;
  const missing: string[] = [];
  if (!has(layout.corpus)) missing.push(`${layout.corpus[0]}.jsonl, .tsv, .csv or .parquet`);
  if (!has(layout.queries) && !SPLIT_NAMES.some((split) => has(layout.splitQueries?.[split])))
    missing.push(`${layout.queries[0]}.jsonl or .tsv`);
  if (!SPLIT_NAMES.some((split) => has(layout.judgments[split]))) missing.push(`${Object.values(layout.judgments)[0]![0]}.tsv`);
  return missing;
}

export function openCollection(folder: string, layout: Layout): Source {
  const [corpus, titles] = [layout.corpus, layout.titles ?? []].map((stems) => findFiles(folder, stems)) as [string[], string[]];
  if (corpus.length === 0) throw missingFile(folder, layout.corpus);
  const queryFiles = filesOfQueries(folder, layout);
  const filesOf = (parts: BySplit<readonly string[]> | undefined, split: SplitName) => findFiles(folder, parts?.[split] ?? []);
  const splits: Partial<Record<SplitName, () => AsyncIterable<Judgment>>> = {};
  const files = [...corpus, ...titles, ...queryFiles];
  for (const split of SPLIT_NAMES) {
    const judged = filesOf(layout.judgments, split);
    if (judged.length === 0) continue;
    const [known, negatives] = [filesOf(layout.known, split), filesOf(layout.negatives, split)];
    files.push(...judged, ...known, ...negatives);
    splits[split] = () => splitOf(judged, known, negatives);
  }
  return {
    files,
    splits,
    splitsPlace: path.join(folder, layout.judgments.train?.[0] ?? 'qrels'),
    passages: () => passagesIn(corpus, titles, layout.texts),
    queries: () => queriesIn(queryFiles),
  };
}

async function* splitOf(judged: readonly string[], known: readonly string[], negatives: readonly string[]): AsyncGenerator<Judgment> {
  for (const file of judged) yield* judgmentsOf(file);
  for (const file of known) for await (const judgment of judgmentsOf(file)) yield { ...judgment, kind: 'known' };
  for (const file of negatives) yield* negativesOf(file);
}

async function* passagesIn(corpus: readonly string[], titles: readonly string[], options?: TextFileOptions): AsyncGenerator<Passage> {
  const titleOf = new Map<string, string>();
  for (const file of titles) for await (const { id, text } of passagesOf(file, { lenient: true })) if (text !== '-') titleOf.set(id, text);
  for (const file of corpus)
    for await (const passage of passagesOf(file, options))
      yield titles.length > 0 ? { ...passage, title: titleOf.get(passage.id) ?? '' } : passage;
}

async function* queriesIn(files: readonly string[]): AsyncGenerator<Query> {
  for (const file of files) yield* queriesOf(file);
}

function filesOfQueries(folder: string, layout: Layout): string[] {
  const whole = findFiles(folder, layout.queries);
  if (whole.length > 0) return whole;
  const bySplit = SPLIT_NAMES.flatMap((split) => findFiles(folder, layout.splitQueries?.[split] ?? []));
  if (bySplit.length === 0) throw missingFile(folder, layout.queries);
  return bySplit;
}

async function* negativesOf(file: string): AsyncGenerator<Judgment> {
  const negative = (query: string, passage: string, place: Judgment['place']): Judgment => ({
    query,
    passage,
    kind: 'negative',
    grade: 0,
    place,
  });
  if (formOf(file) === 'tsv') {
    for await (const { text, number: line } of linesOf(file)) {
      const place = { file, line };
      const [query, positive, passage] = text.split(/\s+/);
      if (!query || !positive || !passage) throw badData(place, text, 'query, positive and negative id', 'mend the line');
      yield negative(query, passage, place);
    }
    return;
  }
  for await (const { fields, place } of recordsOf(file, { columns: {}, isHeader: () => true })) {
    const query = asId(fields.qid);
    if (query === undefined || typeof fields.neg !== 'object' || fields.neg === null)
      throw badData(place, 'no qid and neg', '{qid, pos, neg: {system: [ids]}}', 'mend the line');
    const seen = new Set(
      Object.values(fields.neg as Record<string, unknown[]>)
        .flat()
        .map(asId),
    );
    for (const passage of seen) if (passage !== undefined) yield negative(query, passage, place);
  }
}

function missingFile(folder: string, stems: readonly string[]): Error {
  return badData(
    path.join(folder, `${stems[0]}.jsonl`),
    'neither this file nor it as .tsv, .csv, .parquet, with .gz or in shards',
    'one of them',
    'check data.path and data.format',
  );
}
