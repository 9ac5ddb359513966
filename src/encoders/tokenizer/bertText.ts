/**
 * BERT's text normalisation and word splitting with the results of Hugging Face's `tokenizers`. @xenova/transformers differs from them on
 * marks outside U+0300–U+036F (Hindi, Arabic, Thai …), on CJK beyond U+FFFF, on the Greek final sigma and on newer characters, so its
 * BertNormalizer and BertPreTokenizer are replaced by these. What is left: letters that Unicode 13 and 16 decompose (U+105C9, U+105E4,
 * U+11383–U+113C8, U+11938, U+16121–U+16128, U+16D68–U+16D6A), and letter case newer than the Unicode version of Node.
 */
import { CONTROL, NONSPACING_MARK, PUNCTUATION } from './bertTables.js';

export interface BertNormalization {
  readonly cleanText: boolean;
  readonly separateCjk: boolean;
  readonly stripAccents: boolean;
  readonly lowercase: boolean;
}

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;
const DROPPED = new RegExp(CONTROL, 'v');
const WHITE_SPACE = /[\t\n\r\p{Z}]/u;
const NONSPACING_MARKS = new RegExp(NONSPACING_MARK, 'gv');
const WORDS = new RegExp(`[^\\p{White_Space}${PUNCTUATION}]+|${PUNCTUATION}`, 'gv');

/** The code points that BERT calls Chinese characters. The sixth block begins at U+2B920, as in `tokenizers` (Unicode: U+2B820). */
const CJK_BLOCKS = [
  [0x4e00, 0x9fff],
  [0x3400, 0x4dbf],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b920, 0x2ceaf],
  [0xf900, 0xfaff],
  [0x2f800, 0x2fa1f],
] as const;

/** Control characters dropped, white space made spaces, CJK characters set apart, accents stripped, lower case: each as the options say. */
export function normalizeBert(text: string, options: BertNormalization): string {
  if (PRINTABLE_ASCII.test(text)) return options.lowercase ? text.toLowerCase() : text;
  let out = '';
  for (const character of text) {
    if (options.cleanText && WHITE_SPACE.test(character)) out += ' ';
    else if (options.cleanText && DROPPED.test(character)) continue;
    else out += options.separateCjk && isCjk(character.codePointAt(0)!) ? ` ${character} ` : character;
  }
  if (options.stripAccents) out = out.normalize('NFD').replace(NONSPACING_MARKS, '');
  return options.lowercase ? lowerCase(out) : out;
}

export function lowerCase(text: string): string {
  // One character at a time: on whole words JavaScript gives a final Σ another lower case than an inner one.
  return Array.from(text, (character) => character.toLowerCase()).join('');
}

/** Splits normalised text at white space and around every punctuation character. */
export function splitBertWords(normalized: string): string[] {
  return normalized.match(WORDS) ?? [];
}

/**
 * Calls `visit` with the pieces of the text between blanks, tabs and line ends until it returns false. BERT's normalisation and splitting
 * treat each piece alone, so what is computed for a piece can be remembered.
 */
export function visitPieces(text: string, visit: (piece: string) => boolean): void {
  let start = 0;
  for (let at = 0; at <= text.length; at++) {
    const code = at < text.length ? text.charCodeAt(at) : 32;
    if (code !== 32 && code !== 9 && code !== 10 && code !== 13) continue;
    if (at > start && !visit(text.slice(start, at))) return;
    start = at + 1;
  }
}

function isCjk(codePoint: number): boolean {
  return CJK_BLOCKS.some(([first, last]) => codePoint >= first && codePoint <= last);
}
