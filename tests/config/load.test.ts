import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { describeSchema } from '../../src/config/keys.js';
import { loadConfig, resolvedYaml } from '../../src/config/load.js';
import { editDistance, nearest } from '../../src/config/nearest.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-config-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

function load(yaml: string, ...sets: string[]) {
  const file = path.join(folder, 'small.yaml');
  fs.writeFileSync(file, yaml);
  return loadConfig(file, sets);
}

const flat = (value: unknown, key = ''): string[] =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value).flatMap(([name, child]) => flat(child, key === '' ? name : `${key}.${name}`))
    : [key];

test('an empty file is the defaults, named after the file', () => {
  const config = load('');
  expect(config.name).toBe('small');
  expect(config.sampler).toMatchObject({ kind: 'simans', negatives: 7, share: 1, fromStep: 0, pool: 100, a: 0.5, b: 0, kernel: 'squared' });
  expect(config.encoder.init).toMatchObject({ width: 128, ffn: 512 });
});

test('ffn follows the width of the file unless it is given', () => {
  expect(load('encoder: {init: {width: 64}}').encoder.init).toMatchObject({ ffn: 256 });
  expect(load('encoder: {init: {width: 64, ffn: 100}}').encoder.init).toMatchObject({ ffn: 100 });
});

test('kinds bring their own defaults', () => {
  expect(load('sampler: {kind: random}').sampler).toEqual({ kind: 'random', negatives: 7, share: 1, fromStep: 0 });
  expect(load('sampler: {kind: none}').sampler).toEqual({ kind: 'none' });
  expect(load('sampler: {kernel: absolute}').sampler).toMatchObject({ kind: 'simans', kernel: 'absolute' });
  expect(load('data: {format: beir, path: some/folder}').data).toMatchObject({ format: 'beir', path: 'some/folder', devShare: 0.2 });
});

test('numbers may be written with an exponent, keys by anchors', () => {
  expect(load('train: {learningRate: 1e-3, weightDecay: 1.0E-2}').train).toMatchObject({ learningRate: 1e-3, weightDecay: 1e-2 });
  expect(load('train: {steps: &n 300}\nrefresh: {everySteps: *n}').refresh.everySteps).toBe(300);
});

test('--set lays YAML values over the file, later ones over earlier ones', () => {
  const config = load(
    'train: {steps: 300, decay: cosine}',
    'train.steps=400',
    'train.steps=500',
    'eval.measures=[recall@10, ndcg@10]',
    'encoder.similarity.cosine.temperature=0.1',
    'name=other',
  );
  expect(config.train).toMatchObject({ steps: 500, decay: 'cosine' });
  expect(config.eval.measures).toEqual(['recall@10', 'ndcg@10']);
  expect(config.encoder.similarity).toEqual({ cosine: { temperature: 0.1 } });
  expect(config.name).toBe('other');
});

test('--set of a map replaces the section', () => {
  expect(load('sampler: {pool: 50, a: 2}', 'sampler={kind: topk, negatives: 3}').sampler).toMatchObject({
    kind: 'topk',
    negatives: 3,
    share: 1,
    fromStep: 0,
    pool: 100,
  });
});

test('--set of a key of weights leaves the weights that a file names; one of a shape replaces them', () => {
  const named = 'encoder: {init: some/weights}';
  expect(load(named, 'encoder.init.dropout=0.2').encoder.init).toEqual({ weights: 'some/weights', dropout: 0.2 });
  expect(load(named, 'encoder.init.layers=3').encoder.init).toMatchObject({ layers: 3, width: 128 });
});

test('the resolved YAML loads to the same job', () => {
  const config = load(
    'sampler: {kind: topk}\nencoder: {similarity: {cosine: {temperature: 0.2}}, init: {width: 64}}\nbackend: cpu\n',
    'seed=7',
  );
  const file = path.join(folder, 'resolved.yaml');
  fs.writeFileSync(file, resolvedYaml(config));
  expect(loadConfig(file)).toEqual(config);
});

test('every key of a resolved job is described, and every description has a sentence and what is expected', () => {
  const rows = describeSchema();
  const described = rows.map(({ key }) => key);
  for (const yaml of [
    '',
    'sampler: {kind: topk}',
    'data: {format: beir, path: x}',
    'recipe: {kind: ar2, ranker: {warmupLearningRate: 1.0e-3, warmupQueriesPerStep: 2}}\ntrain: {loss: {kind: distillation}, inBatch: false}',
    'encoder: {similarity: {cosine: {temperature: 1}}, projection: {}}',
    'encoder: {init: {weights: x, preset: dpr}}',
  ]) {
    for (const key of flat(load(yaml))) expect(described).toContain(key);
  }
  expect(new Set(described).size).toBe(described.length);
  for (const { key, description, expects } of rows) {
    expect(description, key).toMatch(/^\S.*\.$/);
    expect(expects, key).not.toBe('');
  }
});

test('a key below a map of several kinds is of those that have it', () => {
  const of = Object.fromEntries(describeSchema().map((row) => [row.key, row.of]));
  expect(of['recipe.ranker.maxTokens']).toBe('rocketqa, ar2');
  expect(of['recipe.ranker.steps']).toBe('rocketqa');
  expect(of['recipe.ranker.stepsPerRefresh']).toBe('ar2');
  expect(of['recipe.first.sampler']).toBe('dpr, rocketqa');
});

test('described defaults are the ones used', () => {
  const config: unknown = load('name: x');
  for (const { key, default: byDefault, of } of describeSchema()) {
    const found = key.split('.').reduce<unknown>((value, step) => (value as Record<string, unknown> | undefined)?.[step], config);
    if (byDefault !== '' && (of === '' || of.includes('simans')) && !/cosine|projection\.|prefixes\.|partial\.|teacher\.|^lab\./.test(key))
      expect(parse(byDefault), key).toEqual(found);
  }
});

test('edit distance is a metric', () => {
  const word = fc.string({ maxLength: 8 });
  fc.assert(
    fc.property(word, word, word, (a, b, c) => {
      expect(editDistance(a, a)).toBe(0);
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c));
      expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
  );
  expect(editDistance('kitten', 'sitting')).toBe(3);
});

test('the nearest name, or none', () => {
  expect(nearest('negativs', ['pool', 'negatives', 'kind'])).toBe('negatives');
  expect(nearest('LearningRate', ['learningRate', 'steps'])).toBe('learningRate');
  expect(nearest('unrelated', ['a', 'pool'])).toBeUndefined();
  expect(nearest('x', [])).toBeUndefined();
});
