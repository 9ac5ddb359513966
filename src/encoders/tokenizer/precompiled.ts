/**
 * The normalisation that sentencepiece compiles into a model (XLM-R's nmt_nfkc and others), as Hugging Face's `tokenizers` applies it.
 * Layout of the map: bytes of the trie (uint32), a Darts double-array trie over UTF-8 bytes, then the replacements, each ended by a zero
 * byte.
 */
import { UserError } from '../../core/errors.js';

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;
/** In UTF-8; longer grapheme clusters are looked up character by character. */
const LONGEST_CLUSTER = 6;
const SEGMENTER = new Intl.Segmenter('en', { granularity: 'grapheme' });
/** In UTF-16 units. */
const WINDOW = 256;

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
  return (text) => {
    if (asciiStays && PRINTABLE_ASCII.test(text)) return text;
    let out = '';
    for (const cluster of graphemeClusters(text)) {
      const whole = Buffer.byteLength(cluster) < LONGEST_CLUSTER ? replaced(cluster) : undefined;
      if (whole !== undefined) out += whole;
      else for (const character of cluster) out += replaced(character) ?? character;
    }
    return out;
  };
}

/**
 * In windows, since the segmenter takes quadratic time on long texts. A window begins where a cluster does, on which alone the next ones
 * depend.
 */
function* graphemeClusters(text: string): Generator<string> {
  let start = 0;
  let size = WINDOW;
  while (start < text.length) {
    const window = text.slice(start, start + size);
    const isLast = start + size >= text.length;
    let previous: string | undefined;
    let taken = 0;
    for (const { segment } of SEGMENTER.segment(window)) {
      if (previous !== undefined) {
        yield previous;
        taken += previous.length;
      }
      previous = segment;
    }
    // The window's last cluster may go on behind it.
    if (isLast) yield previous!;
    if (isLast) return;
    start += taken;
    size = taken === 0 ? 2 * size : WINDOW;
  }
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
