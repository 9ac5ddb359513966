/**
 * The normalisation that sentencepiece compiles into a model (XLM-R's nmt_nfkc and others), as Hugging Face's `tokenizers` applies it. Layout of the
 * map: bytes of the trie (uint32), a Darts double-array trie over UTF-8 bytes, then the replacements, each ended by a zero byte.
 */
import { UserError } from '../../core/errors.js';

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;
/** In UTF-8; longer grapheme clusters are looked up character by character. */
const LONGEST_CLUSTER = 6;

/** The normaliser of a base64 map. A map that is none is a UserError naming the file. */
export function precompiledNormalizer(base64: string, file: string): (text: string) => string {
  const bytes = Buffer.from(base64, 'base64');
  const trieBytes = bytes.length >= 4 ? bytes.readUInt32LE(0) : 0;
  if (trieBytes === 0 || trieBytes % 4 !== 0 || 4 + trieBytes > bytes.length)
    throw new UserError(
      `${file}: precompiled_charsmap of ${bytes.length} bytes with a trie of ${trieBytes}; expected a whole one; get the file again.`,
    );
  const trie = new Uint32Array(trieBytes / 4);
  for (let i = 0; i < trie.length; i++) trie[i] = bytes.readUInt32LE(4 + 4 * i);
  const replacements = bytes.subarray(4 + trieBytes);
  const known = new Map<string, string | undefined>();
  const replaced = (part: string): string | undefined => {
    if (known.has(part)) return known.get(part);
    const at = firstMatch(trie, Buffer.from(part));
    const value = at === undefined ? undefined : replacements.toString('utf8', at, replacements.indexOf(0, at));
    if (known.size < 1 << 16) known.set(part, value);
    return value;
  };
  const asciiStays = Array.from({ length: 0x5f }, (_, i) => String.fromCharCode(0x20 + i)).every(
    (character) => (replaced(character) ?? character) === character,
  );
  const clusters = new Intl.Segmenter('en', { granularity: 'grapheme' });
  return (text) => {
    if (asciiStays && PRINTABLE_ASCII.test(text)) return text;
    let out = '';
    for (const { segment } of clusters.segment(text)) {
      const whole = Buffer.byteLength(segment) < LONGEST_CLUSTER ? replaced(segment) : undefined;
      if (whole !== undefined) out += whole;
      else for (const character of segment) out += replaced(character) ?? character;
    }
    return out;
  };
}

/** Where the replacement of the shortest key that begins `key` lies; units are as in Darts-clone. */
function firstMatch(trie: Uint32Array, key: Buffer): number | undefined {
  const offset = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6);
  let node = offset(trie[0]!);
  for (const byte of key) {
    if (byte === 0) return undefined;
    node ^= byte;
    const unit = trie[node] ?? 0;
    if ((unit & 0x800000ff) >>> 0 !== byte) return undefined;
    node ^= offset(unit);
    if ((unit >>> 8) & 1) return trie[node]! & 0x7fffffff;
  }
  return undefined;
}
