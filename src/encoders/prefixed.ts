/** Texts with something put before them, such as e5's "query: ". */
import { sha256 } from '../core/files.js';
import type { TextEncoder } from '../data/tokenCache.js';

/** The encoder of prefix + text; its fingerprint tells it from the one without. */
export function prefixed(encoder: TextEncoder, prefix: string): TextEncoder {
  if (prefix === '') return encoder;
  return {
    fingerprint: sha256(encoder.fingerprint, prefix),
    encode: (text, maxTokens) => encoder.encode(prefix + text, maxTokens),
    encodeFields: ([first = '', ...others], maxTokens) => encoder.encodeFields([prefix + first, ...others], maxTokens),
  };
}
