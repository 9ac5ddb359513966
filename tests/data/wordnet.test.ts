import { beforeAll, describe, expect, it } from 'vitest';
import type { Dataset } from '../../src/data/types.js';
import { loadWordnet, parseSynset } from '../../src/data/wordnet.js';

describe('parseSynset', () => {
  it('reads words, pointers, definition and examples of a verb with frames', () => {
    const line =
      '00000100 29 v 02 sail_away 0 leave_port 1 004 @ 00000007 v 0000 + 00000200 n 0101 ! 00000300 v 0101 @i 00000008 n 0000 ' +
      '02 + 01 00 + 02 01 | depart by ship; used of crews; "they sail away at dawn"; "leave port soon"- a captain  ';
    expect(parseSynset(line, 'v')).toEqual({
      id: 'v00000100',
      words: ['sail away', 'leave port'],
      related: ['v00000007', 'n00000200', 'n00000008'],
      definition: 'depart by ship; used of crews',
      examples: ['they sail away at dawn', 'leave port soon'],
    });
  });

  it('counts words in hexadecimal, strips adjective markers and names satellites as adjectives', () => {
    const words = Array.from({ length: 16 }, (_, i) => `w${i}(${['p', 'a', 'ip'][i % 3]}) 0`).join(' ');
    const synset = parseSynset(`00000100 00 s 10 ${words} 001 + 00000050 s 0101 | fit for sea (as a ship)`, 'a');
    expect(synset.words).toEqual(Array.from({ length: 16 }, (_, i) => `w${i}`));
    expect(synset.related).toEqual(['a00000050']);
    expect(synset.definition).toBe('fit for sea (as a ship)');
    expect(synset.examples).toEqual([]);
  });

  it('keeps quoted words inside a definition', () => {
    const { definition, examples } = parseSynset('00000100 04 n 01 x 0 000 | as in "full sail"; "under full sail"', 'n');
    expect(definition).toBe('as in "full sail"');
    expect(examples).toEqual(['under full sail']);
  });
});

describe('loadWordnet', () => {
  let data: Dataset;
  beforeAll(() => {
    data = loadWordnet(7, { subset: 'all' });
  }, 60_000);

  it('has every synset of WordNet 3.1 as a passage', () => {
    expect(data.corpus.size).toBe(117_791);
    expect(data.corpus.rowOf('n00001740')).toBe(0);
  });

  it('gives words, then related words without the own ones, then examples', () => {
    const [words, related] = data.corpus.text(data.corpus.rowOf('n00002137')!).split('; ');
    expect(words).toBe('abstraction, abstract entity');
    expect(related!.split(', ')).toContain('entity');
    const passages = Array.from({ length: data.corpus.size }, (_, row) => data.corpus.text(row));
    expect(passages.filter((passage) => /^$|_|\((p|a|ip)\)[,;]/.test(passage))).toEqual([]);
  });

  it('has 2,000 test and 1,000 dev queries, each query in one split', () => {
    const { train, dev, test } = data.splits;
    expect([dev.rows.length, test.rows.length]).toEqual([1000, 2000]);
    expect(new Set([...train.rows, ...dev.rows, ...test.rows]).size).toBe(data.queries.size);
    expect(train.rows.length + 3000).toBe(data.queries.size);
  });

  it('makes equal definitions one query and every passage the positive of one', () => {
    const texts = new Set(Array.from({ length: data.queries.size }, (_, row) => data.queries.text(row).toLowerCase().replace(/\s+/g, ' ')));
    expect(texts.size).toBe(data.queries.size);
    const positives = Object.values(data.splits).flatMap((split) => split.positives.flatMap((rows) => [...rows]));
    expect(positives.length).toBe(data.corpus.size);
    expect(new Set(positives).size).toBe(data.corpus.size);
  });

  it('never puts a definition of several words into its passage', () => {
    const leaks = Object.values(data.splits).flatMap(({ rows, positives }) =>
      positives.flatMap((passages, i) => {
        const definition = data.queries.text(rows[i]!);
        const leaking = [...passages].filter((passage) => data.corpus.text(passage).includes(definition));
        return definition.split(' ').length < 5 ? [] : leaking;
      }),
    );
    expect(leaks).toEqual([]);
  });

  it('is the same on every machine', () => {
    expect(data.fingerprint.corpus).toBe('7d1486cf0250b36f5e533435643ea6a8b4652cbf0a3a657061fd8170d70a80e2');
    expect(data.fingerprint.test).toBe('344f2c5203afe692c8b6c969be3ec8f25f9cea18c14a475355591bccec620ba4');
  });

  it('follows the seed, and the subset keeps only synsets with examples', { timeout: 60_000 }, () => {
    const [first, second] = [7, 8].map((seed) => loadWordnet(seed, { subset: 'withExamples' }));
    expect(first!.corpus.size).toBeGreaterThan(30_000);
    expect(first!.corpus.size).toBeLessThan(40_000);
    expect(second!.fingerprint.corpus).toBe(first!.fingerprint.corpus);
    for (const split of ['train', 'dev', 'test'] as const) expect(second!.fingerprint[split]).not.toBe(first!.fingerprint[split]);
  });
});
