/** Every format as its own tools write it. */
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.js';
import type { Dataset, Split } from '../../src/data/types.js';
import { loadFiles } from './files.js';
import { type Files, folderOf, jsonLines } from './folder.js';

/** Queries of a split with the ids of what is said of them. */
function said({ queries, corpus, documents }: Dataset, split: Split) {
  const ids = (rows: Int32Array | undefined, of: { id(row: number): string } = corpus) => Array.from(rows ?? [], (row) => of.id(row));
  return Array.from(split.rows, (row, i) => ({
    query: queries.id(row),
    text: queries.text(row),
    positives: ids(split.positives[i]),
    judged: Array.from(split.judged[i]!, (row, j) => `${row < 0 ? 'outside' : (documents ?? corpus).id(row)}:${split.grades[i]![j]}`),
    known: ids(split.known?.[i]),
    negatives: ids(split.negatives?.[i]),
  }));
}

const load = (files: Files, format = 'auto', keys: Readonly<Record<string, unknown>> = {}) =>
  loadFiles(folderOf(files), format, { devShare: 0.5, ...keys });
const texts = ({ corpus }: Dataset) => Array.from({ length: corpus.size }, (_, row) => `${corpus.id(row)}|${corpus.text(row)}`);
const auto = ({ notes }: Dataset) => /format ([\w-]+)/.exec(notes.join())?.[1];

describe('MS MARCO passages', () => {
  const files: Files = {
    'collection.tsv': '0\tThe "first" passage\n1\tthe second\n2\tthe third\n3\tthe fourth\n',
    'queries.train.tsv': '10\twhich first\n11\twhich second\n',
    'queries.dev.small.tsv': '12\twhich third\n',
    'qrels.train.tsv': '10\t0\t0\t1\n11\t0\t1\t1\n',
    'qrels.dev.small.tsv': '12\t0\t2\t1\n',
    'qrels.train.addition.tsv': '10\t3\n',
    'qidpidtriples.train.full.2.tsv.gz': gzipSync('10\t0\t2\n10\t0\t1\n11\t1\t3\n'),
  };

  it('are read from TSVs whose quotes are bare, with triples of ids and literal matches', async () => {
    const data = await load(files);
    expect(auto(data)).toBe('msmarco-passage');
    expect(texts(data)[0]).toBe('0|The "first" passage');
    expect(said(data, data.splits.train)).toEqual([
      { query: '10', text: 'which first', positives: ['0'], judged: ['0:1'], known: ['3'], negatives: ['2', '1'] },
      { query: '11', text: 'which second', positives: ['1'], judged: ['1:1'], known: [], negatives: ['3'] },
    ]);
    expect(said(data, data.splits.dev)[0]!.positives).toEqual(['2']);
  });

  it('take their titles from a file beside, where there is one', async () => {
    const data = await load({
      ...files,
      'collection.tsv': undefined,
      'para.txt': '0\tbody\n1\tbody\n2\tbody\n3\tbody\n',
      'para.title.txt': '0\tA title\n1\t-\n',
      'qrels.train.tsv': '10\t0\n11\t1\n',
    });
    expect(texts(data).slice(0, 2)).toEqual(['0|A title body', '1|body']);
  });

  it('take sentence-transformers’ mined negatives', async () => {
    const data = await load({
      ...files,
      'qidpidtriples.train.full.2.tsv.gz': undefined,
      'msmarco-hard-negatives.jsonl': jsonLines({ qid: 10, pos: [0], neg: { bm25: [1, 2], ance: [2, 3] } }),
    });
    expect(said(data, data.splits.train)[0]!.negatives).toEqual(['1', '2', '3']);
  });

  it('say that a line has a tab too many', async () => {
    await expect(load({ ...files, 'collection.tsv': '0\ta\n1\ta\tb\tc\td\n' })).rejects.toThrow(
      /collection\.tsv:2: found 5 fields in .*; expected 2 or 3 or 4/,
    );
  });
});

