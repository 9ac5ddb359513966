/** What a job file may say of models: lengths of pairs, and the vocabulary beside weights. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import { loadConfig } from '../../src/config/load.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-config-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

function load(job: object, ...sets: string[]) {
  const file = path.join(folder, 'job.yaml');
  fs.writeFileSync(file, JSON.stringify({ train: { steps: 200 }, ...job }));
  return loadConfig(file, sets);
}

describe('pairs have at least 5 tokens, wherever their length is given', () => {
  const taught = { inBatch: false, loss: { kind: 'marginMse' }, steps: 200 };
  test.each([
    ['train.teacher', (maxTokens: number) => load({ train: { ...taught, teacher: { model: 'x', maxTokens } } })],
    ['sampler.filters.reranker', (maxTokens: number) => load({ sampler: { filters: { reranker: { model: 'x', maxTokens } } } })],
    ['recipe.ranker', (maxTokens: number) => load({ recipe: { kind: 'rocketqa', ranker: { maxTokens } } })],
  ])('%s', (key, make) => {
    expect(() => make(4)).toThrow(new RegExp(`${key}.maxTokens is 4; expected a whole number ≥ 5`));
    expect(() => make(5)).not.toThrow();
  });
});

it('a vocabulary beside weights is refused, and the flag that is named takes it away', () => {
  const job = { encoder: { init: { layers: 1 }, vocabulary: { size: 500 } } };
  const weights = 'encoder.init=some/weights';
  expect(() => load(job, weights)).toThrow(
    "encoder.vocabulary is given; expected no keys in it (--set 'encoder.vocabulary={}'), for encoder.init names weights",
  );
  expect(load(job, weights, 'encoder.vocabulary={}').encoder.init).toEqual({ weights: 'some/weights' });
});
