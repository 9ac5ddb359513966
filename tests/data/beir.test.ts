import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { loadFiles } from './files.js';

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) fs.rmSync(folder, { recursive: true });
});

const HEADER = 'query-id\tcorpus-id\tscore\n';
const CORPUS = ['d1', 'd2', 'd3', 'd4', 'd5']
  .map((id) => JSON.stringify({ _id: id, title: `Title ${id}`, text: `text of ${id}` }))
  .join('\n');
const QUERIES = ['q1', 'q2', 'q3', 'q4', 'q5', 'q6'].map((id) => JSON.stringify({ _id: id, text: `question ${id}` })).join('\n');
const GOOD: Record<string, string | Buffer | undefined> = {
  'corpus.jsonl': CORPUS,
  'queries.jsonl': QUERIES,
  'qrels/train.tsv': `${HEADER}q1\td1\t1\nq2\td2\t2\nq2\td3\t1\n`,
  'qrels/dev.tsv': `${HEADER}q3\td3\t1\n`,
  'qrels/test.tsv': `${HEADER}q5\td5\t1\nq4\td4\t1\nq4\td1\t0\n`,
};

function folderWith(changes: typeof GOOD = {}): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-beir-'));
  folders.push(folder);
  fs.mkdirSync(path.join(folder, 'qrels'));
  for (const [name, content] of Object.entries({ ...GOOD, ...changes })) {
    if (content !== undefined) fs.writeFileSync(path.join(folder, name), content);
  }
  return folder;
}

const load = (changes?: typeof GOOD, seed = 1) => loadFiles(folderWith(changes), 'beir', {}, seed);

describe('a folder in BEIR’s format', () => {
  it('reads texts, splits and graded judgments', async () => {
    const { corpus, queries, splits, notes } = await load();
    expect(corpus.size).toBe(5);
    expect(corpus.text(0)).toBe('Title d1 text of d1');
    expect(queries.text(queries.rowOf('q2')!)).toBe('question q2');
    expect(splits.train.rows).toEqual(Int32Array.of(0, 1));
    expect(splits.train.positives[1]).toEqual(Int32Array.of(1, 2));
    expect(splits.train.grades[1]).toEqual(Int32Array.of(2, 1));
    expect(splits.dev.rows).toEqual(Int32Array.of(2));
    // Ascending by row; grade 0 is judged and no positive.
    expect(splits.test.rows).toEqual(Int32Array.of(3, 4));
    expect(splits.test.positives[0]).toEqual(Int32Array.of(3));
    expect([splits.test.judged[0], splits.test.grades[0]]).toEqual([Int32Array.of(0, 3), Int32Array.of(0, 1)]);
    expect(notes).toEqual([]);
  });

  it('reads the same from gzip, with CRLF, a byte order mark and blank lines', async () => {
    const plain = await load();
    const zipped = await load({
      'corpus.jsonl': undefined,
      'corpus.jsonl.gz': gzipSync(`\ufeff${CORPUS.replaceAll('\n', '\r\n')}\r\n\r\n`),
      'queries.jsonl': undefined,
      'queries.jsonl.gz': gzipSync(QUERIES),
      'qrels/train.tsv': (GOOD['qrels/train.tsv'] as string).replaceAll('\n', '\r\n'),
    });
    expect(zipped.fingerprint).toEqual(plain.fingerprint);
  });

  it('keeps characters that a read boundary cuts', async () => {
    const text = 'é漢😀'.repeat(400_000);
    const { corpus, notes } = await load({ 'corpus.jsonl': `${CORPUS}\n${JSON.stringify({ _id: 'long', text: `x${text}` })}` });
    expect(corpus.text(corpus.rowOf('long')!) === `x${text}`).toBe(true);
    expect(notes).toEqual([]);
  });

  it('takes title or text alone', async () => {
    const { corpus } = await load({
      'corpus.jsonl': `${CORPUS}\n{"_id":"t","title":"only title","text":""}\n{"_id":"n","title":null,"text":"only text"}`,
    });
    expect([corpus.text(5), corpus.text(6)]).toEqual(['only title', 'only text']);
  });

  it('says how many texts hold replacement characters', async () => {
    const damaged = Buffer.concat([Buffer.from(`${CORPUS}\n{"_id":"bad","text":"caf`), Buffer.of(0xe9), Buffer.from('"}')]);
    const { corpus, notes } = await load({ 'corpus.jsonl': damaged });
    expect(corpus.text(5)).toBe('caf\ufffd');
    expect(notes.join()).toContain('1 of 6 texts hold the replacement character');
  });

  it('leaves training queries without a positive out and says so; of test they count', async () => {
    const qrels = (first: string, second: string) => `${HEADER}${first}\td4\t0\n${second}\td5\t1\n`;
    const { splits, notes } = await load({ 'qrels/train.tsv': qrels('q1', 'q2'), 'qrels/test.tsv': qrels('q4', 'q5') });
    expect(splits.train.rows).toEqual(Int32Array.of(1));
    expect(notes.join()).toContain('1 of 2 queries have no passage of grade 1');
    expect(splits.test.rows).toEqual(Int32Array.of(3, 4));
    expect(splits.test.positives.map(({ length }) => length)).toEqual([0, 1]);
  });

  it('has an empty test split without test judgments and says so', async () => {
    const { splits, notes } = await load({ 'qrels/test.tsv': undefined });
    expect(splits.test.rows.length).toBe(0);
    expect(notes.join()).toContain('no test split');
  });
});

