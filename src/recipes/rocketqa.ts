/**
 * RocketQA (Qu et al. 2021): a first retriever; a ranker that learns to judge its candidates; then a retriever that starts anew, on candidates that the ranker
 * gives a low probability (denoised hard negatives). Negatives are shared by all replicas of a step in every stage (cross-batch).
 */
import path from 'node:path';
import type { RecipeConfig, RunConfig } from '../config/schema.js';
import { stageFolder } from '../config/stages.js';
import { openKeptScorer } from '../train/keptScores.js';
import { candidateDepth } from './dpr.js';
import { rankerStage } from './rankerStage.js';
import type { Recipe } from './recipe.js';
import { retrieverStage } from './retrieverStage.js';

export function rocketqa(config: RunConfig, { first, ranker, negativesBelow }: Extract<RecipeConfig, { kind: 'rocketqa' }>): Recipe {
  const retriever = retrieverStage(config, 'first', 'the first retriever', first, {
    stage: { candidates: candidateDepth(config) },
  });
  const judge = rankerStage(config, ranker, stageFolder(config, 'first'));
  return {
    stages: [retriever, judge],
    does: 'train anew on candidates that the ranker denoises',
    parts: {
      denoiser: async (of) => ({
        below: negativesBelow,
        ...(await openKeptScorer({
          ...of,
          model: judge.model,
          maxTokens: ranker.maxTokens,
          folder: path.join(judge.model, '..', 'scores'),
        })),
      }),
    },
  };
}
