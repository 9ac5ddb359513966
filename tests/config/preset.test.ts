/** `--preset tiny` over every job file of configs/. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { tiny } from '../../src/config/preset.js';
import { type RunConfig, runConfigSchema } from '../../src/config/schema.js';
import { stageConfig } from '../../src/config/stages.js';

const configs = new URL('../../configs/', import.meta.url).pathname;
const jobs = fs.readdirSync(configs, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.yaml') && file !== 'lab.yaml');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-preset-'));
afterEach(() => vi.unstubAllEnvs());
afterAll(() => fs.rmSync(folder, { recursive: true }));

function load(yaml: string, sets: readonly string[] = []) {
  const file = path.join(folder, 'job.yaml');
  fs.writeFileSync(file, yaml);
  const said: string[] = [];
  const config = loadConfig(file, sets, { name: 'tiny', say: (line) => said.push(line) });
  return { config, said };
}

const kinds = ({ recipe, sampler, train }: RunConfig) => [recipe.kind, sampler.kind, train.loss];

test.each(jobs)('configs/%s', (file) => {
  const full = loadConfig(path.join(configs, file));
  const small = loadConfig(path.join(configs, file), [], { name: 'tiny', say: () => undefined });
  expect(small.name).toBe(`${full.name}-tiny`);
  if (full.sampler.kind !== 'given') expect(kinds(small)).toEqual(kinds(full));
  expect(small.encoder.init).toMatchObject({ layers: 2, width: 64 });
  const stages = ['warmup', 'first'].flatMap((stage) => {
    const settings = (small.recipe as Record<string, unknown>)[stage];
    const checked = settings && settings !== 'none' ? stageConfig(small, stage, settings as object as never) : undefined;
    return checked && 'config' in checked ? [checked.config] : [];
  });
  for (const { train, refresh, data, sampler } of [small, ...stages]) {
    expect(train.steps).toBeLessThanOrEqual(50);
    expect(train.queriesPerStep).toBeLessThanOrEqual(16);
    expect(refresh.everySteps).toBeLessThanOrEqual(train.steps);
    if (data.format === 'builtin') expect(sampler.kind).not.toBe('given'); // those have no negatives of their own
  }
});

describe('tiny', () => {
  test('keeps what makes the job: recipe, way of drawing, loss, towers, separator', () => {
    const { config } = load(`
encoder: {init: some/weights, towers: separate, projection: {width: 768, layerNorm: true}, pooling: mean}
sampler: {kind: nearestK, b: 1, pool: 200, negatives: 60, fromStep: 400}
refresh: {everyEpochs: 2, mode: async, lagSteps: 300}
train: {steps: 800, replicas: 16, averageDecay: 0.9}
`);
    expect(config.encoder).toMatchObject({ towers: 'separate', pooling: 'mean', projection: { width: 64, layerNorm: true } });
    expect(config.sampler).toMatchObject({ kind: 'nearestK', b: 1, pool: 60, negatives: 60, fromStep: 0 });
    expect(config.refresh).toMatchObject({ mode: 'async', everyEpochs: 'none', everySteps: 10, lagSteps: 5 });
    expect(config.train).toMatchObject({ replicas: 'auto', averageDecay: 0.9 });
  });

  test('shortens the texts of a stage that has lengths of its own', () => {
    const { config } = load(
      'recipe: {kind: ance, warmup: {encoder: {passageTokens: 128}}}\nencoder: {init: some/weights, passageTokens: 512}',
    );
    expect(config.recipe).toMatchObject({ warmup: { encoder: { queryTokens: 32, passageTokens: 64 } } });
  });

  test('flags win over it', () =>
    expect(load('', ['train.steps=12', 'name=other']).config).toMatchObject({ name: 'other', train: { steps: 12 } }));

  test.each(['some/weights', '{weights: some/weights, dropout: 0}', '{query: a, passage: b}'])(
    'gives way to weights that a flag names: %s',
    (init) => {
      const { config, said } = load('encoder: {towers: separate}', [`encoder.init=${init}`]);
      expect(config.encoder).toMatchObject({ vocabulary: runConfigSchema.parse({ name: 'x' }).encoder.vocabulary, queryTokens: 32 });
      expect(said.filter((line) => /init|vocabulary/.test(line))).toEqual([]);
    },
  );

  test('but not to a part of a shape', () =>
    expect(load('', ['encoder.init.layers=1']).config.encoder).toMatchObject({
      init: { layers: 1, width: 64 },
      vocabulary: { size: 2000 },
    }));

  test.each([undefined, '/sets'])(
    'leaves data, given negatives and answers alone where a flag says which data (SIMANS_DATA=%s)',
    (sets) => {
      vi.stubEnv('SIMANS_DATA', sets);
      const job = 'data: {format: dpr, path: x}\nsampler: {kind: given}\neval: {measures: [answer@5], selection: answer@5}\n';
      const { config } = load(job, ['data.path=mine']);
      expect(config).toMatchObject({ data: { format: 'dpr', path: 'mine' }, sampler: { kind: 'given' }, eval: { selection: 'answer@5' } });
      expect(load(job, ['data={format: builtin}']).config).toMatchObject({
        sampler: { kind: 'topkUniform' },
        eval: { selection: 'recall@10' },
      });
    },
  );

  test('gives way to epochs between refreshes, and to a preset of the sampler', () => {
    expect(load('', ['refresh.everyEpochs=2']).config.refresh.everyEpochs).toBe(2);
    expect(load('sampler: {pool: 100}', ['sampler.preset=nq']).config.sampler).toMatchObject({ preset: 'nq', pool: 100 });
  });

  test('says what it replaced, once a key, and nothing of what stayed', () => {
    const { said } = load('encoder: {init: some/weights, queryTokens: 32}\ntrain: {steps: 800}');
    expect(said).toContain('  train.steps: 20 instead of 800');
    expect(said).toContain('  encoder.init: {"layers":2,"width":64,"heads":2,"ffn":256} instead of "some/weights"');
    expect(said.filter((line) => line.includes('queryTokens'))).toEqual([]);
    expect(new Set(said).size).toBe(said.length);
  });

  test('a mistake of a flag against it names the flag', () =>
    expect(() => load('', ['refresh.everySteps=30'])).toThrow(
      '--set refresh.everySteps=30: refresh.everySteps is 30; expected at most train.steps (20)',
    ));

  test('real data of the kind that the job reads, where their folder is known', () => {
    const dataOf = (data: object) => tiny({ name: 'x', data, eval: { measures: ['answer@5'], selection: 'answer@5' } }, {}, '/sets');
    expect(dataOf({ format: 'dpr', path: 'x', corpus: 'y', labels: 'answers' })).toMatchObject({
      data: { format: 'dpr', path: '/sets/squadshifts/new_wiki', corpus: 'own', labels: 'given' },
    });
    expect(dataOf({ format: 'dpr', path: 'x' })).not.toHaveProperty('eval'); // its questions have answers
    expect(dataOf({ format: 'msmarco-document', path: 'x' }).data).toEqual({ format: 'msmarco-document', path: '/sets/medquad-pages' });
    expect(dataOf({ format: 'clicks', path: 'x' })).toMatchObject({
      data: { format: 'beir', path: '/sets/medquad' },
      eval: { measures: ['recall@10'], selection: 'recall@10' },
    });
    expect(dataOf({ format: 'builtin', name: 'wordnet' })).not.toHaveProperty('data');
  });

  test('without them the data of the npm packages, and BM25’s negatives instead of given ones', () => {
    vi.stubEnv('SIMANS_DATA', undefined);
    const { config } = load('data: {format: dpr, path: x}\nsampler: {kind: given, negatives: 3}\n');
    expect(config.data).toMatchObject({ format: 'builtin', name: 'api-docs' });
    expect(config.sampler).toMatchObject({ kind: 'topkUniform', source: 'bm25', negatives: 3 });
  });

  test('the queries for augmentation are there', () => {
    const { config } = load('recipe: {kind: rocketqa, augment: {queries: nowhere.jsonl}}\nsampler: {source: stage}');
    const { augment } = config.recipe as Extract<RunConfig['recipe'], { kind: 'rocketqa' }>;
    const lines = fs
      .readFileSync((augment as { queries: string }).queries, 'utf8')
      .trim()
      .split('\n');
    expect(new Set(lines.map((line) => (JSON.parse(line) as { _id: string })._id)).size).toBe(lines.length);
  });
});
