/** Texts on which tokenizers are compared: a pure function of their number, so that Python and the tests see the same. */
import { createHash } from 'node:crypto';

/** Alphabets by their first and last code points, and whole strings of which texts are made. */
const RANGES = [
  [0x61, 0x7a],
  [0x61, 0x7a],
  [0x41, 0x5a],
  [0x30, 0x39],
  [0x21, 0x7e],
  [0xa1, 0xff],
  [0x100, 0x24f],
  [0x300, 0x36f],
  [0x391, 0x3c9],
  [0x400, 0x4ff],
  [0x5d0, 0x5ea],
  [0x620, 0x652],
  [0x904, 0x94d],
  [0xe01, 0xe4e],
  [0x1100, 0x11ff],
  [0x1e00, 0x1eff],
  [0x2000, 0x206f],
  [0x20a0, 0x20bf],
  [0x2100, 0x218b],
  [0x2460, 0x24ff],
  [0x3041, 0x30fe],
  [0x3300, 0x33ff],
  [0x4e00, 0x9fa5],
  [0x4e00, 0x4eff],
  [0xac00, 0xd7a3],
  [0xf900, 0xfa2d],
  [0xfb00, 0xfb06],
  [0xff01, 0xffee],
  [0x1f300, 0x1f64f],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x20100],
  [0x00, 0x1f],
  [0x7f, 0xa0],
  [0x1d400, 0x1d4ff],
]; // prettier-ignore
const STRINGS = [
  'the',
  'retrieval',
  'of',
  'passages',
  'Passage',
  'heron waits',
  'isn’t',
  "don't",
  'e\u0301',
  'o\u0308',
  'İstanbul',
  'ΦΑΡΟΣ',
  'ς',
  'ﬁre',
  'ſ',
  'ß',
  'ẞ',
  '…',
  '½',
  '™',
  '👩‍👩‍👧',
  '🏳️‍🌈',
  '👍🏽',
  '🇩🇪',
  '❤️',
  '\u200b',
  '\u200d',
  '\u00ad',
  '\ufeff',
  '\u0000',
  '\ufffd',
  '\u202e',
  '\u3000',
  '\u00a0',
  '\u2028',
  '\r\n',
  '\t',
  '  ',
  '    ',
  '[SEP]',
  '[CLS]',
  '[MASK]',
  '[UNK]',
  '<s>',
  '</s>',
  '<mask>',
  '<unk>',
  '<pad>',
  'http://a.b/c?d=e&f',
  'x_y',
  'camelCase',
  'int main() {}',
  '3.14',
  '1,000',
  '12:30',
  '灯台守',
  '検索',
  '검색',
  'बचाव',
  'ค้นหา',
  'بحث',
  'tìm kiếm',
  'été',
  'naïve',
  '##ing',
  '▁',
  'Ġ',
  '``',
  '“q”',
  '—',
]; // prettier-ignore

/** Text number i; every hundredth is a word of 10,000 characters. @param {number} i */
export function textOf(i) {
  /** @type {Buffer} */
  let block = Buffer.alloc(0);
  let at = 0;
  let counter = 0;
  const next = (/** @type {number} */ bound) => {
    if (at + 4 > block.length) {
      block = createHash('sha512').update(`${i}/${counter++}`).digest();
      at = 0;
    }
    at += 4;
    return block.readUInt32LE(at - 4) % bound;
  };
  const character = () => {
    const [first, last] = RANGES[next(RANGES.length)];
    return String.fromCodePoint(first + next(last - first + 1));
  };
  if (i % 100 === 99) {
    const unit = Array.from({ length: 1 + next(7) }, character).join('');
    return Buffer.from(unit.repeat(Math.ceil(10_000 / unit.length)).slice(0, 10_000)).toString(); // a pair cut in two becomes U+FFFD
  }
  const parts = Array.from({ length: next(14) }, () => {
    const kind = next(4);
    if (kind === 0) return STRINGS[next(STRINGS.length)];
    if (kind === 1) return Array.from({ length: 1 + next(8) }, () => String.fromCharCode(97 + next(26))).join('');
    return Array.from({ length: 1 + next(kind === 2 ? 4 : 10) }, character).join('');
  });
  return parts.map((part) => part + ['', ' ', ' ', ' '][next(4)]).join('');
}

/** The first eight hexadecimal digits of the SHA-256 of the ids as JSON. @param {readonly number[]} ids */
export const hashOf = (ids) => createHash('sha256').update(JSON.stringify(ids)).digest('hex').slice(0, 8);

export const TEXTS = 10_000;

/** First and last code points; unassigned ones among them. Of the blocks of Chinese and Korean only the borders. */
const CHARACTERS = [
  [0x0, 0x34ff],
  [0x4d80, 0x4e3f],
  [0x9fc0, 0xac3f],
  [0xd780, 0xd7ff],
  [0xe000, 0xe03f],
  [0xf8c0, 0x170ff],
  [0x187c0, 0x2003f],
  [0x2a6c0, 0x2a73f],
  [0x2b700, 0x2ba3f],
  [0x2ce80, 0x2cebf],
  [0x2f7c0, 0x2fa3f],
  [0xe0000, 0xe01ff],
]; // prettier-ignore
/** Letter case since Unicode 15.1, which not every Node knows, and the letters that bertText.ts says differ. */
const UNLIKE = [
  [0x1c89, 0x1c8a],
  [0xa7cb, 0xa7dc],
  [0x105c9, 0x105e4],
  [0x10d50, 0x10d85],
  [0x11383, 0x113c8],
  [0x11938, 0x11938],
  [0x16121, 0x16128],
  [0x16d68, 0x16d6a],
  [0x16ea0, 0x16ed3],
]; // prettier-ignore

/** A text of every 64 code points, each inside a word, alone, and at a word's end. @returns {string[]} */
export function characterTexts() {
  const within = (/** @type {number[][]} */ ranges, /** @type {number} */ code) => ranges.some(([a, b]) => code >= a && code <= b);
  const texts = [];
  for (const [first, last] of CHARACTERS) {
    for (let start = first; start <= last; start += 64) {
      const codes = Array.from({ length: 64 }, (_, i) => start + i).filter((code) => !within(UNLIKE, code));
      texts.push(
        codes
          .map((code) => String.fromCodePoint(code))
          .map((c) => `ab${c}cd ${c} A${c}`)
          .join(' '),
      );
    }
  }
  return texts;
}

/** Added tokens of every kind: one that begins another, whole words, normalised ones, ones that take white space along. */
export const ADDED = [
  { content: 'qua', single_word: true },
  { content: 'http' },
  { content: 'http://' },
  { content: 'Heron waits', normalized: true },
  { content: 'détour', normalized: true, rstrip: true },
  { content: 'lorem', lstrip: true, rstrip: true, single_word: true },
];

/** Texts with those tokens in many surroundings. @returns {string[]} */
export function addedTexts() {
  const beside = ['', ' ', '  \t', 'x', 'É', '\u3000', '.', '_', '7', 'http://', '[SEP]', '<mask>', '\u0301'];
  return ADDED.flatMap(({ content }) =>
    beside.flatMap((left) => beside.map((right) => `a${left}${content}${right}b ${content.toUpperCase()}`)),
  );
}
