/**
 * RocketQA (Qu et al. 2021): a first retriever; a ranker that learns to judge its candidates; then a retriever that starts anew, on candidates that the ranker
 * gives a low probability (denoised hard negatives). With queries that nobody judged, that retriever and the ranker label them, and the last one starts anew on all.
 * Negatives are shared by all replicas of a step in every stage (cross-batch).
 */
import path from 'node:path';
import type { RecipeConfig, RunConfig } from '../config/schema.js';
import { stageFolder } from '../config/stages.js';
import type { JobParts } from '../train/job.js';
import { stageCandidates } from '../train/refresh/candidateSource.js';
import { augmentStage } from './augmentStage.js';
import { candidateDepth } from './dpr.js';
import { rankerStage } from './rankerStage.js';
import type { Recipe } from './recipe.js';
import { retrieverStage } from './retrieverStage.js';

type RocketQaConfig = Extract<RecipeConfig, { kind: 'rocketqa' }>;

export function rocketqa(config: RunConfig, { first, ranker, negativesBelow, augment }: RocketQaConfig): Recipe {
  const retriever = retrieverStage(config, 'first', 'the first retriever', first, { stage: { candidates: candidateDepth(config) } });
  const judge = rankerStage(config, ranker, stageFolder(config, 'first'));
  const denoisedBy = (scores: string): Pick<JobParts, 'denoiser'> => ({
    denoiser: { model: judge.model, maxTokens: ranker.maxTokens, below: negativesBelow, scores: path.join(judge.model, '..', scores) },
  });
  if (augment === 'none')
    return { stages: [retriever, judge], does: 'train anew on candidates that the ranker denoises', parts: denoisedBy('scores') };
  const denoised = retrieverStage(config, 'denoised', 'the retriever anew, on candidates that the ranker denoises', ownSettings(config), {
    ...denoisedBy('scores'),
    stage: { searched: true },
  });
  const labels = augmentStage(config, augment, {
    retriever: stageFolder(config, 'denoised'),
    ranker: judge.model,
    maxTokens: ranker.maxTokens,
  });
  return {
    stages: [retriever, judge, denoised, labels],
    does: 'train anew on judged and labelled queries',
    parts: denoisedBy('scores-of-all'), // other data: the rows of its queries are others
  };
}

/** The job's own settings for a stage of it: its candidates of an earlier stage are that stage's file. */
function ownSettings(config: RunConfig): RocketQaConfig['first'] {
  const { train, refresh, sampler } = config;
  const file = stageCandidates(stageFolder(config, 'first'));
  const source = 'source' in sampler && { source: [sampler.source].flat().map((name) => (name === 'stage' ? file : name)) };
  return { train, refresh, sampler: { ...sampler, ...source } };
}