describe('MS MARCO documents', () => {
  it('have four fields, of which published lines lack some', async () => {
    const data = await load({
      'msmarco-docs.tsv': 'D1\thttp://a.org\tTitle\tBody of one\nD2\thttp://b.org\nD3\thttp://c.org\tOnly title\t\n',
      'msmarco-doctrain-queries.tsv': '1\tone\n2\tthree\n',
      'msmarco-doctrain-qrels.tsv': '1 0 D1 1\n2 0 D3 1\n',
      'msmarco-docdev-queries.tsv': '3\ttwo\n',
      'msmarco-docdev-qrels.tsv': '3 0 D2 1\n',
    });
    expect(auto(data)).toBe('msmarco-document');
    expect(texts(data)).toEqual(['D1|http://a.org Title Body of one', 'D2|http://b.org', 'D3|http://c.org Only title']);
    expect(said(data, data.splits.train).map(({ positives }) => positives)).toEqual([['D1'], ['D3']]);
  });
});

describe('DPR', () => {
  const ctx = (id: string, text = `text ${id}`) => ({ title: `Title ${id}`, text, passage_id: id });
  const question = (name: string, rest: object) => ({ question: `what is ${name}’s name`, answers: [name], ...rest });
  const record = question('Ada', {
    positive_ctxs: [ctx('1'), ctx('2')],
    negative_ctxs: [ctx('5')],
    hard_negative_ctxs: [ctx('3'), ctx('1')],
  });
  const other = question('Bob', { positive_ctxs: [ctx('4')], negative_ctxs: [], hard_negative_ctxs: [] });
  const files: Files = {
    'nq-train.json': JSON.stringify([record, other], null, 2),
    'nq-dev.json': JSON.stringify([question('Cy', { positive_ctxs: [ctx('5')] })]),
    'nq-test.qa.csv': "who was it?\t[\"Ada\", 'Bob\\'s']\n",
  };

  it('of questions the first positive is one, the others are never negatives; curly apostrophes become straight', async () => {
    const data = await load(files);
    expect(auto(data)).toBe('dpr');
    expect(said(data, data.splits.train)[0]).toEqual({
      query: 'train-1',
      text: "what is Ada's name",
      positives: ['1'],
      judged: ['1:1'],
      known: ['2'],
      negatives: ['3', '5'],
    });
    expect(texts(data)).toContain('4|Title 4 text 4');
    expect(data.answers!.get(0)).toEqual(['Ada']);
  });

  it('questions without ids are numbered through all files of a split, however they are laid out', async () => {
    const named = (...names: string[]) => names.map((name) => question(name, { positive_ctxs: [ctx(name)] }));
    const asked = async (train: Files) => {
      const data = await load({ ...train, 'nq-dev.json': files['nq-dev.json']! });
      return said(data, data.splits.train).map(({ query, positives }) => [query, ...positives]);
    };
    const all = ['a', 'b', 'c', 'd'].map((name, i) => [`train-${i + 1}`, name]);
    expect(await asked({ 'nq-train.json': JSON.stringify(named('a', 'b', 'c', 'd')) })).toEqual(all);
    expect(await asked({ 'nq-train.jsonl': jsonLines(...named('a', 'b', 'c', 'd')) })).toEqual(all);
    expect(
      await asked({
        'train-00000-of-00002.jsonl': jsonLines(...named('a', 'b')),
        'train-00001-of-00002.jsonl': jsonLines(...named('c', 'd')),
      }),
    ).toEqual(all);
  });

  it('all positives count where that is asked for', async () => {
    const data = await load(files, 'dpr', { positives: 'all' });
    expect(said(data, data.splits.train)[0]!.positives).toEqual(['1', '2']);
  });

  it('the test questions come with answers alone', async () => {
    const data = await load(files);
    expect(said(data, data.splits.test)).toEqual([
      { query: 'test-1', text: 'who was it?', positives: [], judged: [], known: [], negatives: [] },
    ]);
    expect(data.answers!.get(data.splits.test.rows[0]!)).toEqual(['Ada', "Bob's"]);
  });

  it('passages come from psgs_w100.tsv, quoted as CSV, where it is there', async () => {
    const passages = 'id\ttext\ttitle\n1\t"Ada ""the first""\tof them"\tTitle 1\n2\ttwo\tT\n3\tthree\tT\n4\tfour\tT\n5\tfive\tT\n';
    const data = await load({ ...files, 'psgs_w100.tsv': passages });
    expect(texts(data)[0]).toBe('1|Title 1 Ada "the first"\tof them');
    await expect(load({ ...files, 'psgs_w100.tsv': passages.replace('5\tfive\tT\n', '') })).rejects.toThrow(
      /the passage id "5"; expected an id from the corpus/,
    );
  });

  it('blank answers are refused, for they would be found everywhere', async () => {
    await expect(load({ ...files, 'nq-test.qa.csv': 'who?\t["x", " "]\n' })).rejects.toThrow(
      /nq-test\.qa\.csv:1: found "answers" with a blank string/,
    );
  });

  it('NQ-open’s JSON lines are questions without passages', async () => {
    const folder = folderOf({ 'nq-open.jsonl': jsonLines({ question: 'who?', answer: ['me'] }), 'psgs.tsv': 'id\ttext\ttitle\n1\ta\tb\n' });
    await expect(loadFiles(`${folder}/nq-open.jsonl`, 'auto', {}, 1)).rejects.toThrow(/found no passage; .* with data\.corpus/);
  });

  it('a table of questions and answers has no passages, and says where they may be; as pairs it is a data set', async () => {
    const rows = Array.from({ length: 10 }, (_, i) => `how is ${i}?\tas ${i} is\n`).join('');
    const folder = folderOf({ 'train.tsv': `question\tanswer\n${rows}` });
    await expect(loadFiles(folder, 'auto', {}, 1)).rejects.toThrow(/train\.tsv:1: found no passage; .* set data\.format to pairs\.$/);
    expect((await loadFiles(folder, 'pairs', {}, 1)).corpus.size).toBe(10);
  });
});

