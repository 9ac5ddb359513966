import path from 'node:path';
import { expect, test } from 'vitest';
import { evaluateRunFiles } from '../../src/analysis/evaluate.js';
import { folderOf } from '../data/folder.js';

const lines = (order: readonly string[]) => order.map((passage, i) => `q Q0 ${passage} ${i + 1} 1 t\n`).join('');

test('a fusion does not depend on where tied passages stand in the files', async () => {
  const fused = async (a: readonly string[], b: readonly string[]) => {
    const folder = folderOf({ qrels: 'q 0 d1 1\n', 'a.trec': lines(a), 'b.trec': lines(b) });
    const at = (name: string) => path.join(folder, name);
    const options = { measures: ['mrr'], relevanceLevel: 1, precision: 'float32', answerRule: 'tokens', depth: 10, fuse: ['rrf'] } as const;
    const { result } = await evaluateRunFiles({ a: at('a.trec'), b: at('b.trec') }, at('qrels'), false, options);
    return Object.values(result.systems).map(({ means }) => means.mrr);
  };
  // Ties by id descending: d1 is the last of each, and so of both together.
  expect(await fused(['d3', 'd2', 'd1'], ['d3', 'd2', 'd1'])).toEqual([1 / 3, 1 / 3, 1 / 3]);
  expect(await fused(['d1', 'd2', 'd3'], ['d1', 'd3', 'd2'])).toEqual([1 / 3, 1 / 3, 1 / 3]);
});
