/** Every metric against the reference tools, query by query: trec_eval 9.0.8 (-c, -l 1 and -l 2), its Python wrapper, ir_measures and ranx (scripts/make_eval_golden.py). */
import fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Split } from '../../src/data/types.js';
import { evaluateRun, type Names, type Run } from '../../src/eval/run.js';
import { pairedT } from '../../src/eval/significance.js';
import { twoSidedP } from '../../src/eval/tDistribution.js';

type ByQuery = Record<string, Record<string, number>>;

interface Case {
  name: string;
  qrels: ByQuery;
  run: ByQuery;
  trecEval: Record<string, ByQuery>;
  wrapper: Record<string, ByQuery>;
  others: ByQuery;
}

const read = (name: string) => JSON.parse(fs.readFileSync(new URL(`../golden/eval/${name}`, import.meta.url), 'utf8'));
const { cases } = read('runs.json') as { cases: Case[] };

/** Rows for ids, and the run with its scores in doubles, in no order. */
function asRows({ qrels, run }: Case) {
  const queries = [...new Set([...Object.keys(qrels), ...Object.keys(run)])];
  const passages = [...new Set([...Object.values(qrels), ...Object.values(run)].flatMap(Object.keys))];
  const rowOf = new Map(passages.map((id, row) => [id, row]));
  const k = Math.max(...Object.values(run).map((of) => Object.keys(of).length));
  const ranked = Object.entries(run);
  const ours: Run = {
    k,
    rows: Int32Array.from(ranked, ([query]) => queries.indexOf(query)),
    passages: new Int32Array(ranked.length * k).fill(-1),
    scores: new Float64Array(ranked.length * k),
    whole: true,
  };
  ranked.forEach(([, of], place) => {
    Object.entries(of).forEach(([id, score], i) => {
      ours.passages[place * k + i] = rowOf.get(id)!;
      ours.scores[place * k + i] = score;
    });
  });
  const judged = Object.values(qrels).map(Object.entries<number>);
  const split: Split = {
    rows: Int32Array.from(Object.keys(qrels), (id) => queries.indexOf(id)),
    positives: [],
    judged: judged.map((pairs) => Int32Array.from(pairs, ([id]) => rowOf.get(id)!)),
    grades: judged.map((pairs) => Int32Array.from(pairs, ([, grade]) => grade)),
  };
  const names: Names = { queryId: (row) => queries[row]!, passageId: (row) => passages[row]! };
  return { run: ours, split, names };
}

describe.each(cases)('$name', (reference) => {
  const { run, split, names } = asRows(reference);

  it.each([1, 2])('trec_eval -c -l %i, to the four digits that it prints', (level) => {
    const { all, ...perQuery } = reference.trecEval[level]!;
    const measures = Object.keys(all!);
    const ours = evaluateRun(run, split, measures, names, { level, precision: 'float32', removeSelf: false });
    for (const measure of measures) {
      expect(Math.abs(ours.means[measure]! - all![measure]!), `${measure}, mean`).toBeLessThan(5.0001e-5);
      split.rows.forEach((row, i) => {
        const query = names.queryId(row);
        expect(Math.abs(ours.perQuery[measure]![i]! - (perQuery[query]?.[measure] ?? 0)), `${measure}, ${query}`).toBeLessThan(5.0001e-5);
      });
    }
  });

  it.each([1, 2])('its wrapper at level %i, to 1e-12', (level) => {
    const perQuery = reference.wrapper[level]!;
    const measures = Object.keys(Object.values(perQuery)[0]!);
    const ours = evaluateRun(run, split, measures, names, { level, precision: 'float32', removeSelf: false });
    for (const [query, values] of Object.entries(perQuery)) {
      const i = [...split.rows].findIndex((row) => names.queryId(row) === query);
      for (const measure of measures)
        expect(Math.abs(ours.perQuery[measure]![i]! - values[measure]!), `${measure}, ${query}`).toBeLessThan(1e-12);
    }
  });

  it('ir_measures and ranx on judged@k and exponential gain', () => {
    const measures = [...new Set(Object.values(reference.others).flatMap(Object.keys))];
    if (measures.length === 0) return expect(reference.name).not.toBe('distinct'); // ties are broken otherwise there
    const ours = evaluateRun(run, split, measures, names);
    for (const [query, values] of Object.entries(reference.others)) {
      const i = [...split.rows].findIndex((row) => names.queryId(row) === query);
      for (const [measure, value] of Object.entries(values))
        if (i >= 0) expect(Math.abs(ours.perQuery[measure]![i]! - value), `${measure}, ${query}`).toBeLessThan(1e-9);
    }
  });
});

describe('significance, as scipy', () => {
  const { ttests, tDistribution } = read('significance.json') as {
    ttests: { a: number[]; b: number[]; t: number; p: number; low: number; high: number }[];
    tDistribution: { t: number; freedom: number; p: number }[];
  };

  it.each(ttests)('paired t of $a.length queries', ({ a, b, ...expected }) => {
    const found = pairedT(Float64Array.from(a), Float64Array.from(b));
    for (const key of ['t', 'p', 'low', 'high'] as const) expect(Math.abs(found[key] - expected[key])).toBeLessThan(1e-9);
  });

  it('the tails of Student’s t', () => {
    for (const { t, freedom, p } of tDistribution) expect(Math.abs(twoSidedP(t, freedom) - p)).toBeLessThan(1e-11 + 1e-9 * p);
  });
});
