import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { readQrels } from '../../src/eval/qrels.js';
import { readRun } from '../../src/eval/runFiles.js';
import { folderOf } from '../data/folder.js';

test.each(['qrels', 'qrels.dl19', '2019qrels-pass', 'judged.qrels'])('judgments in a file named %s are lines', async (name) => {
  const folder = folderOf({ [name]: 'q1 0 d1 2\r\nq1\t0\td2\t-1\n\nq2 Q0 d1 0\n' });
  const { split, names } = await readQrels(path.join(folder, name));
  expect(Array.from(split.rows, names.queryId)).toEqual(['q1', 'q2']);
  expect(split.grades.map((grades) => [...grades])).toEqual([[2, -1], [0]]);
});

describe('runs', () => {
  const rows = { query: (id: string) => Number(id.slice(1)), passage: (id: string) => Number(id.slice(1)) };
  const read = async (content: string) => {
    const { run } = await readRun(path.join(folderOf({ 'run.tsv': content }), 'run.tsv'), rows);
    return { rows: [...run.rows], passages: [...run.passages], scores: [...run.scores] };
  };

  test('of MS MARCO’s top1000, queries of one word among them', async () => {
    const content = 'q1\td1\twhat is it\tsome passage\nq2\td1\tphlegmatic\tof a calm temper\nq2\td2\tphlegmatic\tslow\n';
    expect(await read(content)).toEqual({ rows: [1, 2], passages: [1, -1, 1, 2], scores: [0, 0, 0, 0] });
  });

  test('are no judgments', async () => {
    await expect(read('q1\t0\td1\t1\n')).rejects.toThrow(/run\.tsv:1: found 4 fields/);
  });
});
