/** What a job needs of its data before its first step: positives by answers where they are asked for, and what its configuration takes for granted. */
import type { RunConfig } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import type { Reporter } from '../core/reporter.js';
import { NEGATIVES_IN } from '../data/formats.js';
import { hidePositives } from '../data/hidden.js';
import { givenNegatives, notNegatives, selectFromSplit } from '../data/texts.js';
import type { Dataset, Split } from '../data/types.js';
import { Bm25Index } from '../eval/bm25.js';
import type { Judge } from '../eval/judge.js';
import { requireTrecIds } from '../eval/runFiles.js';

/** Ranks of BM25 that are looked at for an answer, as DPR does. */
const LABEL_DEPTH = 100;

/**
 * Distant supervision (DPR, for questions whose passages nobody marked): a training question without a positive gets those of BM25's first passages that
 * hold one of its answers; one with none is left out.
 */
export function labelByAnswers(dataset: Dataset, judge: Judge, reporter: Reporter): Dataset {
  const { corpus, queries, splits, documents } = dataset;
  const { train } = splits;
  const index = Bm25Index.build(corpus, undefined, 'english');
  const phase = reporter.phase('label by answers', train.rows.length, 'questions');
  const positives = train.positives.map((own, i) => {
    if (i % 256 === 0) phase.update(i);
    const row = train.rows[i]!;
    if (own.length > 0) return own;
    return index
      .search(queries.text(row), LABEL_DEPTH)
      .rows.filter((passage) => judge.holdsAnswer(row, passage))
      .sort();
  });
  phase.end();
  const kept = [...positives.keys()].filter((i) => positives[i]!.length > 0);
  reporter.line(
    `labels: ${kept.length} of ${train.rows.length} training questions have a passage with an answer in BM25's first ${LABEL_DEPTH}; the others are left out`,
  );
  const judged = documents ? positives.map((rows) => Int32Array.from(new Set(rows.map((row) => documents.of[row]!)))) : positives;
  const labelled = { ...train, positives, judged, grades: judged.map((rows) => rows.map(() => 1)) };
  return { ...dataset, splits: { ...splits, train: selectFromSplit(labelled, kept) } };
}

/** What is trained on: queries with a positive, and in an experiment (`lab`) only what it leaves known. */
export function trainable(loaded: Dataset, { lab, seed }: Pick<RunConfig, 'lab' | 'seed'>, reporter: Reporter): Dataset {
  const dataset = withPositives(loaded, reporter);
  if (!lab) return dataset;
  const hiding = hidePositives(dataset, lab, seed);
  for (const note of hiding.notes) reporter.line(note);
  return hiding;
}

/** Without the training queries that have no positive, such as questions with answers alone. */
export function withPositives(dataset: Dataset, reporter: Reporter): Dataset {
  const { splits, mix } = dataset;
  const { train } = splits;
  const kept = [...train.positives.keys()].filter((i) => train.positives[i]!.length > 0);
  if (kept.length === train.rows.length) return dataset;
  reporter.line(`data: ${train.rows.length - kept.length} of ${train.rows.length} training queries have no right passage and are left out`);
  const trained = { ...dataset, splits: { ...splits, train: selectFromSplit(train, kept) } };
  return mix ? { ...trained, mix: { ...mix, of: Int32Array.from(kept, (i) => mix.of[i]!) } } : trained;
}

/** Refuses, before long work, a configuration that the data cannot serve. `keys`: where a stage's own keys stand in the file, such as recipe.first. */
export function requireServing(config: RunConfig, dataset: Dataset, keys?: string): void {
  const { splits, answers, name, documents, corpus, queries } = dataset;
  const { sampler, refresh, train } = config;
  const { measures, selection } = config.eval;
  if (splits.train.rows.length === 0)
    throw new UserError(
      `${name}: found no training query with a right passage; expected judgments or examples of a train split; check data.path, or set data.labels.`,
    );
  if (splits.dev.rows.length === 0)
    throw new UserError(`${name}: found no dev query; expected a dev split or data.devShare of the training queries.`);
  requireGiven(config, dataset, keys);
  if (train.teacher === 'data' && !isScored(splits.train))
    throw new UserError(
      `${name}: found training queries without a teacher’s scores; expected one of each positive and negative, for train.teacher is data; leave those queries out, or name a cross-encoder.`,
    );
  if (train.teacher === 'data' && 'negatives' in sampler) requireScoredNegatives(dataset, sampler.negatives);
  if (documents && typeof refresh.when === 'object' && 'dev' in refresh.when)
    throw new UserError(
      `${name}: found documents in windows; expected passages for refresh.when.dev, which ranks a sample of them; set {drift: …}.`,
    );
  const byAnswer = measures.filter((measure) => measure.startsWith('answer@'));
  if (byAnswer.length > 0 && !answers)
    throw new UserError(
      `${name}: found no answers in the data; expected some, for eval.measures has ${byAnswer.join(', ')}; leave it out.`,
    );
  const judged = splits.dev.positives.some((rows) => rows.length > 0);
  if (!judged && !selection.startsWith('answer@'))
    throw new UserError(`${name}: found no judged passage in dev, only answers; expected eval.selection answer@k instead of ${selection}.`);
  requireTrecIds(name, documents ? 'document' : 'passage', documents ?? corpus);
  requireTrecIds(name, 'query', queries);
  requireNegatives(config, dataset, keys);
}

function requireGiven({ sampler, data }: RunConfig, { name, splits }: Dataset, keys?: string): void {
  const drawn = sampler.kind === 'given';
  const asked = drawn || ('source' in sampler && [sampler.source].flat().includes('given'));
  if (!asked || splits.train.negatives) return;
  const place = NEGATIVES_IN[data.format];
  const key = `${keys === undefined ? '' : `${keys}.`}sampler.${drawn ? 'kind is' : 'source has'} given`;
  throw new UserError(
    `${name}: found no negatives in the data; expected ${place ?? 'some'}, for ${key}; ${place === undefined ? 'choose another' : 'add them, or choose another'}.`,
  );
}

/** However few of them a pool holds, that many other passages of the corpus there must be; with replacement one is enough. */
function requireNegatives({ sampler }: RunConfig, { name, corpus, queries, splits: { train } }: Dataset, keys?: string): void {
  if (!('negatives' in sampler) || ('replacement' in sampler && sampler.replacement)) return;
  train.rows.forEach((row, place) => {
    const others = corpus.size - notNegatives(train, place).length;
    if (others < sampler.negatives)
      throw new UserError(
        `${name}: found ${others} passages that may be negatives of query ${queries.id(row)}; expected at least ${keys === undefined ? '' : `${keys}.`}sampler.negatives (${sampler.negatives}); lower it.`,
      );
  });
}

/** Random passages, which a short list is filled up with, have no score. */
function requireScoredNegatives({ name, queries, splits: { train } }: Dataset, wanted: number): void {
  train.rows.forEach((row, place) => {
    const own = givenNegatives(train, place).length;
    if (own < wanted)
      throw new UserError(
        `${name}: found ${own} negatives of query ${queries.id(row)} with a teacher’s score; expected at least sampler.negatives (${wanted}), for train.teacher is data; lower it, or leave such queries out.`,
      );
  });
}

const isScored = ({ scores }: Split): boolean =>
  scores !== undefined && [...scores.positives, ...scores.negatives].every((of) => of.every(Number.isFinite));
