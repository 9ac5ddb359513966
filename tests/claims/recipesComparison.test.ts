import { expect, test } from 'vitest';
import { ARMS, cellsOf, PAIRS, pairsOf, SETS, type SetName, TRIALS } from '../../claims/recipesComparison.mjs';
import { setText } from '../../claims/recipesTable.mjs';
import type { ArmCell } from '../../src/analysis/compare.js';
import { configHash } from '../../src/config/hash.js';
import { recipeOf } from '../../src/recipes/index.js';

const NAMES = Object.keys(SETS) as SetName[];
const first = (set: SetName) => cellsOf(set).filter(({ seed }) => seed === 1);

test.each(NAMES)('%s: every arm is there with every seed, each a job of its own', (set) => {
  const jobs = cellsOf(set);
  expect(jobs).toHaveLength(3 * SETS[set].arms.length);
  expect(new Set(jobs.map(({ config }) => configHash(config))).size).toBe(jobs.length);
});

test.each(NAMES)('%s: arms share the start, K, m, the batch, the refreshes and the retriever’s steps, stages counted', (set) => {
  const shared = first(set).map(({ config }) => {
    const stages = recipeOf(config).stages.flatMap((stage) => stage.config ?? []);
    const steps = [...stages, config].reduce((sum, { train }) => sum + train.steps, 0);
    const { learningRate, steps: own, inBatch, loss, ...train } = config.train;
    const { bm25, ...rules } = config.eval;
    return { steps, train, refresh: config.refresh, encoder: config.encoder, data: config.data, rules };
  });
  for (const one of shared) expect(one).toEqual(shared[0]);
  const samplers = first(set).flatMap(({ config: { sampler } }) => ('pool' in sampler ? [[sampler.pool, sampler.negatives]] : []));
  expect(samplers).toHaveLength(shared.length - Number(SETS[set].arms.includes('in-batch')));
  for (const one of samplers) expect(one).toEqual(samplers[0]);
  const earlier = first(set).flatMap(({ config }) =>
    recipeOf(config).stages.flatMap(({ config: stage }) => (stage ? [stage.sampler] : [])),
  );
  for (const sampler of earlier) expect(sampler).toMatchObject({ pool: samplers[0]![0], negatives: samplers[0]![1] });
});

test('a recipe with simans differs from the recipe in its sampler alone', () => {
  for (const recipe of ['dpr', 'ance', 'rocketqa', 'ar2']) {
    const [own, simans] = [recipe, `${recipe}-simans`].map((name) => {
      const { config } = first('medquad').find(({ arm }) => arm === name)!;
      const { sampler, name: job, ...rest } = config;
      return { sampler, rest };
    });
    expect(own!.rest).toEqual(simans!.rest);
    expect([own!.sampler.kind, simans!.sampler.kind]).toEqual(['topkUniform', 'simans']);
    for (const key of ['source', 'filters', 'pool', 'negatives'] as const)
      expect((own!.sampler as Record<string, unknown>)[key]).toEqual((simans!.sampler as Record<string, unknown>)[key]);
  }
});

test('every recipe has as many trials, and the compared arms are arms', () => {
  for (const { rates, arm } of Object.values(TRIALS)) {
    expect(rates).toHaveLength(2);
    expect(Object.keys(ARMS)).toContain(arm);
  }
  expect(pairsOf('medquad')).toEqual(PAIRS);
  expect(pairsOf('wordnet').flat()).toEqual(['ance-simans', 'ance', 'ar2-simans', 'ar2']);
  for (const name of PAIRS.flat()) expect([...Object.keys(ARMS), 'BM25']).toContain(name);
});

function cell(arm: string, seed: number, values: number[]): ArmCell {
  const perQuery = Object.fromEntries(['mrr@10', 'recall@1', 'recall@5'].map((measure) => [measure, values]));
  const policy = { qrels: 'q' } as ArmCell['policy'];
  const queries = values.map((_, i) => `q${i}`);
  const versions = { simans: '0', node: 'v20', platform: 'p' };
  const rest = { commit: 'c0ffee', cpu: 'abacus', backend: 'cpu', versions, means: {}, dev: 0, bestStep: 7 };
  return { arm, seed, configHash: 'h', data: 'd', policy, queries, perQuery, ...rest, ...(arm === 'in-batch' && { bm25: perQuery }) };
}

test('an unfinished table compares what is there and names what is not', () => {
  const text = setText('medquad', [
    cell('in-batch', 1, [0, 0, 0, 0]),
    cell('in-batch', 2, [0, 0, 0, 0]),
    cell('simans', 1, [1, 0.5, 1, 0.5]),
  ]);
  expect(text).toContain('3 of 45 cells');
  expect(text).toMatch(/^Missing: topk 1, .*, ar2-simans 3\.$/m);
  expect(text).not.toMatch(/^Missing: .*in-batch [12],/m);
  expect(text).toMatch(/^\| in-batch \| 2 \| 7, 7 \| 0\.0000 \(0\.0000 to 0\.0000\) \|/m);
  expect(text).toMatch(/^\| topk \| 0 \| {2}\| not run \| not run \| not run \|$/m);
  expect(text).toMatch(/^\| simans − in-batch \| \+0\.7500 \(/m);
  expect(text).toMatch(/^\| simans − topk \| not run \| not run \| not run \|$/m);
});