describe('the dev split taken from the training queries', () => {
  const count = 200;
  const judgments = Array.from({ length: count }, (_, i) => `t${i}\tp${i % 150}\t1\n`).join('');
  const changes = {
    'corpus.jsonl': `${CORPUS}\n${Array.from({ length: 150 }, (_, i) => `{"_id":"p${i}","text":"passage ${i}"}`).join('\n')}`,
    'queries.jsonl': `${QUERIES}\n${Array.from({ length: count }, (_, i) => `{"_id":"t${i}","text":"question ${i}"}`).join('\n')}`,
    'qrels/train.tsv': HEADER + judgments,
    'qrels/dev.tsv': undefined,
  };

  it('is the asked share, shares no gold passage with training, and is in the notes', async () => {
    const { splits, notes } = await load(changes);
    expect(splits.dev.rows.length).toBe(40);
    expect(splits.train.rows.length).toBe(160);
    const gold = new Set(splits.dev.positives.flatMap((rows) => [...rows]));
    expect(splits.train.positives.flatMap((rows) => [...rows]).filter((row) => gold.has(row))).toEqual([]);
    expect(notes.join()).toContain('40 of 200 training queries were taken for dev');
  });

  it('follows the seed', async () => {
    const first = await load(changes, 1);
    expect((await load(changes, 1)).splits.dev.rows).toEqual(first.splits.dev.rows);
    expect((await load(changes, 2)).splits.dev.rows).not.toEqual(first.splits.dev.rows);
  });

  it('is refused where every query shares a gold passage with every other', async () => {
    await expect(load({ 'qrels/dev.tsv': undefined, 'qrels/train.tsv': `${HEADER}q1\td1\t1\nq2\td1\t1\n` })).rejects.toThrow(
      'give a dev split',
    );
  });
});

describe('errors name the file, the line, what was found and what to do', () => {
  const cases: [string, typeof GOOD, RegExp][] = [
    ['no corpus', { 'corpus.jsonl': undefined }, /corpus\.jsonl: found neither this file nor it as/],
    ['no queries', { 'queries.jsonl': undefined }, /queries\.jsonl: found neither/],
    ['an empty corpus', { 'corpus.jsonl': '\n' }, /corpus\.jsonl:1: found no passage/],
    [
      'broken JSON',
      { 'corpus.jsonl': `${CORPUS}\n{"_id": "d6", "text` },
      /corpus\.jsonl:6: found \{"_id": "d6", "text; expected one JSON object/,
    ],
    ['JSON that is no object', { 'queries.jsonl': `12\n${QUERIES}` }, /queries\.jsonl:1: found 12; expected a JSON object/],
    ['no id', { 'corpus.jsonl': '{"text":"x"}' }, /corpus\.jsonl:1: found "_id" nothing; expected a string/],
    ['an id that is a list', { 'queries.jsonl': '{"_id":[7],"text":"x"}' }, /queries\.jsonl:1: found "_id" \[7\]; expected a string/],
    ['a text that is a list', { 'corpus.jsonl': '{"_id":"a","text":["x"]}' }, /corpus\.jsonl:1: found "text" \["x"\]; expected a string/],
    [
      'a repeated id',
      { 'corpus.jsonl': `${CORPUS}\n\n{"_id":"d2","text":"x"}` },
      /corpus\.jsonl:7: found the passage id "d2" again \(first at .*corpus\.jsonl:2\)/,
    ],
    [
      'an empty passage',
      { 'corpus.jsonl': `${CORPUS}\n{"_id":"d6","title":" ","text":""}` },
      /corpus\.jsonl:6: found a passage without text/,
    ],
    ['an empty query', { 'queries.jsonl': `${QUERIES}\n{"_id":"q7","text":"\\t"}` }, /queries\.jsonl:7: found a query without text/],
    ['too few fields', { 'qrels/test.tsv': `${HEADER}q4\n` }, /test\.tsv:2: found 1 fields in q4; expected 3/],
    [
      'an unknown query',
      { 'qrels/train.tsv': `${HEADER}q9\td1\t1\n` },
      /train\.tsv:2: found the query id "q9"; expected an id from the queries/,
    ],
    [
      'an unknown passage',
      { 'qrels/dev.tsv': `${HEADER}q3\td9\t1\n` },
      /dev\.tsv:2: found the passage id "d9"; expected an id from the corpus/,
    ],
    ['a grade with decimals', { 'qrels/test.tsv': `${HEADER}q4\td4\t0.5\n` }, /test\.tsv:2: found grade 0\.5; expected a whole number/],
    [
      'a query in two splits',
      { 'qrels/test.tsv': `${HEADER}q4\td4\t1\nq1\td4\t1\n` },
      /test\.tsv:3: found query "q1", which train judges too/,
    ],
    [
      'two grades for a pair',
      { 'qrels/test.tsv': `${HEADER}q4\td4\t1\nq4\td4\t2\n` },
      /test\.tsv:3: found grade 2 for a pair that an earlier line gives 1/,
    ],
    [
      'a damaged gzip file',
      { 'corpus.jsonl': undefined, 'corpus.jsonl.gz': gzipSync(CORPUS).subarray(0, 60) },
      /corpus\.jsonl\.gz:\d+: found unreadable data/,
    ],
  ];

  it.each(cases)('%s', async (_, changes, message) => {
    const error = await load(changes).then(
      () => undefined,
      (thrown: unknown) => thrown as Error,
    );
    expect(error?.name).toBe('UserError');
    expect(error?.message).toMatch(message);
    expect(error?.message).not.toContain('\n');
  });
});
