import { describe, expect, it } from 'vitest';
import { loadApiDocs } from '../../src/data/apiDocs.js';
import type { Split } from '../../src/data/types.js';

const dataset = loadApiDocs(1);
const { corpus, queries, splits } = dataset;
const everySplit: Split[] = [splits.train, splits.dev, splits.test];
const rowsOf = (texts: { size: number }) => Array.from({ length: texts.size }, (_, row) => row);
const wordsOf = (text: string) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** The queries' ids as `Interface.member` of the DOM, where the part before the dot is an interface or a namespace. */
function domInterfaces(split: Split): Set<string> {
  const matches = Array.from(split.rows, (row) => /^dom\/(\w+)\.[a-z]\w*(?:#\d+)?$/.exec(queries.id(row)));
  return new Set(matches.flatMap((match) => (match ? [match[1]!] : [])));
}

function common<T>(sets: Set<T>[]): T[] {
  return sets.flatMap((set, i) => sets.slice(i + 1).flatMap((other) => [...set].filter((item) => other.has(item))));
}

describe('passages', () => {
  it('are a readable path and signature, found by a stable id', () => {
    const text = (id: string) => corpus.text(corpus.rowOf(id)!);
    expect(text('node/fs.lutimes')).toMatch(/^fs\.lutimes\(path: PathLike, .*callback: \w+\): void$/);
    expect(text('dom/Range')).toMatch(/^Range extends \w+$/);
    expect(text('dom/Range.collapse')).toMatch(/^Range\.collapse\(.*\): void$/);
    expect(text('dom/Element.classList')).toBe('Element.classList: DOMTokenList');
  });

  it('are all different, on one line and of bounded length', () => {
    const texts = rowsOf(corpus).map((row) => corpus.text(row));
    expect(new Set(texts).size).toBe(texts.length);
    expect(texts.filter((text) => text.length > 300 || /\n|\/\*|;$/.test(text))).toEqual([]);
  });

  it('number the descriptions of one path', () => {
    const repeats = rowsOf(corpus)
      .map((row) => corpus.id(row))
      .filter((id) => id.endsWith('#2'));
    expect(repeats.length).toBeGreaterThan(10);
    const first = repeats.filter((id) => corpus.rowOf(id.slice(0, -2)) !== undefined);
    expect(first.length).toBe(repeats.length);
  });
});

describe('queries', () => {
  it('have at least four words, and no two have the same', () => {
    const keys = rowsOf(queries).map((row) => wordsOf(queries.text(row)));
    expect(keys.filter((words) => words.length < 4)).toEqual([]);
    expect(new Set(keys.map((words) => words.join(' '))).size).toBe(queries.size);
  });

  it('do not name the API they describe', () => {
    const named = rowsOf(queries).filter((row) => {
      const name = queries.id(row).replace(/#\d+$/, '').split(/[./]/).at(-1)!;
      return name !== 'new' && new RegExp(`(?<![\\w$-])${name.replace(/\W/g, '\\$&')}(?![\\w$-])`, 'i').test(queries.text(row));
    });
    expect(named.map((row) => queries.id(row))).toEqual([]);
  });

  it('are prose: no markup, links, tags or reference lines', () => {
    const marked = rowsOf(queries).filter((row) => /\{@link|\]\(|```|\*\*|MDN Reference|\n/.test(queries.text(row)));
    expect(marked.map((row) => queries.text(row))).toEqual([]);
  });
});

describe('splits', () => {
  it('hold every query once', () => {
    const rows = everySplit.flatMap((split) => [...split.rows]).sort((a, b) => a - b);
    expect(rows).toEqual(rowsOf(queries));
    expect(splits.test.rows.length).toBe(1000);
    expect(splits.dev.rows.length).toBe(500);
  });

  it('judge distinct passages of the corpus, ascending, with grade 1', () => {
    for (const { positives, grades } of everySplit) {
      expect(
        positives.every((rows) => rows.length > 0 && rows.every((row, i) => row < corpus.size && (i === 0 || row > rows[i - 1]!))),
      ).toBe(true);
      expect(grades.every((values, i) => values.length === positives[i]!.length && values.every((grade) => grade === 1))).toBe(true);
    }
    expect(everySplit.some(({ positives }) => positives.some((rows) => rows.length > 1))).toBe(true);
  });

  it('share no interface and no passage', () => {
    const interfaces = everySplit.map(domInterfaces);
    expect(interfaces.every((set) => set.size > 20)).toBe(true);
    expect(common(interfaces)).toEqual([]);
    expect(common(everySplit.map(({ positives }) => new Set(positives.flatMap((rows) => [...rows]))))).toEqual([]);
  });

  it('are the same for every seed', () => {
    expect(loadApiDocs(2).fingerprint).toEqual(dataset.fingerprint);
  });
});
