/** Scores that come with the data, as a teacher. */
import { expect, it } from 'vitest';
import { silentReporter } from '../../../src/core/reporter.js';
import { tableOf } from '../../../src/encoders/batching.js';
import { requireServing } from '../../../src/train/labels.js';
import { openFixedTeacher } from '../../../src/train/ranker/fixedTeacher.js';
import type { TeacherSource } from '../../../src/train/ranker/teacher.js';
import { BLOCKED } from '../../../src/train/step/losses.js';
import { toyConfig, toyDataset } from '../fixtures.js';

const config = toyConfig({
  sampler: { kind: 'given', negatives: 2 },
  train: { inBatch: false, loss: { kind: 'distillation' }, teacher: 'data' },
});

/** Training query i has passages i + 1 and i + 2 as negatives; a passage's score is its row / 10. */
function scored(score = (row: number) => row / 10) {
  const toy = toyDataset(40);
  const { train } = toy.splits;
  const negatives = Array.from(train.rows, (row) => Int32Array.of(row + 1, row + 2));
  const scores = {
    positives: train.positives.map((rows) => Float32Array.from(rows, score)),
    negatives: negatives.map((rows) => Float32Array.from(rows, score)),
  };
  return { ...toy, splits: { ...toy.splits, train: { ...train, negatives, scores } } };
}

const open = (dataset: ReturnType<typeof scored>) =>
  openFixedTeacher({ job: { config }, source: { dataset }, reporter: silentReporter } as unknown as TeacherSource);

/** Queries 3 and 7 with their own passages. */
const rows = { queries: Int32Array.of(3, 7), passages: Int32Array.of(3, 4, 5, 7, 9) };
const mask = Float32Array.of(0, 0, 0, BLOCKED, BLOCKED, BLOCKED, BLOCKED, BLOCKED, 0, 0);
const batch = { step: 0, queries: tableOf([]), passages: tableOf([]), contrast: { target: Int32Array.of(0, 3), mask } };

it('gives each query’s passages their scores, the others 0', async () => {
  const teacher = await open(scored());
  expect([...(await teacher!.logits(batch, rows))]).toEqual([0.3, 0.4, 0.5, 0, 0, 0, 0, 0, 0.7, 0.9].map(Math.fround));
});

it('a random passage in place of a negative is refused, naming the query', async () => {
  const teacher = await open(scored());
  await expect(teacher!.logits(batch, { ...rows, passages: Int32Array.of(3, 4, 20, 7, 9) })).rejects.toThrow('query q3: a random negative');
});

it('data with fewer negatives than are drawn are refused before training, naming the query', () => {
  const few = scored();
  const { train } = few.splits;
  train.negatives[7] = train.negatives[7]!.slice(0, 1);
  train.scores.negatives[7] = train.scores.negatives[7]!.slice(0, 1);
  expect(() => requireServing(config, few)).toThrow(
    'found 1 negatives of query q7 with a teacher’s score; expected at least sampler.negatives (2)',
  );
});

it('data with a score missing is refused before training', () => {
  expect(() => requireServing(config, scored())).not.toThrow();
  expect(() =>
    requireServing(
      config,
      scored((row) => (row === 5 ? Number.NaN : 1)),
    ),
  ).toThrow('without a teacher’s scores');
});
