/** From text to the terms that BM25 counts. */
import { porterStem } from './porter.js';

/** Turns a text into its terms, in order, repeats kept. */
export type Analyzer = (text: string) => string[];

/**
 * A run of capitals (the last one belongs to the next word if small letters follow), a word with or without a capital first,
 * or a number: so identifiers fall apart at case borders, digits, dots and underscores (`readFileSync` → read, File, Sync).
 */
const PARTS = /\p{Lu}+(?!\p{Ll})|\p{Lu}?[\p{Ll}\p{Lm}\p{Lo}\p{Lt}]+|\p{N}+/gu;

/** An analyzer: accents stripped (NFKD), cut into PARTS, lower-cased, stemmed. It remembers the stems of the words it has seen. */
export function createAnalyzer(): Analyzer {
  const stems = new Map<string, string>();
  return (text) => {
    const parts = text.normalize('NFKD').replace(/\p{M}+/gu, '').match(PARTS) ?? [];
    return parts.map((part) => {
      let stem = stems.get(part);
      if (stem === undefined) {
        stem = porterStem(part.toLowerCase());
        stems.set(part, stem);
      }
      return stem;
    });
  };
}