describe('Tevatron', () => {
  it('v1 has its passages written out', async () => {
    const passage = (docid: string) => ({ docid, title: 't', text: `text ${docid}` });
    const line = (id: string, positive: string) => ({
      query_id: id,
      query: `q ${id}`,
      positive_passages: [passage(positive)],
      negative_passages: [passage('n'), passage(positive)],
    });
    const data = await load({ 'train.jsonl': jsonLines(line('1', 'a'), line('2', 'b')), 'dev.jsonl': jsonLines(line('3', 'c')) });
    expect(auto(data)).toBe('tevatron');
    expect(texts(data)).toEqual(['a|t text a', 'n|t text n', 'b|t text b', 'c|t text c']);
    expect(said(data, data.splits.train)[0]).toMatchObject({ query: '1', positives: ['a'], negatives: ['n'] });
  });

  it('v2 names them by id, with a corpus beside', async () => {
    const data = await load({
      'corpus.jsonl': jsonLines({ docid: 'a', document_text: 'one' }, { docid: 'b', document_text: 'two' }),
      'train.jsonl': jsonLines({
        query_id: 1,
        query_text: 'q',
        query_image: null,
        positive_document_ids: ['a'],
        negative_document_ids: ['b'],
      }),
      'dev.jsonl': jsonLines({ query_id: 2, query_text: 'r', positive_document_ids: ['b'], negative_document_ids: [] }),
    });
    expect(said(data, data.splits.train)).toEqual([
      { query: '1', text: 'q', positives: ['a'], judged: ['a:1'], known: [], negatives: ['b'] },
    ]);
  });
});

describe('tables with columns that have no meaning here', () => {
  it.each(['csv', 'tsv'])('%s: a header of an id and a text names the others', async (form) => {
    const table = (...rows: string[][]) => rows.map((row) => `${row.join(form === 'csv' ? ',' : '\t')}\n`).join('');
    const data = await load({
      [`corpus.${form}`]: table(['_id', 'title', 'text', 'metadata'], ['a', 'T', 'one', '{}'], ['b', '', 'two', '{}']),
      [`queries.${form}`]: table(['_id', 'text', 'metadata'], ['1', 'q', '{}'], ['2', 'r', '{}']),
      'qrels/train.tsv': '1\ta\t1\n2\tb\t1\n',
    });
    expect(texts(data)).toEqual(['a|T one', 'b|two']);
    expect(data.queries.size).toBe(2);
  });
});

