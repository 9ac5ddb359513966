/**
 * AR2 (Zhang et al. 2022): retriever and ranker in turn. Behind each refresh the ranker learns to tell the positive from negatives drawn from the retriever's
 * pools; then the retriever learns from the ranker's distribution over the passages of its batch (train.loss: distillation, AR2's adversarial term by choice).
 */
import path from 'node:path';
import type { RecipeConfig, RunConfig } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import { Ranker, type RankerPairs } from '../train/ranker/ranker.js';
import { competingPairs, type Teacher, type TeacherSource } from '../train/ranker/teacher.js';
import type { Refresh } from '../train/refresh/refresh.js';
import { refreshNumber, type ServedSteps } from '../train/refresh/refreshSchedule.js';
import { learningRateAt } from '../train/step/schedule.js';
import { visitsOfStep } from '../train/step/visits.js';
import { warmedUp } from './ance.js';
import type { Recipe } from './recipe.js';

type Ar2Config = Extract<RecipeConfig, { kind: 'ar2' }>;

export function ar2(config: RunConfig, settings: Ar2Config): Recipe {
  const { stages, parts } = warmedUp(config, settings.warmup);
  return {
    stages,
    does: 'train ranker and retriever in turn',
    parts: { ...parts, teacher: (of) => openTeacher(settings.ranker, of) },
  };
}

async function openTeacher(settings: Ar2Config['ranker'], { job, source, tokenizer, reporter }: TeacherSource): Promise<Teacher> {
  const { config, folder } = job;
  /** Steps of the ranker that a retriever which has met this refresh builds on. */
  const stepsAt = (refresh: number) => settings.warmupSteps + (refresh + 1) * settings.stepsPerRefresh;
  const refreshes = refreshNumber(config, config.train.steps);
  const ranker = await Ranker.open({
    settings,
    loss: 'listwise',
    rateAt: (step) => rankerRate(config, settings, step, stepsAt(refreshes - 1)),
    config,
    folder: path.join(folder, 'ranker'),
    tokenizer,
    tokenizerFolder: path.join(folder, 'tokenizer'),
    replicas: job.replicas,
    backend: job.backend.name,
    reporter,
  });
  let wanted = 0;
  return {
    learn: (refresh, served, signal) => {
      wanted = stepsAt(refresh.number);
      return ranker.trainTo(wanted, (t) => pairsOf(source, settings, refresh, served, t), signal);
    },
    logits: async (batch, rows) => {
      if (ranker.steps !== wanted)
        throw new UserError(
          `${path.join(folder, 'ranker')}: the ranker has made ${ranker.steps} steps; expected ${wanted} at step ${batch.step}. Restore the latest checkpoint of the job, or start it anew.`,
        );
      const { texts, places } = competingPairs(source.dataset, batch, rows);
      const scores = await ranker.score(texts);
      const logits = new Float32Array(batch.contrast.mask.length);
      places.forEach((place, i) => {
        logits[place] = scores[i]!;
      });
      return logits;
    },
    write: async () => {
      const model = path.join(folder, 'ranker', 'model');
      await ranker.write(model);
      return { ranker: model };
    },
    dispose: () => ranker.dispose(),
  };
}

/** The warm-up is a training of its own (D⁰), with a schedule of its own. */
function rankerRate({ train }: RunConfig, settings: Ar2Config['ranker'], step: number, steps: number): number {
  const { warmupSteps, learningRate, warmupLearningRate = learningRate, warmupShare = train.warmupShare } = settings;
  const schedule = { ...train, warmupShare };
  return step < warmupSteps
    ? learningRateAt(step, { ...schedule, learningRate: warmupLearningRate, steps: warmupSteps })
    : learningRateAt(step - warmupSteps, { ...schedule, learningRate, steps: steps - warmupSteps });
}

/** Where the queries of the ranker's step t begin in the stream of the coming steps' queries, which it goes through again and again, and how many there are. */
function placeOfStep({ train }: RunConfig, settings: Ar2Config['ranker'], t: number): { begin: number; size: number } {
  const { warmupSteps, queriesPerStep = train.queriesPerStep, warmupQueriesPerStep = queriesPerStep } = settings;
  const size = t < warmupSteps ? warmupQueriesPerStep : queriesPerStep;
  return { begin: Math.min(t, warmupSteps) * warmupQueriesPerStep + Math.max(0, t - warmupSteps) * queriesPerStep, size };
}

/** The pairs of the ranker's step t: queries of the coming steps, each with a positive and negatives drawn for the ranker. */
function pairsOf(
  source: TeacherSource['source'],
  settings: Ar2Config['ranker'],
  refresh: Refresh,
  { from, to }: ServedSteps,
  t: number,
): RankerPairs {
  const { dataset, config } = source;
  const { queries, corpus, splits } = dataset;
  const { train } = splits;
  const { queriesPerStep } = config.train;
  const { begin, size } = placeOfStep(config, settings, t);
  const first = Math.floor(begin / queriesPerStep);
  const passes = Array.from({ length: Math.ceil((begin + size) / queriesPerStep) - first }, (_, i) => first + i);
  const visits = passes
    .flatMap((pass) => visitsOfStep(source, refresh, from + (pass % (to - from)), { purpose: 'ranker ', step: pass }))
    .slice(begin - first * queriesPerStep, begin - first * queriesPerStep + size);
  const texts = visits.flatMap(({ place, positive, draws }) =>
    [train.positives[place]![positive]!, ...draws.flatMap(({ passages }) => [...passages])].map((passage): [string, string] => [
      queries.text(train.rows[place]!),
      corpus.text(passage),
    ]),
  );
  return { texts, group: texts.length / visits.length };
}
