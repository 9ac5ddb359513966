/** Presets: keys laid over any job file, after those that it extends and before flags. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { knownTogether } from './keys.js';
import { shown } from './problems.js';
import { isMap, mapAt, type RawMap } from './rawMap.js';

export type PresetName = 'tiny';

/** Questions about api-docs that nobody judged, for RocketQA's augmentation. */
const TINY_QUERIES = fileURLToPath(new URL('../../configs/presets/tiny-queries.jsonl', import.meta.url));
const LARGEST_POOL = 50;
const SHAPE = { layers: 2, width: 64, heads: 2, ffn: 256 };
const LENGTHS = { queryTokens: 32, passageTokens: 64 };

/**
 * `tiny`: what makes a job run end to end in minutes on a CPU, keeping its recipe, loss and way of drawing: a small encoder and ranker from random weights, tens of
 * steps, small data. What it says gives way to `flags`, the map that is laid over it, where both could not stand. `realData`: a folder with squadshifts, medquad and
 * medquad-pages; what the npm packages hold where not given.
 */
export function tiny(job: RawMap, flags: RawMap = {}, realData = process.env.SIMANS_DATA): RawMap {
  const ownData = 'data' in flags;
  const data = ownData ? undefined : smallData(mapAt(job, 'data'), realData);
  const { format } = data ?? { ...mapAt(job, 'data'), ...mapAt(flags, 'data') };
  // Negatives and answers come with the small data of DPR's format; what the data of a flag hold is not known here.
  const hasGiven = ownData ? format !== undefined && format !== 'builtin' : format === 'dpr';
  const encoder = mapAt(job, 'encoder');
  return {
    name: `${job.name}-tiny`,
    ...(data && { data }),
    encoder: {
      ...(!namesWeights(mapAt(flags, 'encoder').init) && { init: SHAPE, vocabulary: { size: 2000 } }),
      ...LENGTHS,
      ...(isMap(encoder.projection) && { projection: { width: 64 } }),
      ...('freeze' in encoder && { freeze: { embeddings: false, layers: 0 } }),
    },
    ...smallSection('recipe', smallRecipe(mapAt(job, 'recipe'), hasGiven)),
    ...smallSection('sampler', smallSampler(job.sampler, hasGiven, mapAt(flags, 'sampler'))),
    refresh: smallRefresh(mapAt(job, 'refresh'), mapAt(flags, 'refresh')),
    train: smallTrain(mapAt(job, 'train')),
    ...smallSection('eval', smallEvaluation(mapAt(job, 'eval'), hasGiven)),
  };
}

/** Whether a value of encoder.init is no shape of random weights, nor a part of one. */
const namesWeights = (init: unknown): boolean =>
  isMap(init) ? !knownTogether(['encoder', 'init'], Object.keys({ ...SHAPE, ...init })) : init !== undefined;

/** What became other, a line a key; a map that lost keys is one line. */
export function replacements(before: unknown, after: RawMap, above = ''): string[] {
  return Object.entries(after).flatMap(([key, value]) => {
    const old = isMap(before) && Object.hasOwn(before, key) ? before[key] : undefined;
    const name = `${above}${key}`;
    if (isMap(value) && (old === undefined || (isMap(old) && Object.keys(old).every((one) => Object.hasOwn(value, one)))))
      return replacements(old, value, `${name}.`);
    if (JSON.stringify(old) === JSON.stringify(value)) return [];
    return [`${name}: ${shown(value)}${old === undefined ? '' : ` instead of ${shown(old)}`}`];
  });
}

const smallSection = (name: string, section: RawMap): RawMap => (Object.keys(section).length === 0 ? {} : { [name]: section });

/** Of the same format where there is one, so that what is read of it (separator, windows) stays; undefined for data that are small already. */
function smallData({ format = 'builtin', ...keys }: RawMap, realData: string | undefined): RawMap | undefined {
  if (format === 'builtin') return undefined;
  if (realData === undefined) return { format: 'builtin', name: 'api-docs' };
  const [like, folder] =
    format === 'dpr' ? [format, 'squadshifts/new_wiki'] : format === 'msmarco-document' ? [format, 'medquad-pages'] : ['beir', 'medquad'];
  const ownCorpus = like === format && 'corpus' in keys && { corpus: 'own' };
  return { format: like, path: path.join(realData, folder), ...ownCorpus, ...('labels' in keys && like === 'dpr' && { labels: 'given' }) };
}

