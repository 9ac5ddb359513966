import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveKey } from '../../../src/core/random.js';
import { clozeTokens, dropWords, type SpecialTokens, splitPieces } from '../../../src/train/step/augment.js';

/** Ids 5 … 19 begin words, 20 … 29 continue them; 10 is 5·21 or 6·22, 25 is 21·22, no other divides. */
const special: SpecialTokens = {
  clsId: 2,
  sepId: 3,
  continues: Uint8Array.from({ length: 30 }, (_, id) => (id >= 20 ? 1 : 0)),
  halves: Array.from({ length: 30 }, (_, id) => Int32Array.from(id === 10 ? [5, 21, 6, 22] : id === 25 ? [21, 22] : [])),
};
const key = deriveKey(1, 'augment');

const word = fc
  .tuple(fc.integer({ min: 5, max: 19 }), fc.array(fc.integer({ min: 20, max: 29 }), { maxLength: 2 }))
  .map(([first, rest]) => [first, ...rest]);
const text = fc.array(word, { minLength: 1, maxLength: 12 });
const sequence = (words: number[][]): Int32Array => Int32Array.of(2, ...words.flat(), 3);
const row = fc.nat(1000);

/** The words of a sequence, each as text; fails where its borders are not [CLS] and [SEP]. */
function wordsOf(tokens: Int32Array): string[] {
  expect([tokens[0], tokens.at(-1)]).toEqual([2, 3]);
  const words: number[][] = [];
  for (const id of tokens.slice(1, -1)) {
    if (id >= 20) words.at(-1)!.push(id);
    else words.push([id]);
  }
  return words.map(String);
}

describe('dropWords', () => {
  it('keeps whole words in their order, at least one, and repeats itself', () => {
    fc.assert(
      fc.property(text, row, fc.double({ min: 0, max: 0.99, noNaN: true }), (words, at, share) => {
        const kept = dropWords(sequence(words), share, key, at, special);
        expect(dropWords(sequence(words), share, key, at, special)).toEqual(kept);
        const left = words.map(String);
        for (const one of wordsOf(kept)) {
          const place = left.indexOf(one);
          expect(place).toBeGreaterThanOrEqual(0);
          left.splice(0, place + 1);
        }
        expect(kept.length).toBeGreaterThanOrEqual(3);
      }),
    );
  });

  it('drops the share it is told, and nothing at 0', () => {
    const words = Array.from({ length: 100 }, (_, i) => [5 + (i % 15)]);
    const kept = Array.from({ length: 200 }, (_, at) => dropWords(sequence(words), 0.3, key, at, special).length - 2);
    const mean = kept.reduce((sum, n) => sum + n, 0) / kept.length;
    expect(Math.abs(mean - 70)).toBeLessThan(4 * Math.sqrt((100 * 0.3 * 0.7) / 200)); // four standard errors
    expect(dropWords(sequence(words), 0, key, 0, special)).toEqual(sequence(words));
  });

  it('keeps the separator between fields, at any share', () => {
    const separated = Int32Array.of(2, 5, 21, 6, 3, 7, 8, 22, 3);
    for (let at = 0; at < 50; at++) {
      const kept = [...dropWords(separated, 0.7, key, at, special)];
      expect(kept.filter((id) => id === 3)).toHaveLength(2);
      const between = kept.indexOf(3);
      const [before, behind] = [kept.slice(1, between), kept.slice(between + 1, -1)];
      expect([...before, ...behind].length).toBeGreaterThan(0);
      expect(before.every((id) => [5, 21, 6].includes(id)) && behind.every((id) => [7, 8, 22].includes(id))).toBe(true);
    }
  });

  it('rows drop different words', () => {
    const words = Array.from({ length: 15 }, (_, i) => [5 + i]);
    const kept = Array.from({ length: 20 }, (_, at) => String(dropWords(sequence(words), 0.5, key, at, special)));
    expect(new Set(kept).size).toBeGreaterThan(15);
  });
});

