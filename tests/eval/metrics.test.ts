import fs from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.js';
import type { Split } from '../../src/data/types.js';
import { averagePrecision, ndcg, parseMeasure, rankingFromScores, recall, success } from '../../src/eval/metrics.js';
import { evaluateRun, type Run } from '../../src/eval/run.js';

type Grades = Record<string, number>;

interface Golden {
  tolerance: number;
  cutoffs: number[];
  cases: {
    name: string;
    qrels: Record<string, Grades>;
    run: Record<string, Grades>;
    order: Record<string, string[]>;
    perQuery: Record<string, Record<string, number>>;
    meanComplete: Record<string, number>;
  }[];
  mustError: { name: string; run?: Record<string, Record<string, number | string>>; k?: number }[];
}

const golden: Golden = JSON.parse(fs.readFileSync(new URL('../golden/metrics.json', import.meta.url), 'utf8'));
const measures = ['map', ...golden.cutoffs.flatMap((k) => ['recall', 'success', 'mrr', 'ndcg', 'map'].map((name) => `${name}@${k}`))];

/** Query and passage ids become rows in the order of their first mention. */
function asRows({ qrels, run }: Golden['cases'][number]): { run: Run; split: Split; queries: string[] } {
  const queries = Object.keys(qrels);
  const extra = Object.keys(run).filter((id) => !queries.includes(id));
  const passages = [...new Set([...Object.values(qrels), ...Object.values(run)].flatMap(Object.keys))];
  const ranked = [...queries, ...extra].filter((id) => id in run);
  const k = 12;
  const ours: Run = {
    k,
    rows: Int32Array.from(ranked, (id) => [...queries, ...extra].indexOf(id)),
    passages: new Int32Array(ranked.length * k).fill(-1),
    scores: new Float32Array(ranked.length * k),
  };
  ranked.forEach((query, place) => {
    const ids = Object.keys(run[query]);
    const scores = Object.values(run[query]);
    rankingFromScores(ids, scores).forEach((at, i) => {
      ours.passages[place * k + i] = passages.indexOf(ids[at]);
      ours.scores[place * k + i] = scores[at];
    });
  });
  const judged = queries.map((id) => Object.entries(qrels[id]).filter(([, grade]) => grade >= 1));
  const split = {
    rows: Int32Array.from(queries, (_, i) => i),
    positives: judged.map((pairs) => Int32Array.from(pairs, ([id]) => passages.indexOf(id))),
    grades: judged.map((pairs) => Int32Array.from(pairs, ([, grade]) => grade)),
  };
  return { run: ours, split, queries };
}

describe('evaluateRun agrees with trec_eval', () => {
  it.each(golden.cases)('$name', (reference) => {
    const { run, split, queries } = asRows(reference);
    const { means, perQuery } = evaluateRun(run, split, measures);
    for (const measure of measures) {
      expect(Math.abs(means[measure] - reference.meanComplete[measure])).toBeLessThanOrEqual(golden.tolerance);
      queries.forEach((id, i) => {
        const expected = reference.perQuery[id]?.[measure] ?? 0; // not in the run
        expect(Math.abs(perQuery[measure][i] - expected)).toBeLessThanOrEqual(golden.tolerance);
      });
    }
  });
});

describe('rankingFromScores', () => {
  it.each(golden.cases)('$name', ({ run, order }) => {
    for (const [query, expected] of Object.entries(order)) {
      const ids = Object.keys(run[query]);
      expect([...rankingFromScores(ids, Object.values(run[query]))].map((i) => ids[i])).toEqual(expected);
    }
  });

  it('refuses scores that are not finite and an id given twice', () => {
    const unscored = golden.mustError.filter(({ run }) => Object.values(run?.q ?? {}).some((score) => typeof score === 'string'));
    expect(unscored.map(({ name }) => name)).toEqual(['nan_score', 'infinite_score']);
    for (const { run } of unscored) {
      expect(() => rankingFromScores(Object.keys(run!.q), Object.values(run!.q).map(Number))).toThrow(UserError);
    }
    expect(() => rankingFromScores(['a', 'a'], [2, 1])).toThrow(/passage a stands twice/);
  });
});

describe('parseMeasure', () => {
  it('reads name and cut-off', () => {
    expect(parseMeasure('ndcg@20')).toMatchObject({ name: 'ndcg@20', cutoff: 20 });
    expect(parseMeasure('map').cutoff).toBe(Infinity);
  });

  it('refuses cut-offs below 1 and names it does not know', () => {
    for (const name of ['recall@0', 'recall@-1', 'recall@1.5', 'recall', 'precision@5', 'toString@5', ''])
      expect(() => parseMeasure(name)).toThrow(UserError);
  });
});

describe('the metrics', () => {
  const gradesOf = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 12 });
  const cutoffOf = fc.integer({ min: 1, max: 12 });

  it('lie in [0, 1], the best ranking having nDCG 1', () => {
    fc.assert(
      fc.property(gradesOf, cutoffOf, (ranked, k) => {
        for (const metric of [recall, success, ndcg, averagePrecision]) {
          expect(metric(ranked, ranked, k)).toBeGreaterThanOrEqual(0);
          expect(metric(ranked, ranked, k)).toBeLessThanOrEqual(1);
        }
        const best = [...ranked].sort((x, y) => y - x);
        expect(ndcg(best, ranked, k)).toBe(best[0] > 0 ? 1 : 0);
      }),
    );
  });

  it('never fall when the ranking is looked at deeper: recall, success', () => {
    fc.assert(
      fc.property(gradesOf, cutoffOf, (ranked, k) => {
        expect(recall(ranked, ranked, k + 1)).toBeGreaterThanOrEqual(recall(ranked, ranked, k));
        expect(success(ranked, ranked, k)).toBe(Math.ceil(recall(ranked, ranked, k)));
      }),
    );
  });
});