/** Stages take the job's settings, so that only what they have of their own is made small. */
function smallRecipe(recipe: RawMap, hasGiven: boolean): RawMap {
  const stages = ['warmup', 'first'].flatMap((name): [string, RawMap][] => {
    const stage = recipe[name];
    return isMap(stage) ? [[name, smallStage(stage, hasGiven)]] : [];
  });
  const small = Object.fromEntries(stages);
  const ranker = {
    init: { layers: 1, width: 64, heads: 2, ffn: 256 },
    maxTokens: 64,
    learningRate: 1e-3,
    queriesPerStep: 8,
    microBatch: 32,
  };
  const warmup = { warmupSteps: 5, warmupLearningRate: 1e-3, warmupQueriesPerStep: 8 };
  if (recipe.kind === 'ar2') return { ...small, ranker: { ...ranker, ...warmup, stepsPerRefresh: 5 } };
  if (recipe.kind !== 'rocketqa') return small;
  const augment = isMap(recipe.augment) && { augment: { queries: TINY_QUERIES, depth: 10 } };
  return { ...small, ranker: { ...ranker, steps: 10 }, ...augment };
}

function smallStage(stage: RawMap, hasGiven: boolean): RawMap {
  const sampler = smallSampler(stage.sampler, hasGiven);
  return {
    ...('encoder' in stage && { encoder: LENGTHS }),
    train: smallTrain(mapAt(stage, 'train')),
    refresh: smallRefresh(mapAt(stage, 'refresh')),
    ...smallSection('sampler', sampler),
  };
}

const smallTrain = (train: RawMap): RawMap => ({
  steps: 20,
  queriesPerStep: 8,
  learningRate: 1e-3,
  checkpointEverySteps: 10,
  ...('microBatch' in train && { microBatch: 4 }),
  ...(typeof train.replicas === 'number' && { replicas: 'auto' }),
});

const smallRefresh = (refresh: RawMap, { everyEpochs = 'none' }: RawMap = {}): RawMap => ({
  ...(everyEpochs === 'none' && { everySteps: 10 }),
  ...('everyEpochs' in refresh && { everyEpochs: 'none' }),
  ...(refresh.mode === 'async' && { lagSteps: 5 }),
  ...(isMap(refresh.index) && { index: { kind: 'exact' } }),
});

/** The same way of drawing, from the first step on; where the small data have no negatives of their own, BM25's instead of those. */
function smallSampler(sampler: unknown, hasGiven: boolean, flags: RawMap = {}): RawMap {
  if (!isMap(sampler)) return {};
  const { kind, source, negatives = 7, pool, filters } = sampler;
  const { preset = 'none' } = { ...sampler, ...flags };
  if (kind === 'given' && !hasGiven) return { kind: 'topkUniform', source: 'bm25', negatives };
  const sources = [source].flat();
  return {
    ...('fromStep' in sampler && { fromStep: 0 }),
    ...(sources.includes('given') && !hasGiven && { source: [...new Set(sources.map((one) => (one === 'given' ? 'bm25' : one)))] }),
    ...(preset === 'none' && kind !== 'rankWindow' && Number(pool) > LARGEST_POOL && { pool: Math.max(LARGEST_POOL, Number(negatives)) }),
    ...(isMap(filters) && isMap(filters.reranker) && { filters: { reranker: 'none' } }),
  };
}

/** Without measures of answers, where the small data have none. */
function smallEvaluation({ measures = [], selection = '' }: RawMap, hasAnswers: boolean): RawMap {
  const needsAnswers = (measure: unknown) => String(measure).startsWith('answer@');
  const asked = [measures].flat();
  if (hasAnswers || ![...asked, selection].some(needsAnswers)) return {};
  const kept = [...new Set([...asked.filter((measure) => !needsAnswers(measure)), 'recall@10'])];
  return { measures: kept, ...(needsAnswers(selection) && { selection: 'recall@10' }) };
}