describe('clozeTokens', () => {
  it('is made of the passage’s words, none more often than there, within the limit, and repeats itself', () => {
    fc.assert(
      fc.property(text, row, fc.integer({ min: 5, max: 20 }), (words, at, maxTokens) => {
        const cloze = clozeTokens(sequence(words), maxTokens, key, at, special);
        expect(clozeTokens(sequence(words), maxTokens, key, at, special)).toEqual(cloze);
        expect(cloze.length).toBeLessThanOrEqual(maxTokens);
        expect(cloze.length).toBeGreaterThanOrEqual(3);
        const left = words.map(String);
        const uncut = cloze.length < maxTokens ? wordsOf(cloze) : wordsOf(cloze).slice(0, -1); // the limit may cut the last word
        for (const one of uncut) {
          const place = left.indexOf(one);
          expect(place).toBeGreaterThanOrEqual(0);
          left.splice(place, 1);
        }
      }),
    );
  });

  it('has no separator of fields', () => {
    const cloze = clozeTokens(Int32Array.of(2, 5, 6, 3, 7, 8, 9, 10, 3), 20, key, 1, special);
    expect(cloze.slice(1, -1)).not.toContain(3);
  });

  it('keeps between 0.2 and 0.6 of the words, and does not keep their order', () => {
    const words = Array.from({ length: 1000 }, (_, i) => [5 + (i % 15)]);
    const lengths = Array.from({ length: 50 }, (_, at) => clozeTokens(sequence(words), 2000, key, at, special).length - 2);
    expect(Math.min(...lengths)).toBeGreaterThan(140); // 0.2 of 1000 less five deviations
    expect(Math.max(...lengths)).toBeLessThan(680);
    expect(Math.max(...lengths) - Math.min(...lengths)).toBeGreaterThan(200);
    const ordered = Array.from({ length: 15 }, (_, i) => [5 + i]);
    const orders = Array.from({ length: 30 }, (_, at) => [...clozeTokens(sequence(ordered), 100, key, at, special)].slice(1, -1));
    expect(orders.some((ids) => ids.some((id, i) => i > 0 && id < ids[i - 1]!))).toBe(true);
  });
});

describe('splitPieces', () => {
  const split = (tokens: readonly number[], share: number, at: number, maxTokens = 100) => [
    ...splitPieces(Int32Array.from(tokens), share, maxTokens, key, at, special),
  ];

  it('writes pieces as two smaller ones, any way there is, and leaves the rest', () => {
    const seen = new Set(Array.from({ length: 400 }, (_, at) => split([2, 10, 7, 25, 3], 0.5, at).join(' ')));
    const expected = ['10', '5 21', '6 22'].flatMap((first) => ['25', '21 22'].map((last) => `2 ${first} 7 ${last} 3`));
    expect([...seen].sort()).toEqual(expected.sort());
  });

  it('splits the share it is told, the same for the same row, and nothing at 0', () => {
    const text = [2, ...Array(100).fill(10), 3];
    const lengths = Array.from({ length: 100 }, (_, at) => split(text, 0.3, at, 1000).length - text.length);
    const mean = lengths.reduce((sum, n) => sum + n, 0) / lengths.length;
    expect(Math.abs(mean - 30)).toBeLessThan(4 * Math.sqrt((100 * 0.3 * 0.7) / 100)); // four standard errors
    expect(split(text, 0.3, 7)).toEqual(split(text, 0.3, 7));
    expect(split(text, 0, 7, 1000)).toEqual(text);
  });

  it('keeps to the limit and to [SEP] at the end', () => {
    for (let at = 0; at < 50; at++) {
      const pieces = split([2, 10, 10, 10, 3], 0.9, at, 6);
      expect(pieces.length).toBeLessThanOrEqual(6);
      expect([pieces[0], pieces.at(-1)]).toEqual([2, 3]);
    }
  });
});
