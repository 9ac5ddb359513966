/** What a user sees for a wrong job file or flag. Each case: YAML, flags, and the whole message. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { UserError } from '../../src/core/errors.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-config-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** The message for a job file `job.yaml` with this text and these --set flags. */
function message(yaml: string, ...sets: string[]): string {
  const file = path.join(folder, 'job.yaml');
  fs.writeFileSync(file, yaml);
  try {
    loadConfig(file, sets);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message.replaceAll(`${folder}${path.sep}`, '');
  }
  throw new Error('loadConfig accepted it');
}

describe('keys', () => {
  test('misspelt at the top', () =>
    expect(message('seed: 1\nencodr: {towers: shared}\n')).toMatchInlineSnapshot(
      `"job.yaml:2: encodr ({"towers":"shared"}) is not a key; did you mean encoder?"`,
    ));
  test('misspelt within a section', () =>
    expect(message('train:\n  steps: 500\n  learningrate: 0.1\n')).toMatchInlineSnapshot(
      `"job.yaml:3: train.learningrate (0.1) is not a key; did you mean train.learningRate?"`,
    ));
  test('in another case', () =>
    expect(message('train: {Steps: 5}')).toMatchInlineSnapshot(`"job.yaml:1: train.Steps (5) is not a key; did you mean train.steps?"`));
  test('like nothing known', () =>
    expect(message('refresh: {background: true}')).toMatchInlineSnapshot(
      `"job.yaml:1: refresh.background (true) is not a key; expected one of everySteps, everyEpochs, when, partial, mode, lagSteps, index"`,
    ));
  test('in the wrong section', () =>
    expect(message('encoder: {heads: 4}')).toMatchInlineSnapshot(
      `"job.yaml:1: encoder.heads (4) is not a key; expected one of init, towers, pooling, projection, similarity, queryPrefix, passagePrefix, queryTokens, passageTokens, freeze, vocabulary"`,
    ));
  test('misspelt within a union', () =>
    expect(message('encoder: {similarity: {cosine: {temperatur: 0.1}}}')).toMatchInlineSnapshot(
      `"job.yaml:1: encoder.similarity.cosine.temperatur (0.1) is not a key; did you mean encoder.similarity.cosine.temperature?"`,
    ));
  test('misspelt option of a union', () =>
    expect(message('encoder: {similarity: {cosin: {temperature: 0.1}}}')).toMatchInlineSnapshot(
      `"job.yaml:1: encoder.similarity.cosin ({"temperature":0.1}) is not a key; did you mean encoder.similarity.cosine?"`,
    ));
  test('of another sampler', () =>
    expect(message('sampler:\n  kind: random\n  negatives: 3\n  pool: 50\n')).toMatchInlineSnapshot(
      `"job.yaml:4: sampler.pool (50) is a key of kind topk, topkUniform, rankWindow, nearestK, simans, docSim, module, not of random; remove it, or replace all of sampler: --set 'sampler={ kind: random, negatives: 3 }'"`,
    ));
  test('of another data format', () =>
    expect(message('data: {format: beir, path: x, name: wordnet}')).toMatchInlineSnapshot(
      `"job.yaml:1: data.name ("wordnet") is a key of format builtin, not of beir; remove it, or replace all of data: --set 'data={ format: beir, path: x }'"`,
    ));
  test('of a format that auto may find', () =>
    expect(message('data: {format: auto, path: x, minClicks: 3}')).toMatchInlineSnapshot(
      `"job.yaml:1: data.minClicks (3) is a key of format clicks, not of auto; remove it, or name the format: --set data.format=clicks"`,
    ));
  test('named like what every object has', () =>
    expect(message('__proto__: {a: 1}\nconstructor: 2\n')).toMatchInlineSnapshot(`
      "job.yaml:1: __proto__ ({"a":1}) is not a key; expected one of extends, name, seed, jobsFolder, data, encoder, recipe, sampler, refresh, train, eval, lab, backend
      job.yaml:2: constructor (2) is not a key; expected one of extends, name, seed, jobsFolder, data, encoder, recipe, sampler, refresh, train, eval, lab, backend"
    `));
  test('that are numbers', () =>
    expect(message('1: one')).toMatchInlineSnapshot(
      `"job.yaml:1: 1 ("one") is not a key; expected one of extends, name, seed, jobsFolder, data, encoder, recipe, sampler, refresh, train, eval, lab, backend"`,
    ));
});

