/** Job files laid over one another. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadConfig, resolvedYaml } from '../../src/config/load.js';
import { UserError } from '../../src/core/errors.js';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-extends-'));
afterAll(() => fs.rmSync(root, { recursive: true }));

let folders = 0;

/** The files in a folder of their own; the first is the job. */
function write(files: Readonly<Record<string, string>>): string {
  const folder = path.join(root, String(folders++));
  for (const [name, yaml] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), yaml);
  }
  return path.join(folder, Object.keys(files)[0]!);
}

const load = (files: Readonly<Record<string, string>>, ...sets: string[]) => loadConfig(write(files), sets);

/** The message, paths seen from the job's folder. */
function message(files: Readonly<Record<string, string>>, ...sets: string[]): string {
  const file = write(files);
  try {
    loadConfig(file, sets);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message.replaceAll(`${path.dirname(file)}${path.sep}`, '');
  }
  throw new Error('loadConfig accepted it');
}

describe('what wins', () => {
  test('later files over earlier ones, the job’s own keys over both, key by key', () => {
    const config = load({
      'job.yaml': 'extends: [recipe.yaml, data.yaml]\ntrain: {steps: 900}\n',
      'recipe.yaml': 'train: {steps: 300, queriesPerStep: 8, decay: cosine}\nseed: 1\n',
      'data.yaml': 'train: {steps: 400, queriesPerStep: 16}\neval: {selection: mrr@10}\n',
    });
    expect(config.train).toMatchObject({ steps: 900, queriesPerStep: 16, decay: 'cosine' });
    expect([config.seed, config.eval.selection]).toEqual([1, 'mrr@10']);
  });

  test('files are seen from the folder of the file that names them, and extend others themselves', () => {
    const config = load({
      'cells/job.yaml': 'extends: ../recipes/ance.yaml\n',
      'recipes/ance.yaml': 'extends: base.yaml\nseed: 2\n',
      'recipes/base.yaml': 'seed: 1\ntrain: {clipNorm: 3}\n',
    });
    expect([config.seed, config.train.clipNorm]).toEqual([2, 3]);
  });

  test('one file may lie below two others', () => {
    const config = load({
      'job.yaml': 'extends: [a.yaml, b.yaml]',
      'a.yaml': 'extends: base.yaml\nseed: 1',
      'b.yaml': 'extends: base.yaml',
      'base.yaml': 'seed: 9',
    });
    expect(config.seed).toBe(9); // b.yaml’s base lies over a.yaml
  });

  test('lists are replaced', () =>
    expect(
      load({ 'job.yaml': 'extends: a.yaml\neval: {measures: [recall@10]}', 'a.yaml': 'eval: {measures: [mrr@10, map@10]}' }).eval.measures,
    ).toEqual(['recall@10']));

  test('flags over all', () => expect(load({ 'job.yaml': 'extends: a.yaml\nseed: 2', 'a.yaml': 'seed: 1' }, 'seed=3').seed).toBe(3));

  test('a job has its own file’s name, not that of one that it extends', () => {
    const base = { 'base.yaml': 'name: base\nseed: 5' };
    expect(load({ 'job.yaml': 'extends: base.yaml', ...base })).toMatchObject({ name: 'job', seed: 5 });
    expect(load({ 'job.yaml': 'extends: base.yaml\nname: other', ...base }).name).toBe('other');
  });
});

describe('maps of a kind', () => {
  const simans = 'sampler: {kind: simans, a: 2, pool: 50, negatives: 3}\n';

  test('of another kind are replaced as a whole', () => {
    const { sampler } = load({ 'job.yaml': 'extends: a.yaml\nsampler: {kind: topk, pool: 60}', 'a.yaml': simans });
    expect(sampler).toMatchObject({ kind: 'topk', pool: 60, negatives: 7 });
    expect(sampler).not.toHaveProperty('a');
  });

  test('of the same kind, or where none is said, are joined', () => {
    for (const own of ['{kind: simans, b: 1}', '{b: 1}'])
      expect(load({ 'job.yaml': `extends: a.yaml\nsampler: ${own}`, 'a.yaml': simans }).sampler).toMatchObject({ a: 2, b: 1, pool: 50 });
  });

  test('data of another format are replaced', () => {
    const { data } = load({
      'job.yaml': 'extends: a.yaml\ndata: {format: beir, path: x}',
      'a.yaml': 'data: {format: dpr, path: y, positives: all, separator: token}',
    });
    expect(data).toMatchObject({ format: 'beir', path: 'x', separator: 'space' });
    expect(data).not.toHaveProperty('positives');
  });

  test('within a recipe’s stage, of which the schema knows no kinds', () => {
    const { recipe } = load({
      'job.yaml': 'extends: a.yaml\nrecipe: {warmup: {sampler: {kind: none}}}',
      'a.yaml': 'recipe: {kind: ance, warmup: {sampler: {kind: topk, pool: 5}, train: {steps: 300}}}',
    });
    expect(recipe).toMatchObject({ kind: 'ance', warmup: { sampler: { kind: 'none' }, train: { steps: 300 } } });
  });

  test('the shape of an encoder replaces weights and the other way round; what both have is joined', () => {
    const weights = { 'a.yaml': 'encoder: {init: {weights: x, preset: ar2, dropout: 0.2}}' };
    expect(load({ 'job.yaml': 'extends: a.yaml\nencoder: {init: {layers: 3}}', ...weights }).encoder.init).toMatchObject({
      layers: 3,
      dropout: 0.1,
    });
    expect(load({ 'job.yaml': 'extends: a.yaml\nencoder: {init: {dropout: 0}}', ...weights }).encoder.init).toEqual({
      weights: 'x',
      preset: 'ar2',
      dropout: 0,
    });
    const named = { 'a.yaml': 'encoder: {init: some/weights}' };
    expect(load({ 'job.yaml': 'extends: a.yaml\nencoder: {init: {dropout: 0}}', ...named }).encoder.init).toEqual({
      weights: 'some/weights',
      dropout: 0,
    });
    const shape = { 'a.yaml': 'encoder: {init: {layers: 3}}' };
    expect(load({ 'job.yaml': 'extends: a.yaml\nencoder: {init: some/weights}', ...shape }).encoder.init).toEqual({
      weights: 'some/weights',
    });
  });
});