describe('sentence-transformers’ tables', () => {
  const positivesAndNegatives = async (files: Files) => {
    const data = await load({ 'dev.jsonl': jsonLines({ a: 'dev', b: 'passage' }), ...files }, 'pairs');
    const text = (id: string) => data.corpus.text(data.corpus.rowOf(id)!);
    return {
      data,
      train: said(data, data.splits.train).map(({ text: query, positives, negatives }) => ({
        query,
        positives: positives.map(text),
        negatives: negatives.map(text),
      })),
    };
  };

  it.each([
    ['pairs', jsonLines({ anchor: 'q', positive: 'p' }), 'train.jsonl', [{ query: 'q', positives: ['p'], negatives: [] }]],
    ['triplets of any names', jsonLines({ x: 'q', y: 'p', z: 'n' }), 'train.jsonl', [{ query: 'q', positives: ['p'], negatives: ['n'] }]],
    [
      'n-tuples',
      jsonLines({ query: 'q', positive: 'p', negative_1: 'n', negative_2: 'm' }),
      'train.jsonl',
      [{ query: 'q', positives: ['p'], negatives: ['n', 'm'] }],
    ],
    [
      'labelled pairs',
      jsonLines({ s1: 'q', s2: 'p', label: 1 }, { s1: 'q', s2: 'n', label: 0 }),
      'train.jsonl',
      [{ query: 'q', positives: ['p'], negatives: ['n'] }],
    ],
    [
      'labelled lists',
      jsonLines({ query: 'q', docs: ['n', 'p'], labels: [0, 1] }),
      'train.jsonl',
      [{ query: 'q', positives: ['p'], negatives: ['n'] }],
    ],
    ['CSV with a header', 'anchor,positive\n"q, quoted",p\n', 'train.csv', [{ query: 'q, quoted', positives: ['p'], negatives: [] }]],
    ['CSV with a header of any names', 'frage,antwort\nq,p\n', 'train.csv', [{ query: 'q', positives: ['p'], negatives: [] }]],
    [
      'MS MARCO’s triples of texts',
      'q\tp\tn\nq\tp\tm\n',
      'triples.train.small.tsv',
      [{ query: 'q', positives: ['p'], negatives: ['n', 'm'] }],
    ],
  ])('%s', async (_, content, name, expected) => {
    expect((await positivesAndNegatives({ [name]: content })).train).toEqual(expected);
  });

  it('keep a teacher’s scores: of a tuple each, of a margin the difference', async () => {
    const { data } = await positivesAndNegatives({
      'train.jsonl': jsonLines({ q: 'q', p: 'p', n: 'n', scores: [7.5, 2] }, { q: 'r', p: 'p', n: 'n', score: 3.5 }),
    });
    const { scores } = data.splits.train;
    const byQuery = Array.from(data.splits.train.rows, (row, i) => [
      data.queries.text(row),
      scores!.positives[i]![0],
      scores!.negatives[i]![0],
    ]);
    expect(byQuery).toEqual([
      ['q', 7.5, 2],
      ['r', 3.5, 0],
    ]);
  });

  it('CSV is told by its header', async () => {
    const data = await load({ 'train.csv': 'frage,antwort\nq,p\nr,s\n' });
    expect(auto(data)).toBe('pairs');
    expect(data.queries.size).toBe(2);
  });

  it('Parquet in shards, as the hub has it', async () => {
    const shard = (rows: string[][]) =>
      Buffer.from(
        parquetWriteBuffer({ columnData: ['anchor', 'positive'].map((name, i) => ({ name, data: rows.map((row) => row[i]!) })) }),
      );
    const { train } = await positivesAndNegatives({
      'train-00000-of-00002.parquet': shard([['q', 'p']]),
      'train-00001-of-00002.parquet': shard([['r', 's']]),
    });
    expect(train.map(({ query }) => query).sort()).toEqual(['q', 'r']);
  });

  it('Parquet with labels of whole numbers, which are 64 bits wide', async () => {
    const columnData = [
      { name: 'sentence1', data: ['q', 'q'] },
      { name: 'sentence2', data: ['p', 'n'] },
      { name: 'label', data: [1n, 0n] },
    ];
    const { train } = await positivesAndNegatives({ 'train.parquet': Buffer.from(parquetWriteBuffer({ columnData })) });
    expect(train).toEqual([{ query: 'q', positives: ['p'], negatives: ['n'] }]);
  });
});

describe('TREC', () => {
  it('topics, qrels and a corpus', async () => {
    const data = await load(
      {
        'corpus.jsonl': jsonLines({ docno: 'x', id: 'D1', contents: 'one' }, { id: 'D2', contents: 'two' }),
        'topics.train.txt':
          '<top>\n<num> Number: 301\n<title> organized &amp; crime\n<desc> Description:\nlong\n</top>\n\n<top>\n<num> 302 </num>\n<title> polio </title>\n</top>\n',
        'topics.test.txt': '<topics><topic number="7"><query>last</query></topic></topics>',
        'qrels.train.txt': '301 0 D1 1\n301 0 D2 -1\n302 0 D2 2\n',
        'qrels.test.txt': '7 0 D2 1\n',
      },
      'trec',
    );
    expect([...data.splits.train.rows, ...data.splits.dev.rows].map((row) => data.queries.text(row)).sort()).toEqual([
      'organized & crime',
      'polio',
    ]);
    expect(said(data, data.splits.test)[0]).toMatchObject({ query: '7', text: 'last', judged: ['D2:1'] });
  });
});

