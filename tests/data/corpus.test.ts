/** Corpora on disk, windows of documents, the fields that are read. */
import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { describePolicy, policyFrom } from '../../src/data/corpus.js';
import { Ids } from '../../src/data/ids.js';
import type { Texts } from '../../src/data/types.js';
import { documentsOf, windowRanges, windowsOf } from '../../src/data/windows.js';
import { loadFiles } from './files.js';
import { folderOf, jsonLines } from './folder.js';

describe('Ids', () => {
  it('finds every id again and no other, whatever the ids', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ unit: 'grapheme' }), { maxLength: 300 }), fc.string(), (given, other) => {
        const ids = new Ids();
        given.forEach((id, row) => expect(ids.add(id)).toEqual({ row, added: true }));
        given.forEach((id, row) => {
          expect(ids.rowOf(id)).toBe(row);
          expect(ids.id(row)).toBe(id);
          expect(ids.add(id)).toEqual({ row, added: false });
        });
        if (!given.includes(other)) expect(ids.rowOf(other)).toBeUndefined();
        const again = Ids.from(ids.arrays());
        expect(given.map((id) => again.rowOf(id))).toEqual(given.map((_, row) => row));
      }),
    );
  });

  it('keeps 100,000 that count up apart', () => {
    const ids = new Ids();
    for (let i = 0; i < 100_000; i++) ids.add(String(i));
    expect([0, 777, 99_999].map((i) => ids.rowOf(String(i)))).toEqual([0, 777, 99_999]);
    expect(ids.rowOf('100000')).toBeUndefined();
  });
});

it.each(['text', 'title text', 'url [SEP] title [SEP] text', 'title [SEP] text, windows of 300 words every 150'])(
  'a policy is had back from its words: %s',
  (words) => expect(describePolicy(policyFrom(words))).toBe(words),
);

describe('a corpus too large for memory', () => {
  afterEach(() => vi.unstubAllEnvs());

  const files = {
    'corpus.jsonl': jsonLines(
      ...Array.from({ length: 500 }, (_, i) => ({
        _id: `d${i}`,
        title: i % 3 ? `Title ${i}` : '',
        text: `text ${i} ${'é漢'.repeat(i % 50)}`,
      })),
    ),
    'queries.jsonl': jsonLines({ _id: 'q1', text: 'a' }, { _id: 'q2', text: 'b' }),
    'qrels/train.tsv': 'q1\td1\t1\n',
    'qrels/dev.tsv': 'q2\td2\t1\n',
  };
  const all = (texts: Texts) => Array.from({ length: texts.size }, (_, row) => [texts.id(row), texts.text(row), texts.fields(row)]);

  it('reads the same from its file, in any order, with the same fingerprint; a later start opens it again', async () => {
    const folder = folderOf(files);
    const inMemory = await loadFiles(folder, 'beir');
    vi.stubEnv('SIMANS_TEXTS_IN_MEMORY', '1000');
    const stored = await loadFiles(folder, 'beir');
    expect(all(stored.corpus)).toEqual(all(inMemory.corpus));
    expect(stored.fingerprint).toEqual(inMemory.fingerprint);
    for (const row of [499, 3, 250, 0]) expect(stored.corpus.text(row)).toBe(inMemory.corpus.text(row));
    expect(stored.corpus.rowOf('d250')).toBe(250);
    const [made] = fs.readdirSync(`${folder}.cache`);
    const before = fs.statSync(path.join(`${folder}.cache`, made!, 'texts.bin')).mtimeMs;
    const again = await loadFiles(folder, 'beir');
    expect(all(again.corpus)).toEqual(all(inMemory.corpus));
    expect(fs.statSync(path.join(`${folder}.cache`, made!, 'texts.bin')).mtimeMs).toBe(before);
  });

  it('has another fingerprint where a title ends elsewhere and that is read, in memory as in its file', async () => {
    const moved = { ...files, 'corpus.jsonl': files['corpus.jsonl'].replace('"title":"Title 4","text":"', '"title":"Title","text":"4 ') };
    expect(moved['corpus.jsonl']).not.toBe(files['corpus.jsonl']);
    const printsOf = async (separator: string) => {
      const prints: string[] = [];
      for (const folder of [folderOf(files), folderOf(moved)])
        for (const bytes of ['1000', '1000000']) {
          vi.stubEnv('SIMANS_TEXTS_IN_MEMORY', bytes);
          prints.push((await loadFiles(folder, 'beir', { separator })).fingerprint.corpus);
        }
      return prints;
    };
    const [kept, again, other, otherAgain] = await printsOf('token');
    expect([again, otherAgain]).toEqual([kept, other]);
    expect(other).not.toBe(kept);
    expect(new Set(await printsOf('space')).size).toBe(1);
  });

  it('is made anew when a source has changed or its file is damaged, and leaves nothing when reading fails', async () => {
    const folder = folderOf(files);
    vi.stubEnv('SIMANS_TEXTS_IN_MEMORY', '1000');
    await loadFiles(folder, 'beir');
    fs.appendFileSync(path.join(folder, 'corpus.jsonl'), jsonLines({ _id: 'new', text: 'x' }));
    expect((await loadFiles(folder, 'beir')).corpus.size).toBe(501);
    expect(fs.readdirSync(`${folder}.cache`)).toHaveLength(2);
    for (const made of fs.readdirSync(`${folder}.cache`)) fs.truncateSync(path.join(`${folder}.cache`, made, 'texts.bin'), 10);
    expect((await loadFiles(folder, 'beir')).corpus.text(500)).toBe('x');
    fs.appendFileSync(path.join(folder, 'corpus.jsonl'), '{"_id": 1');
    await expect(loadFiles(folder, 'beir')).rejects.toThrow(/corpus\.jsonl:502/);
    expect(fs.readdirSync(`${folder}.cache`).filter((name) => name.includes('tmp'))).toEqual([]);
  });
});

