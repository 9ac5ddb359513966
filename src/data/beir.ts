/** The BEIR format: corpus.jsonl, queries.jsonl and qrels/{train,dev,test}.tsv, each plain or gzipped. */
import path from 'node:path';
import { UserError } from '../core/errors.js';
import { findPlainOrGzip, readLines } from './lines.js';
import { createTexts, fingerprintDataset, selectFromSplit, splitGrouped } from './texts.js';
import type { Dataset, Split, Texts } from './types.js';

export interface BeirOptions {
  /** The share of the training queries that becomes the dev split where the folder has no qrels/dev.tsv. */
  readonly devShare: number;
  readonly seed: number;
}

const EMPTY_SPLIT: Split = { rows: new Int32Array(0), positives: [], grades: [] };

/** Reads a folder in BEIR's format. Throws a UserError `file:line: found …; expected …; do …` for anything it cannot use. */
export async function loadBeir(folder: string, options: BeirOptions): Promise<Dataset> {
  const notes: string[] = [];
  const corpus = await readTexts(folder, 'corpus.jsonl', 'passage', notes);
  const queries = await readTexts(folder, 'queries.jsonl', 'query', notes);
  const splits = await readSplits(folder, options, corpus, queries, notes);
  const fingerprint = fingerprintDataset(corpus, queries, splits);
  return { name: path.basename(path.resolve(folder)), corpus, queries, splits, fingerprint, notes };
}

async function readTexts(folder: string, name: string, what: 'passage' | 'query', notes: string[]): Promise<Texts> {
  const file = findPlainOrGzip(folder, name);
  if (!file) throw missing(folder, name);
  return readTextFile(file, what, notes);
}

/** The texts of a JSON-lines file, plain or gzipped: a line an object with "_id", "text" and, if there is one, "title". */
export async function readTextFile(file: string, what: 'passage' | 'query', notes: string[]): Promise<Texts> {
  const ids: string[] = [];
  const texts: string[] = [];
  const lines: number[] = [];
  let damaged = 0;
  await readLines(file, (line, number) => {
    const record = parseRecord(line, what, `${file}:${number}`);
    ids.push(record.id);
    texts.push(record.text);
    lines.push(number);
    if (record.text.includes('\uFFFD')) damaged++;
  });
  if (ids.length === 0) throw new UserError(`${file}:1: found no ${what}; expected one JSON object a line; check the file.`);
  if (damaged > 0)
    notes.push(`${file}: ${damaged} of ${ids.length} texts hold the replacement character U+FFFD: not UTF-8, or damaged before.`);
  return createTexts(ids, texts, what, (row) => `${file}:${lines[row]}`);
}

function parseRecord(line: string, what: 'passage' | 'query', place: string): { id: string; text: string } {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    throw new UserError(`${place}: found ${excerpt(line)}; expected one JSON object; mend or remove the line.`);
  }
  if (typeof record !== 'object' || record === null) {
    throw new UserError(`${place}: found ${excerpt(line)}; expected a JSON object with "_id" and "text"; mend or remove the line.`);
  }
  const { _id: id, title, text } = record as Record<string, unknown>;
  if (typeof id !== 'string' || id === '') {
    throw new UserError(
      `${place}: found "_id" ${excerpt(JSON.stringify(id))}; expected a string that is not empty; give the ${what} an id.`,
    );
  }
  const fields = [stringField(title, 'title', place), stringField(text, 'text', place)];
  const full = fields.filter((field) => field.trim() !== '').join(' ');
  if (full === '')
    throw new UserError(`${place}: found a ${what} without text; expected words in "text" or "title"; remove it or fill it.`);
  return { id, text: full };
}

function stringField(value: unknown, key: string, place: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  throw new UserError(`${place}: found "${key}" ${excerpt(JSON.stringify(value))}; expected a string; mend the line.`);
}

async function readSplits(
  folder: string,
  options: BeirOptions,
  corpus: Texts,
  queries: Texts,
  notes: string[],
): Promise<Dataset['splits']> {
  const splitOf = new Map<number, string>();
  const read = (name: string): Promise<Split | undefined> => readQrels(folder, name, corpus, queries, splitOf, notes);
  const train = await read('train');
  if (!train) throw missing(folder, path.join('qrels', 'train.tsv'));
  const dev = await read('dev');
  const test = await read('test');
  if (!test) notes.push(`${path.join(folder, 'qrels')}: no test.tsv: the test split is empty.`);
  if (dev) return { train, dev, test: test ?? EMPTY_SPLIT };
  return { ...takeDev(folder, train, options, notes), test: test ?? EMPTY_SPLIT };
}

