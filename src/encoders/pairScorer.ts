/** Scores of pairs of texts by a cross-encoder, in batches. */
import type { Reporter } from '../core/reporter.js';
import { openCrossEncoder } from './crossEncoder.js';
import { createWeights, disposeWeights } from './parameters.js';
import { loadTokenizer } from './tokenizer/tokenizer.js';

export interface PairScorer {
  /** The logit of each passage for the query. */
  score(query: string, passages: readonly string[]): Promise<Float32Array>;
  dispose(): void;
}

/** Pairs scored at once. */
const BATCH = 32;

/** `model`: folder or hub id of the cross-encoder; pairs longer than `maxTokens` lose the end of the longer text. A backend must have been selected. */
export async function openPairScorer(model: string, maxTokens: number, reporter: Reporter): Promise<PairScorer> {
  const { encoder, parameters, folder } = await openCrossEncoder(model, 0, reporter);
  const tokenizer = await loadTokenizer(folder);
  const weights = createWeights(encoder.specs, parameters);
  return {
    score: async (query, passages) => {
      const pairs = passages.map((passage) => tokenizer.encodePair(query, passage, maxTokens));
      const scores = new Float32Array(pairs.length);
      for (let begin = 0; begin < pairs.length; begin += BATCH) {
        const block = pairs.slice(begin, begin + BATCH);
        const tokens = Math.max(...block.map(({ ids }) => ids.length));
        const ids = new Int32Array(block.length * tokens).fill(tokenizer.padId); // [B, T]
        block.forEach((pair, i) => ids.set(pair.ids, i * tokens));
        const batch = {
          ids,
          tokens,
          lengths: Int32Array.from(block, (pair) => pair.ids.length),
          seconds: Int32Array.from(block, ({ second }) => second),
          rows: Int32Array.from(block.keys()),
        };
        const values = encoder.score(weights, batch); // [B]
        scores.set((await values.data()) as Float32Array, begin);
        values.dispose();
      }
      return scores;
    },
    dispose: () => disposeWeights(weights),
  };
}