describe('values', () => {
  test('text for a number', () =>
    expect(message('train:\n  steps: many\n')).toMatchInlineSnapshot(`"job.yaml:2: train.steps is "many"; expected a whole number ≥ 1"`));
  test('fraction for a whole number', () =>
    expect(message('train: {steps: 1.5}')).toMatchInlineSnapshot(`"job.yaml:1: train.steps is 1.5; expected a whole number ≥ 1"`));
  test('below the range', () =>
    expect(message('train: {warmupShare: -0.1}')).toMatchInlineSnapshot(
      `"job.yaml:1: train.warmupShare is -0.1; expected a share ≥ 0 and < 1"`,
    ));
  test('on an open end of the range', () =>
    expect(message('data: {devShare: 0}')).toMatchInlineSnapshot(`"job.yaml:1: data.devShare is 0; expected a share > 0 and ≤ 0.5"`));
  test('a warm-up with shorter texts, from whose encoder of random weights the job cannot go on', () =>
    expect(message('recipe: {kind: ance, warmup: {encoder: {passageTokens: 40}}}')).toMatchInlineSnapshot(
      `"job.yaml:1: recipe.warmup: its longest text has 40 tokens; expected at least 64, this job’s longest, whose positions an encoder of random weights learns there"`,
    ));
  test('infinite and not a number', () =>
    expect(message('train: {learningRate: .inf, clipNorm: .nan}')).toMatchInlineSnapshot(`
    "job.yaml:1: train.learningRate is Infinity; expected a number > 0 and ≤ 1
    job.yaml:1: train.clipNorm is NaN; expected a number > 0"
  `));
  test('yes for true', () =>
    expect(message('train: {inBatch: yes}')).toMatchInlineSnapshot(`"job.yaml:1: train.inBatch is "yes"; expected true or false"`));
  test('unknown choice', () =>
    expect(message('train: {decay: exponential}')).toMatchInlineSnapshot(
      `"job.yaml:1: train.decay is "exponential"; expected one of linear, cosine"`,
    ));
  test('misspelt choice', () =>
    expect(message('encoder: {towers: seperate}')).toMatchInlineSnapshot(
      `"job.yaml:1: encoder.towers is "seperate"; expected one of shared, separate (did you mean separate?)"`,
    ));
  test('misspelt kind', () =>
    expect(message('sampler: {kind: simens, a: 1}')).toMatchInlineSnapshot(
      `"job.yaml:1: sampler.kind is "simens"; expected one of none, random, given, topk, topkUniform, rankWindow, nearestK, simans, docSim, module (did you mean simans?)"`,
    ));
  test('neither of two types', () =>
    expect(message('train: {replicas: all}')).toMatchInlineSnapshot(
      `"job.yaml:1: train.replicas is "all"; expected auto or a whole number ≥ 1 and ≤ 64"`,
    ));
  test('neither option of a union', () =>
    expect(message('encoder: {similarity: cosine}')).toMatchInlineSnapshot(
      `"job.yaml:1: encoder.similarity is "cosine"; expected dot or a map of cosine"`,
    ));
  test('empty section', () =>
    expect(message('sampler:\ntrain:\n  steps: 300\n')).toMatchInlineSnapshot(
      `"job.yaml:1: sampler is empty; expected a map such as {kind: none | random | given | topk | topkUniform | rankWindow | nearestK | simans | docSim | module}"`,
    ));
  test('list for a section', () =>
    expect(message('train: [steps, 5]')).toMatchInlineSnapshot(
      `"job.yaml:1: train is ["steps",5]; expected a map with keys such as queriesPerStep, steps, loss"`,
    ));
  test('text for a section', () =>
    expect(message('encoder: {vocabulary: large}')).toMatchInlineSnapshot(
      `"job.yaml:1: encoder.vocabulary is "large"; expected a map of size, minFrequency, splitIdentifiers"`,
    ));
  test('unknown measure', () =>
    expect(message('eval:\n  measures:\n    - recall@10\n    - recal@5\n    - mrr@10\n')).toMatchInlineSnapshot(
      `"job.yaml:4: eval.measures.1 is "recal@5"; expected a measure such as recall@10 (or success, mrr, ndcg, ndcgExp, map, p, rcap, judged, hole, answer)"`,
    ));
  test('empty list', () =>
    expect(message('eval: {measures: []}')).toMatchInlineSnapshot(
      `"job.yaml:1: eval.measures is []; expected a list of at least one, each a measure such as recall@10 (or success, mrr, ndcg, ndcgExp, map, p, rcap, judged, hole, answer)"`,
    ));
  test('name that leaves the folder', () =>
    expect(message('name: ../elsewhere')).toMatchInlineSnapshot(
      `"job.yaml:1: name is "../elsewhere"; expected a folder name of at most 100 letters, digits, ".", "_" and "-", a letter or digit first"`,
    ));
  test('missing folder of the data', () =>
    expect(message('data: {format: beir}')).toMatchInlineSnapshot(`"job.yaml:1: data.path is missing; expected the folder of a data set"`));
  test('long value is cut', () =>
    expect(message(`seed: ${'x'.repeat(200)}`)).toMatchInlineSnapshot(
      `"job.yaml:1: seed is "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…; expected a whole number ≥ 0"`,
    ));
});

