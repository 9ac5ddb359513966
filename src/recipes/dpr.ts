/**
 * DPR (Karpukhin et al. 2020) with iterated hard negatives: a first retriever is trained on the negatives of the batch and BM25's; its ranking and BM25's together
 * are then the candidates of a second, which starts anew (mined negatives alone do worse).
 */
import type { RecipeConfig, RunConfig } from '../config/schema.js';
import type { Recipe } from './recipe.js';
import { retrieverStage } from './retrieverStage.js';

export function dpr(config: RunConfig, { first }: Extract<RecipeConfig, { kind: 'dpr' }>): Recipe {
  const round = retrieverStage(config, 'first', 'first round: negatives of the batch and of BM25', first, {
    stage: { candidates: candidateDepth(config) },
  });
  return { stages: [round], does: 'second round, from the start', parts: {} };
}

/** Twice the pool: filters remove some. */
export const candidateDepth = ({ sampler }: RunConfig): number => ('pool' in sampler ? 2 * sampler.pool : 200);
