/** The stage that trains RocketQA's ranker: pairs of training queries with their positives and with candidates of an earlier stage. */
import fs from 'node:fs';
import path from 'node:path';
import { selectBackend } from '../backend/index.js';
import type { RecipeConfig, RunConfig } from '../config/schema.js';
import { stageFolder } from '../config/stages.js';
import { deriveKey, integer } from '../core/random.js';
import { rowUniforms } from '../core/threefrySimd.js';
import { notNegatives } from '../data/texts.js';
import type { Dataset } from '../data/types.js';
import { loadTokenizer } from '../encoders/tokenizer/tokenizer.js';
import { createJudge } from '../eval/judge.js';
import { drawNegatives } from '../sampling/negatives.js';
import { topkUniformSampler } from '../sampling/topkUniform.js';
import type { Pool } from '../sampling/types.js';
import { bindDataset, replicaCount } from '../train/folder/jobFolder.js';
import { bindSettings, requireSameSettings, type StageBound } from '../train/folder/stageSettings.js';
import type { JobOptions } from '../train/job.js';
import { Ranker, type RankerPairs } from '../train/ranker/ranker.js';
import { openRanking, stageCandidates } from '../train/refresh/candidateSource.js';
import { queriesOfStep } from '../train/step/order.js';
import { learningRateAt } from '../train/step/schedule.js';
import { loadTrainable } from '../train/trainData.js';
import type { Stage } from './recipe.js';

type RocketQaConfig = Extract<RecipeConfig, { kind: 'rocketqa' }>;

/** `from`: the folder of the stage whose candidates it learns from. */
export function rankerStage(config: RunConfig, settings: RocketQaConfig['ranker'], from: string): Stage & { readonly model: string } {
  const folder = stageFolder(config, 'ranker');
  const model = path.join(folder, 'model');
  return {
    name: 'ranker',
    does: 'the ranker, on candidates of the first retriever',
    steps: settings.steps,
    model,
    done: () => fs.existsSync(path.join(model, 'config.json')),
    requireSame: (reporter) => {
      requireSameSettings(folder, boundOf(config, settings), reporter);
    },
    run: (options) => trainRanker(config, settings, { folder, from, model }, options),
  };
}

/** What decides its training. What the retriever's steps share with it stands where the ranker's own would. */
function boundOf({ seed, backend, data, lab, train, eval: { answerRule } }: RunConfig, settings: RocketQaConfig['ranker']): StageBound {
  const { precision, replicas, optimizer, clipNorm, decay, queriesPerStep, warmupShare, weightDecay } = train;
  return {
    ...{ seed, backend, data, lab },
    train: { precision, replicas, optimizer, clipNorm, decay },
    recipe: { ranker: { queriesPerStep, warmupShare, weightDecay, ...settings } },
    eval: { answerRule },
  };
}

async function trainRanker(
  config: RunConfig,
  settings: RocketQaConfig['ranker'],
  { folder, from, model }: { folder: string; from: string; model: string },
  { reporter, signal, earlier }: JobOptions,
): Promise<boolean> {
  const { warmupShare = config.train.warmupShare } = settings;
  const bound = boundOf(config, settings);
  const begun = requireSameSettings(folder, bound, reporter);
  const backend = await selectBackend(begun?.backend ?? config.backend, config.train.precision);
  const replicas = begun ? Number(begun.train.replicas) : replicaCount(config, backend.name);
  const dataset = await loadTrainable(config, reporter, { earlier });
  bindDataset(folder, dataset, reporter);
  bindSettings(folder, { ...bound, backend: backend.name, train: { ...bound.train, replicas } });
  const tokenizerFolder = path.join(from, 'tokenizer');
  const pairsOf = await pairsFrom(stageCandidates(from), dataset, config, settings);
  const ranker = await Ranker.open({
    settings,
    loss: 'pointwise',
    rateAt: (step) => learningRateAt(step, { ...config.train, warmupShare, learningRate: settings.learningRate, steps: settings.steps }),
    config,
    folder,
    tokenizer: await loadTokenizer(tokenizerFolder),
    tokenizerFolder,
    replicas,
    backend: backend.name,
    reporter,
  });
  try {
    await ranker.trainTo(settings.steps, pairsOf, signal);
    if (ranker.steps < settings.steps) return false;
    await ranker.write(model);
    return true;
  } finally {
    await ranker.dispose();
  }
}

/** The pairs of a step: queries as a retriever's step has them, each with a positive and negatives drawn evenly from its candidates. */
async function pairsFrom(
  file: string,
  dataset: Dataset,
  config: RunConfig,
  settings: RocketQaConfig['ranker'],
): Promise<(step: number) => RankerPairs> {
  const { queries, corpus, splits, answers } = dataset;
  const { train } = splits;
  const { negatives, queriesPerStep = config.train.queriesPerStep } = settings;
  const ranking = await openRanking(file, dataset);
  const judge = createJudge(dataset, config.eval);
  const poolOf = (place: number): Pool => {
    const row = train.rows[place]!;
    const positives = notNegatives(train, place);
    const known = new Set(positives);
    const passages = ranking(row).filter((passage) => !known.has(passage) && !(answers && judge.holdsAnswer(row, passage)));
    const unread = { scores: new Float32Array(passages.length), positiveScore: 0 }; // an even draw looks at no score
    return { query: queries.id(row), passages, positives, corpusSize: corpus.size, ...unread };
  };
  return (step) => {
    const [positiveKey, negativeKey] = [deriveKey(config.seed, 'ranker positive', step), deriveKey(config.seed, 'ranker negatives', step)];
    const places = queriesOfStep(config.seed, dataset, queriesPerStep, step);
    const texts = Array.from(places, (place, i) => {
      const pool = poolOf(place);
      const positives = train.positives[place]!;
      const sampler = topkUniformSampler(Math.max(1, pool.passages.length));
      const { passages } = drawNegatives(sampler, pool, negatives, rowUniforms(negativeKey, i));
      return [positives[integer(positiveKey, i, 0, positives.length)]!, ...passages].map((passage): [string, string] => [
        queries.text(train.rows[place]!),
        corpus.text(passage),
      ]);
    });
    return { texts: texts.flat(), group: 1 + negatives };
  };
}
