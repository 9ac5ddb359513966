import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { learnWordPiece } from '../../../src/encoders/tokenizer/wordpiece.js';
import golden from '../../golden/tokenizer.json' with { type: 'json' };

const OPTIONS = { vocabSize: 200, minFrequency: 1, splitIdentifiers: false };

function tokensOf(texts: string[], options: Partial<typeof OPTIONS> = {}): string[] {
  const { vocab } = learnWordPiece(texts, { ...OPTIONS, ...options }).model;
  return Object.entries(vocab)
    .sort(([, a], [, b]) => a - b)
    .map(([token]) => token);
}

/** Merging as its definition says, all counts anew at every step; ties by the symbols' ids. */
function mergedByDefinition(words: Map<string, number>, symbols: string[], vocabSize: number): string[] {
  const split = [...words].map(([word, count]) => ({
    count,
    symbols: Array.from(word, (c, i) => symbols.indexOf(i === 0 ? c : `##${c}`)),
  }));
  while (symbols.length + 5 < vocabSize) {
    const counts = new Map<string, number>();
    for (const word of split) {
      for (let i = 0; i + 1 < word.symbols.length; i++) {
        const pair = `${word.symbols[i]} ${word.symbols[i + 1]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + word.count);
      }
    }
    const ranked = [...counts].map(([pair, count]) => ({ pair: pair.split(' ').map(Number) as [number, number], count }));
    ranked.sort((a, b) => b.count - a.count || a.pair[0] - b.pair[0] || a.pair[1] - b.pair[1]);
    if (ranked.length === 0) break;
    const [left, right] = ranked[0]!.pair;
    const merged = symbols[left]! + symbols[right]!.slice(2);
    const id = symbols.includes(merged) ? symbols.indexOf(merged) : symbols.push(merged) - 1;
    for (const word of split) {
      for (let i = 0; i + 1 < word.symbols.length; i++) {
        if (word.symbols[i] === left && word.symbols[i + 1] === right) word.symbols.splice(i, 2, id);
      }
    }
  }
  return symbols;
}

describe('learnWordPiece', () => {
  it('begins with the special tokens, then the characters, then the merges by frequency', () => {
    expect(tokensOf(['abab ab', 'cab'], { vocabSize: 13 })).toEqual([
      '[PAD]',
      '[UNK]',
      '[CLS]',
      '[SEP]',
      '[MASK]',
      'a',
      'b',
      'c',
      '##a',
      '##b',
      '##c',
      'ab',
      '##ab',
    ]);
  });

  it('merges as the definition says', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 25 }), fc.integer({ min: 11, max: 40 }), (words, vocabSize) => {
        const counts = new Map<string, number>();
        for (const w of words) counts.set(w, (counts.get(w) ?? 0) + 1);
        const characters = [...new Set(words.join(''))].sort();
        const symbols = mergedByDefinition(counts, [...characters, ...characters.map((c) => `##${c}`)], vocabSize);
        expect(tokensOf([words.join(' ')], { vocabSize }).slice(5)).toEqual(symbols);
      }),
    );
  });

  it('does not depend on the order of the texts', () => {
    const texts = ['the keeper counts ships', 'ships pass the reeds', 'naïve keepers count 漢字 ships', 'reeds'];
    expect(tokensOf([...texts].reverse())).toEqual(tokensOf(texts));
  });

  it('leaves out what is rarer than minFrequency', () => {
    const tokens = tokensOf(['river river river zz'], { minFrequency: 3 });
    expect(tokens).toContain('river');
    expect(tokens).not.toContain('z');
    expect(tokens).not.toContain('##z');
  });

  it('learns from normalised words', () => {
    const tokens = tokensOf(['Écoute ÉCOUTE écoute', 'reeds,ships'], { vocabSize: 400 });
    expect(tokens).toEqual(expect.arrayContaining(['ecoute', 'reeds', 'ships', ',']));
  });

  it('breaks identifiers only when asked to', () => {
    const texts = ['readShipLog2024 readShipLog2024'];
    expect(tokensOf(texts, { splitIdentifiers: true })).toEqual(expect.arrayContaining(['read', 'ship', 'log', '2024']));
    expect(tokensOf(texts)).toContain('readshiplog2024');
    expect(tokensOf(texts)).not.toContain('ship');
  });

  it('has room for tokens named like properties of objects', () => {
    const vocab = learnWordPiece(['constructor __proto__ constructor 7 7'], OPTIONS).model.vocab;
    expect(Object.hasOwn(vocab, 'constructor')).toBe(true);
    expect(Object.hasOwn(vocab, '7')).toBe(true);
  });

  it('refuses a vocabulary too small for the characters', () => {
    expect(() => tokensOf(['abc'], { vocabSize: 10 })).toThrow('encoder.vocabulary.size is 10; expected at least 11');
  });

  it('describes its pipeline as the reference writes it', () => {
    const { model, added_tokens, ...pipeline } = learnWordPiece(['ships'], { ...OPTIONS, splitIdentifiers: true });
    const { model: goldenModel, added_tokens: goldenAdded, ...goldenPipeline } = golden.small.tokenizer;
    expect(pipeline).toEqual(goldenPipeline);
    expect(added_tokens).toEqual(goldenAdded);
    expect({ ...model, vocab: null }).toEqual({ ...goldenModel, vocab: null });
    expect(learnWordPiece(['ships'], OPTIONS).normalizer).toEqual(goldenPipeline.normalizer.normalizers[1]);
  });
});