describe('click logs', () => {
  const corpus = jsonLines(...['a', 'b', 'c', 'd'].map((id) => ({ _id: id, text: `text ${id}` })));
  const log = (rows: (string | number)[][]) =>
    ['query\tpassage\tclicks\timpressions\ttime', ...rows.map((row) => row.join('\t'))].join('\n');
  const rows = [
    ['Red  Shoes', 'a', 2, 10, '2024-01-01'],
    ['red shoes', 'a', 1, 10, '2024-01-03'],
    ['red shoes', 'b', 1, 10, '2024-01-03'],
    ['red shoes', 'c', 0, 10, '2024-01-03'],
    ['blue', 'b', 5, 9, '2024-01-02'],
    ['green', 'c', 5, 9, '2024-02-01'],
    ['white', 'd', 5, 9, '2024-03-01'],
  ];

  it('merge equal queries, ask for enough clicks, keep everything clicked from being a negative, and split by time', async () => {
    const data = await load({ 'corpus.jsonl': corpus, 'clicks.tsv': log(rows) }, 'clicks', {
      minClicks: 2,
      devShare: 0.25,
      testShare: 0.25,
    });
    const train = said(data, data.splits.train);
    expect(train.map(({ text }) => text)).toEqual(['Red  Shoes', 'blue']);
    expect(train[0]).toMatchObject({ positives: ['a'], known: ['b'] });
    expect(said(data, data.splits.dev).map(({ text }) => text)).toEqual(['green']);
    expect(said(data, data.splits.test).map(({ text }) => text)).toEqual(['white']);
  });

  it('have the same splits where the format is found by auto', async () => {
    const many = Array.from({ length: 20 }, (_, i) => [`query ${i}`, 'abcd'[i % 4]!, 5, 9, `2024-01-${10 + i}`]);
    const files = { 'corpus.jsonl': corpus, 'clicks.tsv': log(many) };
    const [found, named] = [await load(files), await load(files, 'clicks')];
    expect(auto(found)).toBe('clicks');
    expect(found.splits).toEqual(named.splits);
    expect(said(found, found.splits.test).map(({ text }) => text)).toEqual(['query 18', 'query 19']);
  });

  it('leave out of dev and test the queries that nobody clicked often enough, and say so', async () => {
    const seldom = [...rows, ['grey', 'a', 1, 9, '2024-02-15'], ['black', 'a', 1, 9, '2024-03-15']];
    const data = await load({ 'corpus.jsonl': corpus, 'clicks.tsv': log(seldom) }, 'clicks', {
      minClicks: 2,
      devShare: 0.34,
      testShare: 0.34,
    });
    expect(said(data, data.splits.dev).map(({ text }) => text)).toEqual(['green']);
    expect(said(data, data.splits.test).map(({ text }) => text)).toEqual(['white']);
    expect(data.notes.join()).toMatch(/dev: 1 of 2 queries .*left out\..*test: 1 of 2 queries .*left out\./);
  });

  it('without times the split is drawn by the seed', async () => {
    const files = {
      'corpus.jsonl': corpus,
      'clicks.csv': `query,passage,clicks\n${rows.map(([q, p, c]) => `${q},${p},${c}`).join('\n')}\n`,
    };
    const test = async (seed: number) =>
      said(
        await loadFiles(folderOf(files), 'clicks', { testShare: 0.25, devShare: 0.25 }, seed),
        (await loadFiles(folderOf(files), 'clicks', { testShare: 0.25, devShare: 0.25 }, seed)).splits.test,
      );
    expect(await test(1)).toEqual(await test(1));
  });

  it.each([
    ['clicks that are no number', 'query\tpassage\tclicks\nq\ta\tmany\n', /clicks\.tsv:2: found clicks many/],
    ['a time that is none', 'query\tpassage\tclicks\timpressions\ttime\nq\ta\t1\t1\tsoon\n', /clicks\.tsv:2: found time soon/],
    ['no passage', 'query\tpassage\tclicks\nq\t\t1\n', /clicks\.tsv:2: found no passage id/],
  ])('refuse %s', async (_, content, message) => {
    await expect(load({ 'corpus.jsonl': corpus, 'clicks.tsv': content }, 'clicks')).rejects.toThrow(message);
  });
});