describe('relations', () => {
  test('heads and width', () =>
    expect(message('encoder: {init: {width: 100, heads: 8}}')).toMatchInlineSnapshot(
      `"job.yaml:1: encoder.init.heads is 8; expected a divisor of encoder.init.width (100)"`,
    ));
  test('negatives and pool', () =>
    expect(message('sampler:\n  pool: 10\n  negatives: 11\n')).toMatchInlineSnapshot(
      `"job.yaml:3: sampler.negatives is 11; expected at most sampler.pool (10)"`,
    ));
  test('no negatives at all', () =>
    expect(message('sampler: {kind: none}\ntrain:\n  inBatch: false\n')).toMatchInlineSnapshot(
      `"job.yaml:3: train.inBatch is false; expected true, for with sampler.kind none there are no other negatives"`,
    ));
  test('pools between refreshes', () =>
    expect(message('sampler: {fromStep: 30}\nrefresh: {everySteps: 20}\ntrain: {steps: 40}\n')).toMatchInlineSnapshot(
      `"job.yaml:1: sampler.fromStep is 30; expected a multiple of refresh.everySteps (20): pools are made at refreshes"`,
    ));
  test('queries that draw nothing and share nothing', () =>
    expect(message('sampler: {share: 0.5}\ntrain: {inBatch: false}\n')).toMatchInlineSnapshot(
      `"job.yaml:2: train.inBatch is false; expected true, for with sampler.share 0.5 and sampler.fromStep 0 some queries have no other negatives"`,
    ));
  test('a single query without a sampler', () =>
    expect(message('sampler: {kind: none}\ntrain: {queriesPerStep: 1}')).toMatchInlineSnapshot(
      `"job.yaml:2: train.queriesPerStep is 1; expected at least 2, for with sampler.kind none the negatives are other queries’ passages"`,
    ));
  test('replicas and queries', () =>
    expect(message('train: {replicas: 8, queriesPerStep: 4}')).toMatchInlineSnapshot(
      `"job.yaml:1: train.replicas is 8; expected at most train.queriesPerStep (4)"`,
    ));
  test('refresh and steps', () =>
    expect(message('train: {steps: 50}')).toMatchInlineSnapshot(
      `"job.yaml:1: refresh.everySteps is 200; expected at most train.steps (50)"`,
    ));
  test('refreshes by steps and by epochs', () =>
    expect(message('refresh: {everySteps: 40, everyEpochs: 1}')).toMatchInlineSnapshot(
      `"job.yaml:1: refresh.everyEpochs is 1 and refresh.everySteps 40; expected one of them"`,
    ));
  test('a drift of pools that there are not', () =>
    expect(message('refresh: {when: {drift: 0.1}}\nsampler: {kind: random}')).toMatchInlineSnapshot(
      `"job.yaml:1: refresh.when.drift is 0.1; expected a sampler with a pool, for its candidates are compared, not random"`,
    ));
  test('an unknown occasion', () =>
    expect(message('refresh: {when: sometimes}')).toMatchInlineSnapshot(
      `"job.yaml:1: refresh.when is "sometimes"; expected one of always, never or a map of drift or a map of dev"`,
    ));
  test('partial refreshes where dev decides', () =>
    expect(message('refresh: {when: {dev: 0.1}, partial: {share: 0.1}}')).toMatchInlineSnapshot(
      `"job.yaml:1: refresh.partial is given; expected none with refresh.when.dev, for a partial refresh measures no dev to compare with"`,
    ));
  test('partial refreshes without pools', () =>
    expect(message('refresh: {partial: {share: 0.1}}\nsampler: {kind: none}')).toMatchInlineSnapshot(
      `"job.yaml:1: refresh.partial is given; expected none with sampler.kind none, which has no pools: its refreshes measure dev, for which all is encoded"`,
    ));
  test('pools that would be switched after the next refresh is begun', () =>
    expect(message('refresh: {everySteps: 40, mode: async}')).toMatchInlineSnapshot(
      `"job.yaml:1: refresh.lagSteps is 50; expected fewer than refresh.everySteps (40), for one refresh is made at a time"`,
    ));
  test('selection and measures', () =>
    expect(message('eval: {measures: [mrr@10]}')).toMatchInlineSnapshot(
      `"job.yaml:1: eval.selection is recall@10; expected one of eval.measures (mrr@10)"`,
    ));
  test('a selection of which less is better', () =>
    expect(message('eval: {measures: [hole@10], selection: hole@10}')).toMatchInlineSnapshot(
      `"job.yaml:1: eval.selection is hole@10; expected a measure of which more is better: the checkpoint with the most of it is taken"`,
    ));
  test('are reported beside mistakes in other keys', () =>
    expect(message('seed: no\nsampler:\n  pool: 10\n  negatives: 11\n')).toMatchInlineSnapshot(`
      "job.yaml:1: seed is "no"; expected a whole number ≥ 0
      job.yaml:4: sampler.negatives is 11; expected at most sampler.pool (10)"
    `));
  test('of a key that is itself wrong are not', () =>
    expect(message('sampler: {pool: ten, negatives: 200}')).toMatchInlineSnapshot(
      `"job.yaml:1: sampler.pool is "ten"; expected a whole number ≥ 1 and ≤ 10000"`,
    ));
});

