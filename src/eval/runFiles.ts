/** Files of rankings: TREC runs, MS MARCO's (query, passage, rank) and top1000, DPR's retrieval JSON. */
import fs from 'node:fs';
import { UserError } from '../core/errors.js';
import { writeFileAtomic } from '../core/files.js';
import { asId } from '../data/formats/fields.js';
import { formOf } from '../data/formats/files.js';
import { linesOf } from '../data/formats/lines.js';
import { recordsOf } from '../data/formats/records.js';
import { badData, excerpt, type Place } from '../data/source.js';
import type { Split, Texts } from '../data/types.js';
import { type Evaluation, type Names, type Run, rankingAt } from './run.js';

/** What turns a file's ids into rows; undefined for an id that there is none for. */
export interface Rows {
  query(id: string): number | undefined;
  passage(id: string): number | undefined;
}

export interface ReadRun {
  readonly run: Run;
  /** Queries of the file that have no row: they are left out. */
  readonly unknownQueries: number;
}

interface Entry {
  readonly passages: number[];
  readonly scores: number[];
  readonly seen: Set<number>;
}

/** Throws a UserError naming file and line for what cannot be read: an unknown passage, one ranked twice, a score that is no finite number. */
export async function readRun(file: string, rows: Rows): Promise<ReadRun> {
  const entries = new Map<number, Entry>();
  const unknown = new Set<string>();
  for await (const { query: queryId, passage: passageId, score, place } of rankedLines(file)) {
    const query = rows.query(queryId);
    if (query === undefined) {
      unknown.add(queryId);
      continue;
    }
    const passage = rows.passage(passageId);
    if (passage === undefined)
      throw badData(place, `the passage id ${excerpt(JSON.stringify(passageId))}`, 'an id from the corpus', 'take the run of this corpus');
    const entry = entries.get(query) ?? { passages: [], scores: [], seen: new Set() };
    entries.set(query, entry);
    if (entry.seen.has(passage))
      throw badData(place, `passage ${passageId} for query ${queryId} again`, 'each passage once a query', 'keep its best score only');
    entry.seen.add(passage);
    entry.passages.push(passage);
    entry.scores.push(score);
  }
  if (entries.size === 0 && unknown.size === 0) throw badData(`${file}:1`, 'no ranking', 'a TREC run', 'check the file');
  return { run: toRun(entries), unknownQueries: unknown.size };
}

function toRun(entries: Map<number, Entry>): Run {
  let k = 1;
  for (const { passages } of entries.values()) k = Math.max(k, passages.length);
  const rows = Int32Array.from(entries.keys());
  const passages = new Int32Array(rows.length * k).fill(-1);
  const scores = new Float64Array(rows.length * k);
  [...entries.values()].forEach((entry, place) => {
    const order = [...entry.passages.keys()].sort((i, j) => entry.scores[j]! - entry.scores[i]!);
    order.forEach((i, rank) => {
      passages[place * k + rank] = entry.passages[i]!;
      scores[place * k + rank] = entry.scores[i]!;
    });
  });
  return { k, rows, passages, scores, whole: true };
}

interface RankedLine {
  readonly query: string;
  readonly passage: string;
  readonly score: number;
  readonly place: Place;
}

async function* rankedLines(file: string): AsyncGenerator<RankedLine> {
  if (formOf(file) === 'json' && /\.jsonl?(\.gz)?$/.test(file)) {
    yield* retrievedContexts(file);
    return;
  }
  for await (const { text, number: line } of linesOf(file)) {
    const place = { file, line };
    // top1000: query id, passage id, query, passage; all with the same claim. Judgments have as many columns, a grade in the last.
    const tabs = text.split('\t');
    const [query, passage, score] =
      tabs.length === 4 && Number.isNaN(Number(tabs[3])) ? [tabs[0]!, tabs[1]!, 0] : fieldsOf(text.trim().split(/\s+/), text, place);
    yield { query, passage, score, place };
  }
}

/** TREC's six columns, or MS MARCO's three with the rank for a score. */
function fieldsOf(fields: readonly string[], text: string, place: Place): [string, string, number] {
  if (fields.length === 6) return [fields[0]!, fields[2]!, finite(fields[4]!, place)];
  if (fields.length === 3) return [fields[0]!, fields[1]!, -finite(fields[2]!, place)];
  throw badData(
    place,
    `${fields.length} fields in ${excerpt(text)}`,
    '6 (query Q0 passage rank score tag) or MS MARCO’s 3 (query passage rank)',
    'mend the line',
  );
}

