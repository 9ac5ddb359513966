/** Each format written and read again: what it can hold comes back. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentReporter } from '../../src/core/reporter.js';
import { convertDataset } from '../../src/data/convert.js';
import { WRITTEN_FORMATS } from '../../src/data/formats/writers.js';
import type { Dataset } from '../../src/data/types.js';
import { loadFiles } from './files.js';
import { folderOf, jsonLines } from './folder.js';

const passage = (docid: string, title = '') => ({ docid, title, text: `text of ${docid}, "quoted", with ünïcode 漢` });
const example = (id: string, positive: string, negatives: string[]) => ({
  query_id: id,
  query: `query ${id}: "what" & <why>?`,
  answers: [`answer "${id}"`, "it's"],
  positive_passages: [passage(positive, `Title ${positive}`)],
  negative_passages: negatives.map((one) => passage(one)),
});

const source = () =>
  folderOf({
    'train.jsonl': jsonLines(example('t1', 'a', ['c', 'd']), example('t2', 'b', ['a'])),
    'dev.jsonl': jsonLines(example('v1', 'c', [])),
    'test.jsonl': jsonLines(example('x1', 'd', ['a'])),
  });

const KEYS = { fields: ['url', 'title', 'text'] };
const load = (place: string, format: string) => loadFiles(place, format, KEYS);

/** A data set without row numbers: what each query has, by text where ids are lost. */
function content({ queries, corpus, splits, answers }: Dataset, losses: readonly string[]) {
  const name = (row: number) => (losses.includes('ids') ? corpus.fields(row).at(-1)! : corpus.id(row));
  const of = (rows: Int32Array | undefined) => Array.from(rows ?? [], name).sort();
  const entries = Object.entries(splits).flatMap(([split, { rows, positives, negatives }]) =>
    Array.from(rows, (row, i) => ({
      split,
      query: queries.text(row),
      ...(losses.includes('ids') ? {} : { id: queries.id(row) }),
      positives: of(positives[i]),
      ...(losses.includes('negatives') || split !== 'train' ? {} : { negatives: of(negatives?.[i]) }),
      ...(losses.includes('answers') ? {} : { answers: answers?.get(row) }),
    })),
  );
  const passages = Array.from({ length: corpus.size }, (_, row) => [
    name(row),
    losses.includes('titles') ? '' : corpus.fields(row)[1],
    corpus.fields(row).at(-1),
  ]);
  return { entries, passages: passages.sort() };
}

describe.each(Object.entries(WRITTEN_FORMATS))('%s', (format, { loses }) => {
  it('gives back what it can hold, and says what it cannot', async () => {
    const from = source();
    const to = `${from}.cache/written`;
    const lines: string[] = [];
    await convertDataset({
      path: from,
      format: 'auto',
      folder: to,
      to: format,
      reporter: { ...silentReporter, line: (text) => lines.push(text) },
    });
    const readAs = format === 'csv' || format === 'parquet' ? 'beir' : format;
    const [before, after] = [await load(from, 'tevatron'), await load(to, readAs)];
    expect(content(after, loses)).toEqual(content(before, loses));
    expect(lines.some((line) => line.includes('negatives have no place'))).toBe(loses.includes('negatives'));
    expect(lines.some((line) => line.includes('answers have no place'))).toBe(loses.includes('answers'));
    expect(fs.readdirSync(path.dirname(to))).toEqual(['written']); // nothing temporary is left
  });
});

describe('convertDataset', () => {
  it('refuses a folder that is there, and an unknown format, before it reads', async () => {
    const from = source();
    const convert = (folder: string, to: string) => convertDataset({ path: from, format: 'auto', folder, to, reporter: silentReporter });
    await expect(convert(from, 'beir')).rejects.toThrow(/found something there already/);
    await expect(convert(`${from}.cache/x`, 'word')).rejects.toThrow(/--to is word; expected one of beir/);
  });
});

it.each(['trec', 'msmarco-passage'])(
  'ids with white space, which %s has no place for, are refused before anything is written',
  async (to) => {
    const place = folderOf({
      'corpus.jsonl': jsonLines({ _id: 'a b', text: 'x' }, { _id: 'c', text: 'y' }),
      'queries.jsonl': jsonLines({ _id: 'q', text: 'x' }),
      'qrels/train.tsv': 'q\ta b\t1\n',
    });
    const folder = path.join(place, 'written');
    const converted = convertDataset({ path: place, format: 'auto', folder, to, reporter: silentReporter });
    await expect(converted).rejects.toThrow(/passage id "a b" holds white space; expected none/);
    expect(fs.existsSync(folder)).toBe(false);
  },
);