describe('what was meant', () => {
  test('a text of digits', () =>
    expect(message('', 'name=42')).toMatch(/^--set name=42: name is 42; .* \(digits alone are a number: a text of them needs quotes\)$/));
  test('files without a format', () =>
    expect(message('data: {path: data/mine}')).toMatch(/not of builtin; remove it, or name the format: --set data\.format=auto$/));
  test('windows that leave words out', () =>
    expect(message('data: {format: auto, path: x, windows: {words: 10, stride: 20}}')).toBe(
      'job.yaml:1: data.windows is {"words":10,"stride":20}; expected a stride of at most words, for words between windows would be lost',
    ));
  test('a mix of one', () => expect(message('data: {format: mix, sets: [{path: x}]}')).toContain('expected a list of at least two, each'));
});

describe('--set', () => {
  test('without a value', () =>
    expect(message('', 'train.steps', '=3', 'train..steps=3')).toMatchInlineSnapshot(`
    "--set train.steps: expected key=value with a dotted key, such as --set train.steps=100
    --set =3: expected key=value with a dotted key, such as --set train.steps=100
    --set train..steps=3: expected key=value with a dotted key, such as --set train.steps=100"
  `));
  test('value that is not YAML', () =>
    expect(message('', 'eval.measures=[recall@1')).toMatchInlineSnapshot(
      `"--set eval.measures=[recall@1: the value is not YAML: Flow sequence must end with a ]"`,
    ));
  test('misspelt key', () =>
    expect(message('', 'sampler.negativs=3')).toMatchInlineSnapshot(
      `"--set sampler.negativs=3: sampler.negativs (3) is not a key; did you mean sampler.negatives?"`,
    ));
  test('a key as other programs write it', () =>
    expect(message('', 'train.learning_rate=0.1')).toBe(
      '--set train.learning_rate=0.1: train.learning_rate (0.1) is not a key; did you mean train.learningRate?',
    ));
  test('wrong value', () =>
    expect(message('train: {steps: 300}', 'train.steps=0')).toMatchInlineSnapshot(
      `"--set train.steps=0: train.steps is 0; expected a whole number ≥ 1"`,
    ));
  test('key below a plain value', () =>
    expect(message('', 'train.steps.each=3')).toMatchInlineSnapshot(
      `"--set train.steps.each=3: train.steps is {"each":3}; expected a whole number ≥ 1"`,
    ));
  test('breaks a relation with the file', () =>
    expect(message('train: {steps: 900}', 'refresh.everySteps=1000')).toMatchInlineSnapshot(
      `"--set refresh.everySteps=1000: refresh.everySteps is 1000; expected at most train.steps (900)"`,
    ));
  test('makes keys of the file another kind’s', () =>
    expect(message('sampler:\n  pool: 50\n  negatives: 3\n', 'sampler.kind=random')).toMatchInlineSnapshot(
      `"--set sampler.kind=random: sampler.pool (50) is a key of kind topk, topkUniform, rankWindow, nearestK, simans, docSim, module, not of random; remove it, or replace all of sampler: --set 'sampler={ kind: random, negatives: 3 }'"`,
    ));
  test('beside mistakes of the file', () =>
    expect(message('seed: -1\n', 'backend=gpu')).toMatchInlineSnapshot(`
    "job.yaml:1: seed is -1; expected a whole number ≥ 0
    --set backend=gpu: backend is "gpu"; expected one of auto, tensorflow, webgpu, onnx, wasm, cpu (did you mean cpu?)"
  `));
});