function finite(text: string, place: Place): number {
  const value = Number(text);
  if (text !== '' && Number.isFinite(value)) return value;
  throw badData(place, `the score ${excerpt(text)}`, 'a finite number', 'mend the line');
}

/** DPR's output: a list of questions with ctxs [{id, score}]; the question's number counts where it has no id. */
async function* retrievedContexts(file: string): AsyncGenerator<RankedLine> {
  let number = 0;
  for await (const { fields, place } of recordsOf(file, { columns: {}, isHeader: () => true })) {
    const query = asId(fields.q_id ?? fields.id) ?? String(number);
    number++;
    if (!Array.isArray(fields.ctxs))
      throw badData(place, 'no list "ctxs"', '{question, answers, ctxs: [{id, score}]}', 'take DPR’s retrieval output');
    for (const context of fields.ctxs as Record<string, unknown>[]) {
      const passage = asId(context.id ?? context.passage_id ?? context.docid);
      if (passage === undefined) throw badData(place, 'a ctx without id', 'an id in each', 'mend the record');
      yield { query, passage, score: finite(String(context.score ?? ''), place), place };
    }
  }
}

/**
 * Writes a TREC run: query id, Q0, passage id, rank from 1, score, tag. trec_eval ignores the rank and sorts by score, as evaluateRun does.
 * Throws a UserError for an id with white space, which the format cannot hold.
 */
export function writeTrecRun(file: string, run: Run, names: Names, tag: string): void {
  writeFileAtomic(file, trecLines(file, run, names, trecField(file, tag)));
}

function* trecLines(file: string, run: Run, names: Names, tag: string): Generator<string> {
  for (const [place, row] of run.rows.entries()) {
    const query = trecField(file, names.queryId(row));
    for (const [i, passage] of rankingAt(run, place).entries()) {
      const score = run.scores[place * run.k + i]!;
      // Nine digits give a 32-bit float back exactly.
      const written = run.scores instanceof Float32Array ? Number(score.toPrecision(9)) : score;
      yield trecLine(query, trecField(file, names.passageId(passage)), i + 1, written, tag);
    }
  }
}

export const trecLine = (query: string, passage: string, rank: number, score: number, tag: string): string =>
  `${query} Q0 ${passage} ${rank} ${score} ${tag}\n`;

/** Refuses, before long work, ids that its runs could not be written with. */
export function requireTrecIds(name: string, kind: string, texts: Pick<Texts, 'size' | 'id'>): void {
  for (let row = 0; row < texts.size; row++)
    if (!isTrecField(texts.id(row)))
      throw new UserError(
        `${name}: found the ${kind} id ${JSON.stringify(texts.id(row))}; expected one that is not empty and holds no white space, for runs are written in TREC’s format; rename it.`,
      );
}

/** Writes a table of per-query values, tab-separated: a header, then a line a query of the split with its id and one value a measure. */
export function writePerQuery(file: string, queries: Texts, split: Split, perQuery: Evaluation['perQuery']): void {
  const measures = Object.keys(perQuery);
  const lines = Array.from(split.rows, (row, i) => [queries.id(row), ...measures.map((name) => perQuery[name]![i])].join('\t'));
  writeFileAtomic(file, `${[['query', ...measures].join('\t'), ...lines].join('\n')}\n`);
}

/** Reads such a table back: the queries' ids, and a measure's values beside them. */
export function readPerQuery(file: string): { queries: string[]; values(measure: string): number[] } {
  const [head, ...lines] = fs
    .readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));
  return {
    queries: lines.map(([query]) => query!),
    values: (measure) => lines.map((cells) => Number(cells[head!.indexOf(measure)])),
  };
}

const isTrecField = (text: string): boolean => /^\S+$/.test(text);

function trecField(file: string, text: string): string {
  if (!isTrecField(text))
    throw new UserError(`cannot write ${file}: ${JSON.stringify(text)} is empty or holds white space, which a TREC run cannot; rename it`);
  return text;
}
