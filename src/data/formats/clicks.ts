/**
 * Click logs: query, passage id, clicks and, if there are, impressions and time. Equal queries are merged, what was clicked often enough is a positive, and
 * everything that was clicked at all is kept from being a negative. Queries go to the splits by the time they were first asked.
 */
import { deriveKey, permutation } from '../../core/random.js';
import { badData, type Judgment, type Query, type Source, SPLIT_NAMES, type SplitName } from '../source.js';
import { asId, asText } from './fields.js';
import { findFiles } from './files.js';
import { recordsOf, type TableOptions } from './records.js';
import { textId } from './textId.js';
import { passagesOf } from './texts.js';

export interface ClickOptions {
  /** Clicks that make a positive. */
  readonly minClicks: number;
  readonly devShare: number;
  readonly testShare: number;
  readonly seed: number;
}

export const CLICK_STEMS = ['clicks', 'log', '*clicks', '*-log'];
export const CLICK_CORPUS = ['corpus', 'collection', 'passages', 'docs'];
const TABLE: TableOptions = {
  columns: {
    3: ['query', 'passage', 'clicks'],
    4: ['query', 'passage', 'clicks', 'impressions'],
    5: ['query', 'passage', 'clicks', 'impressions', 'time'],
  },
  isHeader: (values) => values.includes('clicks'),
};

interface Asked extends Query {
  /** Clicks by passage id. */
  readonly clicks: Map<string, number>;
  time: number | undefined;
}

export function openClicks(folder: string, options: ClickOptions): Source {
  const [log, corpus] = [findFiles(folder, CLICK_STEMS), findFiles(folder, CLICK_CORPUS)];
  for (const [files, name] of [
    [log, 'clicks.tsv'],
    [corpus, 'corpus.jsonl'],
  ] as const)
    if (files.length === 0) throw badData(`${folder}/${name}`, 'no such file', 'a click log and a corpus', 'check data.path');
  let read: Promise<Asked[]> | undefined;
  const asked = () => (read ??= readLog(log));
  const splits = Object.fromEntries(SPLIT_NAMES.map((split) => [split, () => judgments(asked(), split, options)]));
  return {
    files: [...corpus, ...log],
    splits: options.testShare > 0 ? splits : { train: splits.train!, dev: splits.dev! },
    splitsPlace: log[0]!,
    passages: async function* () {
      for (const file of corpus) yield* passagesOf(file);
    },
    queries: async function* () {
      yield* await asked();
    },
  };
}

/** The queries of the log, equal ones merged, in the order of their first time. */
async function readLog(files: readonly string[]): Promise<Asked[]> {
  const queries = new Map<string, Asked>();
  for (const file of files)
    for await (const { fields, place } of recordsOf(file, TABLE)) {
      const text = asText(fields.query, 'query', place).trim();
      const passage = asId(fields.passage ?? fields.passage_id ?? fields.docid);
      const clicks = Number(fields.clicks);
      if (text === '') throw badData(place, 'a query without text', 'words in "query"', 'remove the line');
      if (passage === undefined) throw badData(place, 'no passage id', 'one in "passage"', 'mend the line');
      if (!Number.isSafeInteger(clicks) || clicks < 0)
        throw badData(place, `clicks ${fields.clicks}`, 'a whole number ≥ 0', 'mend the line');
      const normal = normalised(text);
      const query = queries.get(normal) ?? { id: textId(normal), text, place, clicks: new Map(), time: undefined };
      queries.set(normal, query);
      const time = timeOf(fields.time, place);
      if (time !== undefined && (query.time === undefined || time < query.time)) query.time = time;
      if (clicks > 0) query.clicks.set(passage, (query.clicks.get(passage) ?? 0) + clicks);
    }
  return [...queries.values()].sort((a, b) => (a.time ?? 0) - (b.time ?? 0)); // stable: without times the log's order stays
}

/** Seconds since 1970 or a date that JavaScript reads. */
function timeOf(value: unknown, place: Asked['place']): number | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const time =
    value instanceof Date ? value.getTime() / 1000 : Number.isFinite(Number(value)) ? Number(value) : Date.parse(String(value)) / 1000;
  if (Number.isNaN(time)) throw badData(place, `time ${value}`, 'seconds since 1970 or a date such as 2024-05-01', 'mend the line');
  return time;
}

export const normalised = (query: string): string => query.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();

/** The latest queries are test, those before them dev; without times the split is drawn. */
async function* judgments(
  log: Promise<Asked[]>,
  split: SplitName,
  { minClicks, devShare, testShare, seed }: ClickOptions,
): AsyncGenerator<Judgment> {
  const queries = await log;
  const timed = queries.some(({ time }) => time !== undefined);
  const order = timed ? Int32Array.from(queries.keys()) : permutation(deriveKey(seed, 'click split'), queries.length);
  const [test, dev] = [testShare, devShare].map((share) => Math.round(share * queries.length)) as [number, number];
  const bounds = {
    train: [0, queries.length - dev - test],
    dev: [queries.length - dev - test, queries.length - test],
    test: [queries.length - test, queries.length],
  };
  for (const at of order.slice(...bounds[split]).sort()) {
    const { id, clicks, place } = queries[at]!;
    for (const [passage, count] of clicks)
      yield { query: id, passage, kind: count >= minClicks ? 'judged' : 'known', grade: count >= minClicks ? 1 : 0, place };
  }
}