describe('tables on the hub', () => {
  it('corpus and queries in Parquet, judgments in JSON lines', async () => {
    const parquet = (columns: Record<string, unknown[]>) =>
      Buffer.from(parquetWriteBuffer({ columnData: Object.entries(columns).map(([name, data]) => ({ name, data: data as string[] })) }));
    const data = await load({
      'corpus/corpus-00000-of-00001.parquet': parquet({ _id: ['a', 'b'], title: ['', 'T'], text: ['one', 'two'] }),
      'queries/queries-00000-of-00001.parquet': parquet({ _id: ['1', '2', '3'], text: ['q', 'r', 's'] }),
      'qrels/train.jsonl': jsonLines({ 'query-id': '1', 'corpus-id': 'a', score: 1 }, { 'query-id': '2', 'corpus-id': 'b', score: 1 }),
      'qrels/test.jsonl': jsonLines({ 'query-id': '3', 'corpus-id': 'b', score: 1 }),
    });
    expect(auto(data)).toBe('beir');
    expect(texts(data)).toEqual(['a|one', 'b|T two']);
  });
});

describe('a mix of data sets', () => {
  it('tells ids apart by the set and says which query is of which', async () => {
    const one = folderOf({ 'train.jsonl': jsonLines({ a: 'q', b: 'p' }, { a: 'r', b: 's' }), 'dev.jsonl': jsonLines({ a: 'd', b: 'e' }) });
    const two = folderOf({ 'train.jsonl': jsonLines({ a: 'q', b: 'p' }), 'dev.jsonl': jsonLines({ a: 'x', b: 'y' }) });
    const { loadDataset } = await import('../../src/data/index.js');
    const { loadDataConfig } = await import('../../src/config/load.js');
    const data = await loadDataset(loadDataConfig({ format: 'mix', sets: [{ path: one, weight: 3 }, { path: two }] }), {
      seed: 1,
      cacheFolder: `${one}.cache`,
    });
    expect(data.mix).toMatchObject({ weights: [3, 1], of: Int32Array.of(0, 0, 1) });
    expect(data.corpus.size).toBe(5);
    expect(data.queries.id(0)).toMatch(/^simans-data-\w+\/train-/);
  });
});

describe('shards', () => {
  const shard = (id: string) => jsonLines({ _id: id, text: `text ${id}` });
  const pair = (a: string) => jsonLines({ a, b: `answer to ${a}` });

  it.each<[string, Files, RegExp]>([
    [
      'of a corpus',
      {
        'corpus-00000-of-00003.jsonl': shard('a'),
        'corpus-00002-of-00003.jsonl': shard('b'),
        'queries.jsonl': shard('q'),
        'qrels/train.tsv': 'q\ta\t1\n',
      },
      /corpus-00001-of-00003\.jsonl: found no such file; expected all 3 shards/,
    ],
    [
      'of examples in a folder, the last',
      { 'train/train-00000-of-00002.jsonl.gz': gzipSync(pair('q')), 'dev.jsonl': pair('r') },
      /train\/train-00001-of-00002\.jsonl\.gz: found no such file/,
    ],
  ])('%s: a missing one is refused by name', async (_, files, message) => {
    await expect(load(files)).rejects.toThrow(message);
  });

  it('are read when all are there, counted from 0 or from 1', async () => {
    const data = await load({
      'train-00000-of-00002.jsonl': pair('q'),
      'train-00001-of-00002.jsonl': pair('r'),
      'dev-1-of-2.jsonl': pair('s'),
      'dev-2-of-2.jsonl': pair('t'),
    });
    expect(data.queries.size).toBe(4);
  });
});

describe('what cannot be told', () => {
  it('a folder of nothing known names the formats and what is missing', async () => {
    await expect(load({ 'readme.md': 'hello' })).rejects.toThrow(
      /found no data set that is known; expected one of beir, .* Of beir it lacks: corpus/,
    );
  });

  it('a folder that is not there', async () => {
    await expect(loadFiles('/nowhere/at/all', 'auto')).rejects.toThrow(UserError);
  });
});
