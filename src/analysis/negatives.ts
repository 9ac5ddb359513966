/** One query's negatives: its pool, what was kept out of it and why, how likely each candidate is, and what was drawn at which step. */
import { UserError } from '../core/errors.js';
import type { NegativesView } from '../sampling/negativesView.js';
import { placeOf, poolAt, positiveScoresAt, removedAt } from '../sampling/pools.js';
import { effectivePoolSize } from '../sampling/statistics.js';
import { visitsOfStep } from '../train/step/visits.js';
import { type JobView, poolsOf, stepsServed } from './jobView.js';

/** Throws a UserError for a query that is no training query, or that had no pool at the refresh. */
export function negativesOf(view: JobView, queryId: string, refreshNumber?: number): NegativesView {
  const { dataset, sampler } = view;
  const { queries, corpus, splits } = dataset;
  const row = queries.rowOf(queryId);
  if (row === undefined) throw new UserError(`${queryId}: found no such query in ${dataset.name}; expected the id of a training query.`);
  const { refresh, pools } = poolsOf(view, refreshNumber);
  const at = placeOf(pools, row);
  const some = Array.from(pools.rows.subarray(0, 5), (one) => queries.id(one)).join(', ');
  if (at < 0)
    throw new UserError(
      `${queryId}: found no pool of it at refresh ${refresh.number}: no step before the next one draws for it; expected one such as ${some}.`,
    );
  const place = splits.train.rows.indexOf(row);
  const pool = poolAt(pools, at, 0, { query: queryId, positives: splits.train.positives[place]!, corpusSize: corpus.size });
  const law = pool.passages.length > 0 ? sampler?.probabilities?.(pool) : undefined;
  const { from, to } = stepsServed(view, refresh);
  const drawn = new Map<number, number[]>();
  for (let step = from; step < to; step++)
    for (const visit of visitsOfStep(view, refresh, step))
      if (visit.place === place)
        for (const { passages } of visit.draws) for (const passage of passages) drawn.set(passage, [...(drawn.get(passage) ?? []), step]);
  const shown = (passage: number) => ({ id: corpus.id(passage), text: corpus.text(passage) });
  const inPool = new Set(pool.passages);
  return {
    query: { id: queryId, text: queries.text(row) },
    refresh: refresh.number,
    steps: [from, to],
    positives: Array.from(splits.train.positives[place]!, (passage, i) => ({ ...shown(passage), score: positiveScoresAt(pools, at)[i]! })),
    candidates: Array.from(pool.passages, (passage, i) => ({
      rank: i + 1,
      ...shown(passage),
      score: pool.scores[i]!,
      ...(law && { p: law[i] ?? 0 }),
      drawn: drawn.get(passage) ?? [],
    })),
    removed: removedAt(pools, at).map(({ passage, score, by }) => ({ ...shown(passage), score, by })),
    ...(law && { effectiveSize: effectivePoolSize(law) }),
    others: [...drawn]
      .filter(([passage]) => !inPool.has(passage))
      .flatMap(([passage, steps]) => steps.map((step) => ({ step, id: corpus.id(passage) }))),
  };
}
