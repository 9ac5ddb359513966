import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.js';
import { splitOfPositives } from '../../src/data/texts.js';
import { evaluateRun, type Run, rankingAt } from '../../src/eval/run.js';
import { writePerQuery, writeTrecRun } from '../../src/eval/runFiles.js';
import { namesOf, textsOf } from './texts.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-run-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const queries = textsOf(['first', 'second', 'third'], ['q-a', 'q-b', 'q-c']);
const corpus = textsOf(['p', 'q', 'r'], ['p0', 'p1', 'p2']);
/** Query 2 found p2, p0; query 0 found only p1; query 1 is not in the run. */
const run: Run = {
  k: 2,
  rows: Int32Array.of(2, 0),
  passages: Int32Array.of(2, 0, 1, -1),
  scores: Float32Array.of(1.5, 0.1, -3, 0),
};
const split = splitOfPositives(Int32Array.of(0, 1, 2), [Int32Array.of(1), Int32Array.of(0), Int32Array.of(0, 1)]);
const names = namesOf(queries, corpus);

describe('evaluateRun', () => {
  it('answers in the order of the split; a query without a ranking counts 0', () => {
    const { means, perQuery } = evaluateRun(run, split, ['recall@2', 'mrr@2', 'map'], names);
    expect([...perQuery['recall@2']]).toEqual([1, 0, 0.5]);
    expect([...perQuery['mrr@2']]).toEqual([1, 0, 0.5]);
    expect([...perQuery.map]).toEqual([1, 0, 0.25]);
    expect(means['recall@2']).toBe(0.5);
  });

  it('refuses a cut-off deeper than the run', () => {
    expect(() => evaluateRun(run, split, ['recall@3'], names)).toThrow(/recall@3.*2 passages/);
  });

  it('refuses a run without a common query', () => {
    expect(() => evaluateRun({ ...run, rows: Int32Array.of(7, 8) }, split, ['recall@2'], names)).toThrow(UserError);
  });

  it('refuses a passage ranked twice for a query', () => {
    expect(() => evaluateRun({ ...run, passages: Int32Array.of(2, 2, 1, -1) }, split, ['recall@2'], names)).toThrow(
      /query q-c: passage p2 stands twice/,
    );
  });
});

describe('rankingAt', () => {
  it('ends where no more was found', () => {
    expect([...rankingAt(run, 0)]).toEqual([2, 0]);
    expect([...rankingAt(run, 1)]).toEqual([1]);
  });
});

describe('writeTrecRun', () => {
  it('writes the six columns, ranks from 1, scores that give the 32-bit floats back', () => {
    const file = path.join(folder, 'run.trec');
    writeTrecRun(file, run, names, 'tower');
    expect(fs.readFileSync(file, 'utf8')).toBe('q-c Q0 p2 1 1.5 tower\nq-c Q0 p0 2 0.100000001 tower\nq-a Q0 p1 1 -3 tower\n');
    expect(Math.fround(0.100000001)).toBe(Math.fround(0.1));
  });

  it('refuses ids and tags that the format cannot hold, and leaves no file', () => {
    const file = path.join(folder, 'refused.trec');
    expect(() => writeTrecRun(file, run, namesOf(queries, textsOf(['', '', ''], ['p 0', 'p1', 'p2'])), 'tower')).toThrow(/"p 0"/);
    expect(() => writeTrecRun(file, run, names, '')).toThrow(UserError);
    expect(fs.existsSync(file)).toBe(false);
  });
});

describe('writePerQuery', () => {
  it('writes a line a query of the split', () => {
    const file = path.join(folder, 'perQuery.tsv');
    writePerQuery(file, queries, split, evaluateRun(run, split, ['recall@2', 'map'], names).perQuery);
    expect(fs.readFileSync(file, 'utf8')).toBe('query\trecall@2\tmap\nq-a\t1\t1\nq-b\t0\t0\nq-c\t0.5\t0.25\n');
  });
});