test('the resolved YAML stands alone', () => {
  const config = load({ 'job.yaml': 'extends: a.yaml\nseed: 2', 'a.yaml': 'train: {steps: 777}' });
  expect(resolvedYaml(config)).not.toContain('extends');
  expect(load({ 'config.yaml': resolvedYaml(config) })).toEqual(config);
});

describe('messages', () => {
  test('name the file and line that say it', () =>
    expect(
      message({
        'job.yaml': 'extends: [a.yaml, b.yaml]\nseed: 1\ntrain:\n  decay: cubic\n',
        'a.yaml': '# comment\ntrain:\n  steps: none\n  learningrate: 1\n',
        'b.yaml': 'seed: no\nencodr: {}\n',
      }),
    ).toMatchInlineSnapshot(`
      "a.yaml:3: train.steps is "none"; expected a whole number ≥ 1
      job.yaml:4: train.decay is "cubic"; expected one of linear, cosine
      a.yaml:4: train.learningrate (1) is not a key; did you mean train.learningRate?
      b.yaml:2: encodr ({}) is not a key; did you mean encoder?"
    `));
  test('of a key that is missing, the file that wrote the map around it', () =>
    expect(message({ 'job.yaml': 'extends: a.yaml\nseed: 1', 'a.yaml': 'seed: 2\ndata: {format: beir}' })).toMatchInlineSnapshot(
      `"a.yaml:2: data.path is missing; expected the folder of a data set"`,
    ));
  test('of a relation, the file that says the first of its keys that is written', () =>
    expect(message({ 'job.yaml': 'extends: a.yaml\ntrain: {steps: 50}', 'a.yaml': 'refresh:\n  everySteps: 60' })).toMatchInlineSnapshot(
      `"a.yaml:2: refresh.everySteps is 60; expected at most train.steps (50)"`,
    ));
  test('never name a key of a map that was replaced', () =>
    expect(
      message({ 'job.yaml': 'extends: a.yaml\n\nsampler: {kind: topk, pool: 3}', 'a.yaml': 'sampler: {kind: simans, negatives: 3}' }),
    ).toMatchInlineSnapshot(`"job.yaml:3: sampler.negatives is 7; expected at most sampler.pool (3)"`));
  test('a circle', () =>
    expect(
      message({ 'job.yaml': 'seed: 1\nextends: a.yaml', 'a.yaml': 'extends: [b.yaml]', 'b.yaml': '\n\nextends: a.yaml' }),
    ).toMatchInlineSnapshot(
      `"b.yaml:3: extends is a.yaml; expected files that do not extend one another in a circle: a.yaml → b.yaml → a.yaml"`,
    ));
  test('a missing file', () =>
    expect(message({ 'job.yaml': 'seed: 1\nextends: recipes/anse.yaml' })).toMatchInlineSnapshot(
      `"job.yaml:2: extends names a file that does not exist, recipes/anse.yaml; expected its path, seen from the file that names it"`,
    ));
  test('no files', () =>
    expect([message({ 'job.yaml': 'extends: []' }), message({ 'job.yaml': 'extends: {file: a.yaml}' })]).toMatchInlineSnapshot(`
      [
        "job.yaml:1: extends is []; expected a file or a list of at least one, each a file",
        "job.yaml:1: extends is {"file":"a.yaml"}; expected a file or a list of at least one, each a file",
      ]
    `));
  test('a flag', () =>
    expect(message({ 'job.yaml': '' }, 'extends=a.yaml')).toMatchInlineSnapshot(
      `"--set extends=a.yaml: extends is a key of files alone; write a file with extends, and with what it changes"`,
    ));
  test('keys named like what every object has', () =>
    expect(message({ 'job.yaml': 'extends: a.yaml\nconstructor: 1', 'a.yaml': 'toString: 2' })).toMatch(
      /^a\.yaml:1: toString \(2\) is not a key; .*\njob\.yaml:2: constructor \(1\)/,
    ));
});
