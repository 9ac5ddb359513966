import fs from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.js';
import type { Split } from '../../src/data/types.js';
import { averagePrecision, ndcg, parseMeasure, recall, success } from '../../src/eval/metrics.js';
import { DEFAULT_RULES, evaluateRun, type Names, orderedRanking, type Run } from '../../src/eval/run.js';

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
const measures = [
  'map',
  ...golden.cutoffs.flatMap((k) => ['recall', 'success', 'mrr', 'ndcg', 'map', 'p', 'rcap', 'ndcgExp'].map((name) => `${name}@${k}`)),
];

/** Query and passage ids become rows in the order of their first mention. */
function asRows({ qrels, run }: Pick<Golden['cases'][number], 'qrels' | 'run'>) {
  const judgedQueries = Object.keys(qrels);
  const queries = [...judgedQueries, ...Object.keys(run).filter((id) => !judgedQueries.includes(id))];
  const passages = [...new Set([...Object.values(qrels), ...Object.values(run)].flatMap(Object.keys))];
  const ranked = queries.filter((id) => id in run);
  const k = 12;
  const ours: Run = {
    k,
    rows: Int32Array.from(ranked, (id) => queries.indexOf(id)),
    passages: new Int32Array(ranked.length * k).fill(-1),
    scores: new Float64Array(ranked.length * k),
  };
  ranked.forEach((query, place) => {
    Object.entries(run[query]!).forEach(([id, score], i) => {
      ours.passages[place * k + i] = passages.indexOf(id);
      ours.scores[place * k + i] = Number(score);
    });
  });
  const judged = judgedQueries.map((id) => Object.entries(qrels[id]!));
  const split: Split = {
    rows: Int32Array.from(judgedQueries, (_, i) => i),
    positives: [],
    judged: judged.map((pairs) => Int32Array.from(pairs, ([id]) => passages.indexOf(id))),
    grades: judged.map((pairs) => Int32Array.from(pairs, ([, grade]) => grade)),
  };
  const names: Names = { queryId: (row) => queries[row]!, passageId: (row) => passages[row]! };
  return { run: ours, split, names, queries: judgedQueries };
}

describe('evaluateRun agrees with trec_eval', () => {
  it.each(golden.cases)('$name', (reference) => {
    const { run, split, names, queries } = asRows(reference);
    const { means, perQuery } = evaluateRun(run, split, measures, names);
    for (const measure of measures) {
      expect(Math.abs(means[measure] - reference.meanComplete[measure])).toBeLessThanOrEqual(golden.tolerance);
      queries.forEach((id, i) => {
        const expected = reference.perQuery[id]?.[measure] ?? 0; // not in the run
        expect(Math.abs(perQuery[measure][i] - expected)).toBeLessThanOrEqual(golden.tolerance);
      });
    }
  });
});

describe('orderedRanking', () => {
  it.each(golden.cases)('$name', (reference) => {
    const { run, names } = asRows(reference);
    run.rows.forEach((row, place) => {
      const expected = reference.order[names.queryId(row)];
      const ordered = [...orderedRanking(run, place, names, DEFAULT_RULES)].map((passage) => names.passageId(passage));
      if (expected) expect(ordered).toEqual(expected);
    });
  });

  it('refuses scores that are not finite and a passage given twice', () => {
    const unscored = golden.mustError.filter(({ run }) => Object.values(run?.q ?? {}).some((score) => typeof score === 'string'));
    expect(unscored.map(({ name }) => name)).toEqual(['nan_score', 'infinite_score']);
    for (const { run } of unscored) {
      const given = asRows({ qrels: { q: { a: 1 } }, run: run as Record<string, Grades> });
      expect(() => orderedRanking(given.run, 0, given.names, DEFAULT_RULES)).toThrow(UserError);
    }
    const twice: Run = { k: 2, rows: Int32Array.of(0), passages: Int32Array.of(0, 0), scores: Float32Array.of(2, 1) };
    expect(() => orderedRanking(twice, 0, { queryId: () => 'q', passageId: () => 'a' }, DEFAULT_RULES)).toThrow(/passage a stands twice/);
  });

  it('ties what differs beyond 32 bits alone, unless doubles are asked for', () => {
    const run: Run = { k: 2, rows: Int32Array.of(0), passages: Int32Array.of(0, 1), scores: Float64Array.of(0.10000000012, 0.1000000001) };
    const names: Names = { queryId: () => 'q', passageId: (row) => 'ab'[row]! };
    expect([...orderedRanking(run, 0, names, DEFAULT_RULES)]).toEqual([1, 0]);
    expect([...orderedRanking(run, 0, names, { ...DEFAULT_RULES, precision: 'double' })]).toEqual([0, 1]);
  });

  it('takes the query’s own passage out where that is the rule', () => {
    const run: Run = { k: 2, rows: Int32Array.of(0), passages: Int32Array.of(0, 1), scores: Float32Array.of(2, 1) };
    const names: Names = { queryId: () => 'a', passageId: (row) => 'ab'[row]! };
    expect([...orderedRanking(run, 0, names, { ...DEFAULT_RULES, removeSelf: true })]).toEqual([1]);
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