describe('YAML', () => {
  test('unclosed list', () =>
    expect(message('seed: 1\neval: {measures: [recall@1\n')).toMatchInlineSnapshot(`
    "job.yaml:3:1: not YAML: Flow sequence in block collection must be sufficiently indented and end with a ]
    job.yaml:3:1: not YAML: Flow map in block collection must be sufficiently indented and end with a }"
  `));
  test('tab', () =>
    expect(message('train:\n\tsteps: 5\n')).toMatchInlineSnapshot(`"job.yaml:2:1: not YAML: Tabs are not allowed as indentation"`));
  test('wrong indentation', () =>
    expect(message('train:\n  steps: 5\n decay: linear\n')).toMatchInlineSnapshot(
      `"job.yaml:3:1: not YAML: All mapping items must start at the same column"`,
    ));
  test('duplicate key', () =>
    expect(message('train:\n  steps: 500\n  decay: linear\n  steps: 600\n')).toMatchInlineSnapshot(
      `"job.yaml:4:3: the key steps is written a second time; keep one"`,
    ));
  test('unknown alias', () =>
    expect(message('seed: *other')).toMatchInlineSnapshot(
      `"job.yaml: not YAML: Unresolved alias (the anchor must be set before the alias): other"`,
    ));
  test('unknown tag', () => expect(message('seed: !random 5')).toMatchInlineSnapshot(`"job.yaml:1:7: not YAML: Unresolved tag: !random"`));
  test('two documents', () =>
    expect(message('seed: 1\n---\nseed: 2\n')).toMatchInlineSnapshot(`"job.yaml:2:1: a second YAML document begins; keep one"`));
  test('key that is a list', () =>
    expect(message('? [a, b]\n: 1\n')).toMatchInlineSnapshot(
      `"job.yaml:1:3: a key that is not a text; expected keys such as "name: my-job""`,
    ));
  test('a list', () =>
    expect(message('- seed\n- 1\n')).toMatchInlineSnapshot(
      `"job.yaml:1: the file holds a list; expected a map of keys such as "name: my-job""`,
    ));
  test('plain text', () =>
    expect(message('quickstart')).toMatchInlineSnapshot(
      `"job.yaml:1: the file holds "quickstart"; expected a map of keys such as "name: my-job""`,
    ));
});

test('missing file', () => {
  expect(() => loadConfig('nowhere/job.yaml')).toThrowErrorMatchingInlineSnapshot(
    `[UserError: nowhere/job.yaml: no such file; write a job file there, or name one such as configs/quickstart.yaml]`,
  );
});

test('a folder for a file', () => {
  expect(() => loadConfig(folder)).toThrow(/^cannot read .*EISDIR/);
});
