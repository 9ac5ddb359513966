/**
 * AR2 (Zhang et al. 2022): retriever and ranker in turn. Behind each refresh the ranker learns to tell the positive from negatives drawn from the retriever's
 * pools; then the retriever learns from the ranker's distribution over the passages of its batch (train.loss: distillation, AR2's adversarial term by choice).
 */
import path from 'node:path';
import type { RecipeConfig, RunConfig } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import { Ranker, type RankerPairs } from '../train/ranker.js';
import type { Refresh } from '../train/refresh.js';
import { refreshNumber, type ServedSteps } from '../train/refreshSchedule.js';
import { competingPairs, type Teacher, type TeacherSource } from '../train/teacher.js';
import { visitsOfStep } from '../train/visits.js';
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
    steps: stepsAt(refreshes - 1),
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
      return ranker.trainTo(wanted, (t) => pairsOf(source, refresh, served, t), signal);
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

/** The pairs of the ranker's step t: the queries of one of the coming steps, each with a positive and negatives drawn for the ranker. */
function pairsOf(source: TeacherSource['source'], refresh: Refresh, { from, to }: ServedSteps, t: number): RankerPairs {
  const { queries, corpus, splits } = source.dataset;
  const { train } = splits;
  const visits = visitsOfStep(source, refresh, from + (t % (to - from)), { purpose: 'ranker ', step: t });
  const texts = visits.flatMap(({ place, positive, draws }) =>
    [train.positives[place]![positive]!, ...draws.flatMap(({ passages }) => [...passages])].map((passage): [string, string] => [
      queries.text(train.rows[place]!),
      corpus.text(passage),
    ]),
  );
  return { texts, group: texts.length / visits.length };
}
