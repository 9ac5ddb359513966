/** ANCE (Xiong et al. 2021): a warm-up on BM25's negatives, then negatives from an index that is made anew while training goes on. */
import type { RecipeConfig, RunConfig } from '../config/schema.js';
import type { Recipe } from './recipe.js';
import { retrieverStage } from './retrieverStage.js';

export function ance(config: RunConfig, { warmup }: Extract<RecipeConfig, { kind: 'ance' }>): Recipe {
  return { ...warmedUp(config, warmup), does: 'train on negatives of ever newer indexes' };
}

/** The warm-up, and that the job starts from its encoder; none where the settings say so. */
export function warmedUp(config: RunConfig, warmup: Extract<RecipeConfig, { kind: 'ance' }>['warmup']): Pick<Recipe, 'stages' | 'parts'> {
  if (warmup === 'none') return { stages: [], parts: {} };
  const stage = retrieverStage(config, 'warmup', 'warm-up of the retriever', warmup);
  return { stages: [stage], parts: { init: { weights: stage.model } } };
}
