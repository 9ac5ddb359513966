import { sha256 } from '../../core/files.js';

/** An id for what has none: equal texts get equal ids. 64 bits of SHA-256: two texts of a hundred million share one with a chance of 3 in 10,000. */
export const textId = (...texts: readonly string[]): string => sha256(JSON.stringify(texts)).slice(0, 16);
