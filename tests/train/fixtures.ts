/** A small generated world: topics with words of their own; a query names two words of its passage. */
import { type RunConfig, runConfigSchema } from '../../src/config/schema.js';
import { deriveKey, integer } from '../../src/core/random.js';
import { createTexts, fingerprintDataset, splitOfPositives } from '../../src/data/texts.js';
import type { Dataset, Split, TokenTable } from '../../src/data/types.js';
import { bertShape } from '../../src/encoders/architectures.js';
import type { EncoderShape } from '../../src/encoders/dualEncoder.js';
import type { MemoryPlan } from '../../src/train/step/sharedMemory.js';

const SYLLABLES = ['ba', 'ke', 'li', 'mo', 'nu', 'pa', 're', 'si', 'to', 'vu'];
const word = (n: number): string => SYLLABLES[n % 10]! + SYLLABLES[Math.floor(n / 10) % 10]! + SYLLABLES[Math.floor(n / 100) % 10]!;

/** Passages of `words` words each; query i is two words of passage i. */
export function toyTexts(size: number, words = 6): { passages: string[]; queries: string[] } {
  const key = deriveKey(1, 'toy');
  const passages = Array.from({ length: size }, (_, row) => Array.from({ length: words }, (_, i) => word(integer(key, row, i, 400))));
  return { passages: passages.map((list) => list.join(' ')), queries: passages.map((list) => `${list[1]} ${list[3]}`) };
}

/** Every query has its own passage; the first half trains, the rest is dev and test. */
export function toyDataset(size = 40): Dataset {
  const { passages, queries } = toyTexts(size);
  const corpus = createTexts(
    passages.map((_, i) => `p${i}`),
    passages,
    'toy corpus',
  );
  const queryTexts = createTexts(
    queries.map((_, i) => `q${i}`),
    queries,
    'toy queries',
  );
  const split = (begin: number, end: number): Split => {
    const rows = Int32Array.from({ length: end - begin }, (_, i) => begin + i);
    return splitOfPositives(
      rows,
      [...rows].map((row) => Int32Array.of(row)),
    );
  };
  const half = Math.floor(size / 2);
  const quarter = Math.floor(size / 4);
  const splits = { train: split(0, half), dev: split(half, half + quarter), test: split(half + quarter, size) };
  return {
    name: 'toy',
    corpus,
    queries: queryTexts,
    splits,
    policy: 'text',
    fingerprint: fingerprintDataset({ corpus, queries: queryTexts, splits }),
    notes: [],
  };
}

export const tinyShape = (towers: 'shared' | 'separate' = 'shared'): EncoderShape => ({
  transformer: bertShape({ layers: 2, width: 8, heads: 2, feedForward: 16, vocabulary: 30, positions: 12 }),
  towers,
  pooling: 'cls',
  similarity: { cosine: { temperature: 0.2 } },
  dropout: { hidden: 0, attention: 0 },
  frozen: { embeddings: false, layers: 0 },
});

/** A step's activations all at once. */
export const WHOLE: MemoryPlan = { kind: 'whole', microBatch: 1000, chunkRows: 1000, recompute: false };

/** The contrastive loss. */
export const SOFTMAX = { kind: 'softmax' } as const;

/** Token sequences of the given lengths with keyed ids in [5, 30), [CLS] = 2 and [SEP] = 3 around them. */
export function toyTokens(lengths: readonly number[], purpose: string): TokenTable {
  const key = deriveKey(2, purpose);
  const rows = lengths.map((length, row) => [2, ...Array.from({ length: length - 2 }, (_, i) => 5 + integer(key, row, i, 25)), 3]);
  const offsets = new Uint32Array(rows.length + 1);
  rows.forEach((row, i) => {
    offsets[i + 1] = offsets[i]! + row.length;
  });
  return { ids: Int32Array.from(rows.flat()), offsets };
}

/** A job's configuration: the schema's defaults, and the sections given. */
export const toyConfig = (sections: object = {}): RunConfig => runConfigSchema.parse({ name: 'toy', ...sections });
