/** Scores of pairs of texts by a cross-encoder, in batches. */
import { UserError } from '../core/errors.js';
import { openCrossEncoder } from './crossEncoder.js';
import type { Asked } from './hub.js';
import { pairChunks, pairTable } from './pairs.js';
import { createWeights, disposeWeights } from './parameters.js';
import { loadTokenizer } from './tokenizer/tokenizer.js';

export interface PairScorer {
  /** [P], what its scores depend on. */
  readonly parameters: Float32Array;
  /** The logit of each passage for the query. */
  score(query: string, passages: readonly string[]): Promise<Float32Array>;
  dispose(): void;
}

/** Padded tokens scored at once. */
const CHUNK_TOKENS = 4096;

/** `model`: what findCrossEncoder takes; pairs longer than `maxTokens` lose the end of the longer text. A backend must have been selected. */
export async function openPairScorer(model: string, maxTokens: number, asked: Asked): Promise<PairScorer> {
  const { encoder, parameters, folder } = await openCrossEncoder(model, asked);
  const longest = encoder.shape.positions - encoder.shape.firstPosition;
  if (maxTokens > longest)
    throw new UserError(
      `${model}: pairs of ${maxTokens} tokens were asked for; expected at most ${longest}, its positions. Lower maxTokens.`,
    );
  const tokenizer = await loadTokenizer(folder);
  const weights = createWeights(encoder.specs, parameters);
  return {
    parameters,
    score: async (query, passages) => {
      const table = pairTable(
        tokenizer,
        passages.map((passage) => [query, passage] as const),
        maxTokens,
      );
      const scores = new Float32Array(passages.length);
      for (const { places, batch } of pairChunks(table, Int32Array.from(scores.keys()), { tokens: CHUNK_TOKENS }, tokenizer.padId)) {
        const logits = encoder.score(weights, batch); // [B]
        const values = await logits.data();
        logits.dispose();
        places.forEach((place, i) => {
          scores[place] = values[i]!;
        });
      }
      return scores;
    },
    dispose: () => disposeWeights(weights),
  };
}