describe('windowsOf', () => {
  it('covers every word, begins every stride, and keeps the other fields', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z]{1,5}$/), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 12 }),
        (words, size, step) => {
          const stride = Math.min(size, step);
          const windows = windowsOf(['title', words.join('  ')], { words: size, stride });
          const bodies = windows.map(([title, body]) => {
            expect(title).toBe('title');
            return body!.split(/\s+/);
          });
          bodies.forEach((body, i) => expect(body).toEqual(words.slice(i * stride, i * stride + size)));
          expect(bodies.at(-1)!.at(-1)).toBe(words.at(-1));
          expect(windows.length).toBe(words.length <= size ? 1 : 1 + Math.ceil((words.length - size) / stride));
        },
      ),
    );
  });
});

describe('documents in windows', () => {
  it('are judged whole; their windows are positives', async () => {
    const body = Array.from({ length: 10 }, (_, i) => `w${i}`).join(' ');
    const folder = folderOf({
      'corpus.jsonl': jsonLines({ _id: 'a#b', title: 'T', text: body }, { _id: 'c', text: 'short' }),
      'queries.jsonl': jsonLines({ _id: 'q1', text: 'x' }, { _id: 'q2', text: 'y' }),
      'qrels/train.tsv': 'q1\ta#b\t1\n',
      'qrels/dev.tsv': 'q2\tc\t1\n',
    });
    const { corpus, documents, splits, policy } = await loadFiles(folder, 'beir', { windows: { words: 4, stride: 3 } });
    expect(Array.from({ length: corpus.size }, (_, row) => `${corpus.id(row)}|${corpus.text(row)}`)).toEqual([
      'a#b#0|T w0 w1 w2 w3',
      'a#b#1|T w3 w4 w5 w6',
      'a#b#2|T w6 w7 w8 w9',
      'c#0|short',
    ]);
    expect([documents!.size, documents!.id(0), [...documents!.of]]).toEqual([2, 'a#b', [0, 0, 0, 1]]);
    expect([...windowRanges(documentsOf(corpus))]).toEqual([0, 3, 4]);
    expect([...splits.train.positives[0]!]).toEqual([0, 1, 2]);
    expect([...splits.train.judged[0]!]).toEqual([0]);
    expect(policy).toBe('title text, windows of 4 words every 3');
  });
});

describe('what of a passage is read', () => {
  const files = {
    'corpus.jsonl': jsonLines(
      { _id: 'a', title: 'Title', text: 'body', url: 'http://x' },
      { _id: 'b', text: 'alone' },
      { _id: 'q1', text: 'alone' },
    ),
    'queries.jsonl': jsonLines({ _id: 'q1', text: 'x' }, { _id: 'q2', text: 'y' }),
    'qrels/train.tsv': 'q1\tb\t1\n',
    'qrels/dev.tsv': 'q2\ta\t1\n',
  };

  it('is what fields say; blank ones are left out', async () => {
    const texts = async (fields: string[]) => {
      const { corpus } = await loadFiles(folderOf(files), 'beir', { fields });
      return [corpus.text(0), corpus.text(1)];
    };
    expect(await texts(['text'])).toEqual(['body', 'alone']);
    expect(await texts(['url', 'title', 'text'])).toEqual(['http://x Title body', 'alone']);
  });

  it('a query’s own passage is never its negative where it is to be removed', async () => {
    const { splits, removeSelf } = await loadFiles(folderOf(files), 'beir', { removeSelf: true });
    expect(removeSelf).toBe(true);
    expect([...splits.train.known![0]!]).toEqual([2]);
  });

  it('passages of the same text are judged alike where that is asked for', async () => {
    const { splits, notes } = await loadFiles(folderOf(files), 'beir', { duplicates: 'judged' });
    expect([...splits.train.positives[0]!]).toEqual([1, 2]);
    expect(notes.join()).toContain('1 passages with the text of a judged one are judged alike');
  });
});
