/** Data sets of examples, each a query with its passages, written out or named by id: DPR, Tevatron, sentence-transformers. */
import { type Judgment, type Passage, type Query, type Source, SPLIT_NAMES, type SplitName } from '../source.js';
import { findFiles } from './files.js';
import { type FileRecord, recordsOf, type TableOptions } from './records.js';
import { passagesOf, type TextFileOptions } from './texts.js';

/** A passage of an example. */
export interface Mention {
  readonly id: string;
  /** Where the example writes it out. */
  readonly passage?: Passage;
  readonly kind: Judgment['kind'];
  readonly grade: number;
  readonly score?: number | undefined;
}

export interface Example {
  readonly query: Query;
  readonly mentions: readonly Mention[];
}

export interface ExampleFormat {
  /** Stems of the corpus file, if the data has one. */
  readonly corpus: readonly string[];
  readonly texts?: TextFileOptions;
  readonly splits: Readonly<Record<SplitName, readonly string[]>>;
  readonly table: TableOptions;
  /** `number` is the record's among those of the split, from 1 on through all its files. */
  exampleOf(record: FileRecord, split: SplitName, number: number): Example;
}

/** `splitFiles`: where the splits are not found by their names. */
export function openExamples(folder: string, format: ExampleFormat, splitFiles = filesBySplit(folder, format)): Source {
  const corpus = findFiles(folder, format.corpus);
  const splits: Partial<Record<SplitName, () => AsyncIterable<Judgment>>> = {};
  for (const split of SPLIT_NAMES) if (splitFiles[split]!.length > 0) splits[split] = () => judgmentsIn(splitFiles[split]!, split, format);
  return {
    files: [...corpus, ...SPLIT_NAMES.flatMap((split) => splitFiles[split]!)],
    splits,
    splitsPlace: folder,
    withoutPassages:
      'name a file of them with data.corpus; or, where questions stand beside the texts that answer them, set data.format to pairs',
    passages: () => (corpus.length > 0 ? inFiles(corpus, format.texts) : mentionedPassages(splitFiles, format)),
    queries: () => queriesIn(splitFiles, format),
  };
}

export function filesBySplit(folder: string, format: ExampleFormat): Record<SplitName, string[]> {
  return Object.fromEntries(SPLIT_NAMES.map((split) => [split, findFiles(folder, format.splits[split])])) as Record<SplitName, string[]>;
}

async function* inFiles(files: readonly string[], options?: TextFileOptions): AsyncGenerator<Passage> {
  for (const file of files) yield* passagesOf(file, options);
}

async function* examplesIn(files: readonly string[], split: SplitName, format: ExampleFormat): AsyncGenerator<Example> {
  let number = 0;
  for (const file of files) for await (const record of recordsOf(file, format.table)) yield format.exampleOf(record, split, ++number);
}

/** Each passage once, at its first mention. */
async function* mentionedPassages(files: Record<SplitName, readonly string[]>, format: ExampleFormat): AsyncGenerator<Passage> {
  const seen = new Set<string>();
  for (const split of SPLIT_NAMES)
    for await (const { mentions } of examplesIn(files[split], split, format))
      for (const { id, passage } of mentions)
        if (passage && !seen.has(id)) {
          seen.add(id);
          yield passage;
        }
}

/** Each query once: equal ones of several examples are one query. */
async function* queriesIn(files: Record<SplitName, readonly string[]>, format: ExampleFormat): AsyncGenerator<Query> {
  const seen = new Set<string>();
  for (const split of SPLIT_NAMES)
    for await (const { query } of examplesIn(files[split], split, format))
      if (!seen.has(query.id)) {
        seen.add(query.id);
        yield query;
      }
}

async function* judgmentsIn(files: readonly string[], split: SplitName, format: ExampleFormat): AsyncGenerator<Judgment> {
  for await (const { query, mentions } of examplesIn(files, split, format)) {
    const { place } = query;
    for (const { id, kind, grade, score } of mentions)
      yield { query: query.id, passage: id, kind, grade, place, ...(score !== undefined && { score }) };
    if (mentions.length === 0) yield { query: query.id, passage: '', kind: 'asked', grade: 0, place };
  }
}