/** Takes the dev split from the training queries; queries that share a gold passage stay on one side. */
function takeDev(folder: string, train: Split, { devShare, seed }: BeirOptions, notes: string[]): { train: Split; dev: Split } {
  const wanted = Math.round(devShare * train.rows.length);
  const parts = splitGrouped(train.positives, [wanted], seed, 'dev split');
  const entries = Array.from(train.rows.keys());
  const dev = selectFromSplit(
    train,
    entries.filter((i) => parts[i] === 1),
  );
  const rest = selectFromSplit(
    train,
    entries.filter((i) => parts[i] === 0),
  );
  if (dev.rows.length === 0 || rest.rows.length === 0) {
    throw new UserError(
      `${path.join(folder, 'qrels', 'train.tsv')}: found ${train.rows.length} queries that do not divide into train and a dev share of ${devShare} ` +
        'with shared gold passages on one side; expected more queries or passages; give a qrels/dev.tsv.',
    );
  }
  notes.push(
    `${path.join(folder, 'qrels')}: no dev.tsv: ${dev.rows.length} of ${train.rows.length} training queries were taken for dev ` +
      `(seed ${seed}); queries sharing a gold passage stay together.`,
  );
  return { train: rest, dev };
}

/** Grades by passage row, by query row. */
type Judgments = Map<number, Map<number, number>>;

/** One split from qrels/NAME.tsv, or undefined without that file. `splitOf` remembers which split judged a query, for all splits. */
async function readQrels(
  folder: string,
  name: string,
  corpus: Texts,
  queries: Texts,
  splitOf: Map<number, string>,
  notes: string[],
): Promise<Split | undefined> {
  const file = findPlainOrGzip(path.join(folder, 'qrels'), `${name}.tsv`);
  if (!file) return undefined;
  const judgments: Judgments = new Map();
  let header = true;
  await readLines(file, (line, number) => {
    const place = `${file}:${number}`;
    if (header) requireHeader(line, place);
    else {
      const { query, passage, grade } = parseJudgment(line, place, corpus, queries);
      const earlier = splitOf.get(query) ?? name;
      if (earlier !== name) {
        throw new UserError(
          `${place}: found query ${JSON.stringify(queries.id(query))}, which ${earlier} judges too; expected each query in one split; remove it from one.`,
        );
      }
      splitOf.set(query, name);
      addJudgment(judgments, query, passage, grade, place);
    }
    header = false;
  });
  return toSplit(judgments, file, notes);
}

function requireHeader(line: string, place: string): void {
  const fields = line.split('\t');
  if (fields.length !== 3 || /^-?\d+$/.test(fields[2]!)) {
    throw new UserError(
      `${place}: found ${excerpt(line)}; expected the header "query-id<tab>corpus-id<tab>score"; add it as the first line.`,
    );
  }
}

function parseJudgment(line: string, place: string, corpus: Texts, queries: Texts): { query: number; passage: number; grade: number } {
  const fields = line.split('\t');
  if (fields.length !== 3) {
    throw new UserError(`${place}: found ${fields.length} fields in ${excerpt(line)}; expected 3 separated by tabs; mend the line.`);
  }
  const [queryId, passageId, score] = fields as [string, string, string];
  const query = queries.rowOf(queryId);
  if (query === undefined) throw unknownId(place, 'query', queryId, 'queries.jsonl');
  const passage = corpus.rowOf(passageId);
  if (passage === undefined) throw unknownId(place, 'passage', passageId, 'corpus.jsonl');
  if (!/^-?\d+$/.test(score)) throw new UserError(`${place}: found grade ${excerpt(score)}; expected a whole number; mend the line.`);
  return { query, passage, grade: Number(score) };
}

function addJudgment(judgments: Judgments, query: number, passage: number, grade: number, place: string): void {
  const grades = judgments.get(query) ?? new Map<number, number>();
  const earlier = grades.get(passage) ?? grade;
  if (earlier !== grade) {
    throw new UserError(
      `${place}: found grade ${grade} for a pair that an earlier line gives ${earlier}; expected one grade a pair; remove one line.`,
    );
  }
  judgments.set(query, grades.set(passage, grade));
}

/** Queries by ascending row; those without a positive (grade ≥ 1) are left out, which the notes say. */
function toSplit(judgments: Judgments, file: string, notes: string[]): Split {
  const judged = [...judgments].sort(([a], [b]) => a - b);
  const positiveGrades = judged.map(([row, grades]) => ({
    row,
    pairs: [...grades].filter(([, grade]) => grade >= 1).sort(([a], [b]) => a - b),
  }));
  const kept = positiveGrades.filter(({ pairs }) => pairs.length > 0);
  if (kept.length < judged.length) {
    notes.push(`${file}: ${judged.length - kept.length} of ${judged.length} queries have no passage of grade 1 or more and are left out.`);
  }
  return {
    rows: Int32Array.from(kept, ({ row }) => row),
    positives: kept.map(({ pairs }) => Int32Array.from(pairs, ([passage]) => passage)),
    grades: kept.map(({ pairs }) => Int32Array.from(pairs, ([, grade]) => grade)),
  };
}

function missing(folder: string, name: string): UserError {
  return new UserError(
    `${path.join(folder, name)}: found neither this file nor it with .gz; expected one of them (BEIR format); check data.path.`,
  );
}

function unknownId(place: string, what: string, id: string, file: string): UserError {
  return new UserError(
    `${place}: found the ${what} id ${JSON.stringify(id)}; expected an id from ${file}; remove the line or add the ${what}.`,
  );
}

function excerpt(text: string | undefined): string {
  if (text === undefined) return 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
