/** Bad input of every kind: one line that names the file and the line, and nothing half-read or half-written. */
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { silentReporter } from '../../src/core/reporter.js';
import { convertDataset } from '../../src/data/convert.js';
import { readQrels } from '../../src/eval/qrels.js';
import { readRun } from '../../src/eval/runFiles.js';
import { loadFiles } from './files.js';
import { type Files, folderOf, jsonLines } from './folder.js';

const CORPUS = jsonLines({ _id: 'd1', text: 'one' }, { _id: 'd2', text: 'two' });
const GOOD: Files = {
  'corpus.jsonl': CORPUS,
  'queries.jsonl': jsonLines({ _id: 'q1', text: 'first' }, { _id: 'q2', text: 'second' }),
  'qrels/train.tsv': 'query-id\tcorpus-id\tscore\nq1\td1\t1\n',
  'qrels/dev.tsv': 'q2\td2\t1\n',
};
const dpr = (content: string | Buffer, name = 'train.json'): Files => ({ [name]: content, 'dev.json': '[]' });
const ctx = { title: 't', text: 'x', passage_id: '1' };

const cases: [string, string, Files, RegExp][] = [
  [
    'a truncated gzip file',
    'beir',
    { ...GOOD, 'corpus.jsonl': undefined, 'corpus.jsonl.gz': gzipSync(CORPUS).subarray(0, 40) },
    /corpus\.jsonl\.gz:\d+: found unreadable data/,
  ],
  [
    'a file that is no gzip',
    'beir',
    { ...GOOD, 'corpus.jsonl': undefined, 'corpus.jsonl.gz': CORPUS },
    /corpus\.jsonl\.gz: found unreadable data \(incorrect header check\)/,
  ],
  [
    'truncated topics',
    'trec',
    { ...GOOD, 'topics.txt.gz': gzipSync('<top>\n<num> q1\n<title> first\n</top>\n').subarray(0, 30), 'qrels.train.txt': 'q1 0 d1 1\n' },
    /topics\.txt\.gz: found unreadable data/,
  ],
  [
    'numbers for texts in Parquet',
    'beir',
    {
      ...GOOD,
      'corpus.jsonl': undefined,
      'corpus.parquet': Buffer.from(
        parquetWriteBuffer({
          columnData: [
            { name: '_id', data: ['d1'] },
            { name: 'text', data: [1n] },
          ],
        }),
      ),
    },
    /corpus\.parquet:1: found "text" 1; expected a string/,
  ],
  [
    'UTF-16',
    'beir',
    { ...GOOD, 'corpus.jsonl': Buffer.from(`\ufeff${CORPUS}`, 'utf16le') },
    /corpus\.jsonl:1: found UTF-16; expected UTF-8/,
  ],
  ['an empty file', 'beir', { ...GOOD, 'corpus.jsonl': '' }, /corpus\.jsonl:1: found no passage/],
  ['no queries in the file', 'beir', { ...GOOD, 'queries.jsonl': '\n' }, /:1: found no query/],
  [
    'JSON cut in a line',
    'beir',
    { ...GOOD, 'corpus.jsonl': `${CORPUS}{"_id": "d3", "te` },
    /corpus\.jsonl:3: found \{"_id": "d3", "te; expected one JSON object/,
  ],
  ['a JSON list in a line', 'beir', { ...GOOD, 'queries.jsonl': '["q1"]' }, /queries\.jsonl:1: found \["q1"\]; expected a JSON object/],
  [
    'an id of white space',
    'beir',
    { ...GOOD, 'corpus.jsonl': jsonLines({ _id: ' ', text: 'x' }) },
    /corpus\.jsonl:1: found "_id" " "; expected a string that is not empty/,
  ],
  [
    'an id beyond what numbers hold',
    'beir',
    { ...GOOD, 'corpus.jsonl': '{"_id": 12345678901234567890, "text": "x"}' },
    /corpus\.jsonl:1: found "_id" 12345678901234567000/,
  ],
  [
    'a duplicate passage',
    'beir',
    { ...GOOD, 'corpus.jsonl': `${CORPUS}\n${jsonLines({ _id: 'd1', text: 'x' })}` },
    /corpus\.jsonl:4: found the passage id "d1" again \(first at .*corpus\.jsonl:1\)/,
  ],
  [
    'a duplicate query',
    'beir',
    { ...GOOD, 'queries.jsonl': jsonLines({ _id: 'q1', text: 'x' }, { _id: 'q1', text: 'y' }) },
    /queries\.jsonl:2: found the query id "q1" again \(first at .*queries\.jsonl:1\)/,
  ],
  [
    'a passage without text',
    'beir',
    { ...GOOD, 'corpus.jsonl': jsonLines({ _id: 'd1', text: ' ' }) },
    /corpus\.jsonl:1: found a passage without text/,
  ],
  [
    'a text that is a number',
    'beir',
    { ...GOOD, 'corpus.jsonl': jsonLines({ _id: 'd1', text: 5 }) },
    /corpus\.jsonl:1: found "text" 5; expected a string/,
  ],
  [
    'an unknown passage',
    'beir',
    { ...GOOD, 'qrels/train.tsv': 'q1\td9\t1\n' },
    /train\.tsv:1: found the passage id "d9"; expected an id from the corpus/,
  ],
  ['an unknown query', 'beir', { ...GOOD, 'qrels/train.tsv': 'q9\td1\t1\n' }, /train\.tsv:1: found the query id "q9"/],
  [
    'a grade with a point',
    'beir',
    { ...GOOD, 'qrels/train.tsv': 'q1\td1\t0.5\n' },
    /train\.tsv:1: found grade 0\.5; expected a whole number/,
  ],
  ['a judgment without a passage', 'beir', { ...GOOD, 'qrels/train.tsv': 'q1\n' }, /train\.tsv:1: found 1 fields/],
  ['a query of two splits', 'beir', { ...GOOD, 'qrels/dev.tsv': 'q1\td2\t1\n' }, /dev\.tsv:1: found query "q1", which train judges too/],
  [
    'two grades of a pair',
    'beir',
    { ...GOOD, 'qrels/train.tsv': 'q1\td1\t1\nq1\td1\t2\n' },
    /train\.tsv:2: found grade 2 for a pair that an earlier line gives 1/,
  ],
  [
    'a list that is not closed',
    'dpr',
    dpr(`[${JSON.stringify({ question: 'q', answers: ['a'], positive_ctxs: [ctx] })},`),
    /train\.json:1: found the end of the file/,
  ],
  ['what is no list', 'dpr', dpr('{"question": '), /train\.json:1: found \{"question": ; expected one JSON object/],
  [
    'a broken element on its line',
    'dpr',
    dpr('[\n{"question": "q", "answers": ["a"], "positive_ctxs": []},\n{"question": }\n]'),
    /train\.json:3: found \{"question": \}; expected a JSON value/,
  ],
  [
    'contexts that are no list',
    'dpr',
    dpr(JSON.stringify([{ question: 'q', answers: ['a'], positive_ctxs: 'x' }])),
    /train\.json:1: found "positive_ctxs" that is no list/,
  ],
  [
    'answers that are no list',
    'dpr',
    dpr(JSON.stringify([{ question: 'q', answers: 7, positive_ctxs: [ctx] }])),
    /train\.json:1: found "answers" 7; expected a list of strings/,
  ],
  ['a quote that is not closed', 'pairs', { 'train.csv': 'anchor,positive\n"q,p\nx,y\n' }, /train\.csv:\d: found a line that is no CSV/],
  ['a row with a column too few', 'pairs', { 'train.csv': 'anchor,positive\nq\n' }, /train\.csv:2: found 1 fields in q; expected 2/],
  [
    'a label for nothing',
    'pairs',
    { 'train.jsonl': jsonLines({ q: 'q', docs: ['a', 'b'], labels: [1] }) },
    /train\.jsonl:1: found 1 labels for 2 passages/,
  ],
  [
    'a damaged Parquet file',
    'pairs',
    { 'train.parquet': Buffer.from(parquetWriteBuffer({ columnData: [{ name: 'a', data: ['q'] }] })).subarray(0, 30) },
    /train\.parquet: found unreadable data/,
  ],
  [
    'a topic without a title',
    'trec',
    { 'corpus.jsonl': CORPUS, 'topics.train.txt': '<top>\n<num> 1\n</top>', 'qrels.train.txt': '1 0 d1 1\n' },
    /topics\.train\.txt:1: found topic 1 without a title/,
  ],
];

describe('bad input', () => {
  it.each(cases)('%s', async (_, format, files, message) => {
    const folder = folderOf(files);
    const error = await loadFiles(folder, format).then(
      () => undefined,
      (thrown: unknown) => thrown as Error,
    );
    expect(error?.name).toBe('UserError');
    expect(error?.message).toMatch(message);
    expect(error?.message).not.toContain('\n');
    const to = `${folder}.cache/out`;
    await expect(convertDataset({ path: folder, format: format as never, folder: to, to: 'beir', reporter: silentReporter }))
      .rejects.toThrow()
      .catch(() => undefined); // converts what it can
    expect(fs.existsSync(path.dirname(to)) ? fs.readdirSync(path.dirname(to)).filter((name) => name.includes('.tmp-')) : []).toEqual([]);
  });

  it('a line that never ends is refused before it fills the memory', async () => {
    const folder = folderOf({ ...GOOD, 'corpus.jsonl': Buffer.alloc(70 << 20, 'x') });
    await expect(loadFiles(folder, 'beir')).rejects.toThrow(/corpus\.jsonl:1: found a line of more than 67,108,864 characters/);
  });

  it('CRLF, a byte order mark and bytes that are no UTF-8 are read, the last with a note', async () => {
    const bytes = Buffer.concat([
      Buffer.from(`\ufeff${CORPUS.replaceAll('\n', '\r\n')}{"_id":"d3","text":"caf`),
      Buffer.of(0xe9),
      Buffer.from('"}\r\n'),
    ]);
    const { corpus, notes } = await loadFiles(folderOf({ ...GOOD, 'corpus.jsonl': bytes }), 'beir');
    expect([corpus.size, corpus.text(2)]).toEqual([3, 'caf\ufffd']);
    expect(notes.join()).toContain('1 of 3 texts hold the replacement character');
  });

  it('dangling judgments may be kept: they count as never found, and are named', async () => {
    const files = { ...GOOD, 'qrels/dev.tsv': 'q2\td2\t1\nq2\tgone\t2\n' };
    const { splits, notes } = await loadFiles(folderOf(files), 'beir', { dangling: 'keep' });
    expect([...splits.dev.judged[0]!]).toEqual([-1, 1]);
    expect([...splits.dev.grades[0]!]).toEqual([2, 1]);
    expect(notes.join()).toContain('1 of 1 queries have right passages outside the corpus, which count as not found: q2');
  });
});

describe('bad rankings and judgments', () => {
  const rows = { query: () => 0, passage: (id: string) => (id === 'gone' ? undefined : Number(id.slice(1))) };
  it.each([
    ['no ranking', '', /run\.trec:1: found no ranking/],
    ['five columns', 'q Q0 d1 1 2.5\n', /run\.trec:1: found 5 fields/],
    ['a score that is none', 'q Q0 d1 1 NaN t\n', /run\.trec:1: found the score NaN/],
    ['an infinite score', 'q Q0 d1 1 inf t\n', /run\.trec:1: found the score inf/],
    ['a passage twice', 'q Q0 d1 1 2 t\nq Q0 d1 2 1 t\n', /run\.trec:2: found passage d1 for query q again/],
    ['a passage of another corpus', 'q Q0 gone 1 2 t\n', /run\.trec:1: found the passage id "gone"/],
  ])('%s', async (_, content, message) => {
    const folder = folderOf({ 'run.trec': content });
    await expect(readRun(path.join(folder, 'run.trec'), rows)).rejects.toThrow(message);
  });

  it('two judgments of a pair', async () => {
    const folder = folderOf({ 'qrels.txt': 'q 0 d 1\nq 0 d 1\n' });
    await expect(readQrels(path.join(folder, 'qrels.txt'))).rejects.toThrow(/qrels\.txt:2: found a second judgment of d for q/);
  });
});

describe('any bytes at all', () => {
  const names = [
    'corpus.jsonl',
    'queries.jsonl',
    'qrels/train.tsv',
    'train.json',
    'train.csv',
    'train.jsonl',
    'clicks.tsv',
    'topics.train.txt',
    'qrels.train.txt',
  ];
  const formats = ['beir', 'dpr', 'pairs', 'tevatron', 'trec', 'clicks', 'msmarco-passage'];
  const fragments = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    '\\',
    ',',
    '\t',
    '\n',
    '\r\n',
    '<top>',
    '</top>',
    'q1',
    'd1',
    '"_id":"d1"',
    '"text":"x"',
    '"question":"q"',
    '"answers":["a"]',
    'query\tpassage\tclicks',
    '1',
    '-1',
    'é',
    '\u0000',
  );

  it('are read or refused in words, never with an error of ours', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...formats),
        fc.constantFrom(...names),
        fc.array(fragments, { maxLength: 25 }),
        fc.uint8Array({ maxLength: 12 }),
        async (format, name, parts, tail) => {
          const folder = folderOf({ ...GOOD, [name]: Buffer.concat([Buffer.from(parts.join('')), Buffer.from(tail)]) });
          const error = await loadFiles(folder, format, {}, 1).then(
            () => undefined,
            (thrown: unknown) => thrown as Error,
          );
          if (error) expect(error.name, `${format} ${name} ${error.stack}`).toBe('UserError');
        },
      ),
      { numRuns: 300 },
    );
  });
});
