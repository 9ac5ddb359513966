/** A teacher that learns nothing more: the scores that come with the data, or a finished cross-encoder's. */
import path from 'node:path';
import { UserError } from '../../core/errors.js';
import type { Dataset } from '../../data/types.js';
import { competes } from '../step/losses.js';
import { type KeptScorer, openKeptScorer } from './keptScores.js';
import type { Teacher, TeacherSource } from './teacher.js';

/** The teacher that train.teacher asks for; undefined without one. */
export async function openFixedTeacher({ job, source, reporter }: TeacherSource): Promise<Teacher | undefined> {
  const { teacher } = job.config.train;
  if (teacher === 'none') return undefined;
  const { dataset } = source;
  const scorer =
    teacher === 'data'
      ? givenScores(dataset)
      : await openKeptScorer({ ...teacher, folder: path.join(job.folder, 'teacher'), dataset, namedBy: 'train.teacher.model', reporter });
  return {
    learn: async () => {},
    logits: async ({ contrast }, rows) => {
      const P = rows.passages.length;
      const logits = new Float32Array(contrast.mask.length);
      for (const [i, query] of rows.queries.entries()) {
        const columns = [...rows.passages.keys()].filter((column) => competes(contrast.mask[i * P + column]!));
        const scores = await scorer.score(
          query,
          Int32Array.from(columns, (column) => rows.passages[column]!),
        );
        columns.forEach((column, at) => {
          logits[i * P + column] = scores[at]!;
        });
      }
      return logits;
    },
    write: async () => ({}),
    dispose: async () => scorer.dispose(),
  };
}

/** Of the training queries' positives and negatives; requireServing has seen that there are some of all. */
function givenScores({ queries, splits: { train } }: Dataset): KeptScorer {
  const placeOf = new Map(Array.from(train.rows, (row, place) => [row, place]));
  return {
    score: async (query, passages) => {
      const place = placeOf.get(query)!;
      const lists = (['positives', 'negatives'] as const).map((name) => ({
        rows: train[name]![place]!,
        scores: train.scores![name][place]!,
      }));
      return Float32Array.from(passages, (passage) => {
        const list = lists.find(({ rows }) => rows.includes(passage));
        if (list) return list.scores[list.rows.indexOf(passage)]!;
        throw new UserError(
          `query ${queries.id(query)}: a random negative has no teacher’s score; expected at least sampler.negatives of its own; lower it.`,
        );
      });
    },
    dispose: () => {},
  };
}
