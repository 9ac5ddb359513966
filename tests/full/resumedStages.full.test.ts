/** Stages that are done or half done are gone on with only as they were begun. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ToyRecipes } from '../recipes/toyRecipes.js';
import { complaints, train } from '../train/process.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-stages-'));
const toy = new ToyRecipes(folder);
const job = toy.job('rocket');
const stages = path.join(job, 'stages');
let file: string;

/** The job as a kill between its stages leaves it. */
const leaveStages = () => {
  for (const name of fs.readdirSync(job)) if (name !== 'stages') fs.rmSync(path.join(job, name), { recursive: true });
};
const resume = (...sets: string[]) => train(file, ...sets.flatMap((set) => ['--set', set]), '--resume');

beforeAll(async () => {
  const queries = path.join(folder, 'unjudged.jsonl');
  fs.writeFileSync(queries, ['bake bali', 'moke nuba'].map((text, i) => `${JSON.stringify({ _id: `u${i}`, text })}\n`).join(''));
  const { recipe, sampler } = toy.sections('rocketqa');
  file = toy.fileWith('rocket', { recipe: { ...recipe, augment: { queries, positivesAbove: 0, depth: 20 } }, sampler: sampler! });
  const { code, stderr } = await train(file);
  expect(code, stderr).toBe(0);
  leaveStages();
}, 120_000);
afterAll(() => fs.rmSync(folder, { recursive: true }));

describe('a changed key is refused with the list of differences', () => {
  it.each([
    ['recipe.first.train.steps=9', 'stages/first/config.yaml: train.steps was 8, now 9.'],
    ['seed=7', 'stages/first/config.yaml: seed was 42, now 7.'],
    ['recipe.ranker.learningRate=0.02', 'stages/ranker/settings.json: recipe.ranker.learningRate was 0.01, now 0.02.'],
    ['recipe.ranker.steps=7', 'stages/ranker/settings.json: recipe.ranker.steps was 6, now 7.'],
    ['recipe.negativesBelow=0.4', 'stages/denoised/recipe.json: denoiser.below was 0.5, now 0.4.'],
    ['recipe.augment.positivesAbove=0.5', 'stages/augment/settings.json: recipe.augment.positivesAbove was 0, now 0.5.'],
    ['recipe.augment=none', 'found stages/augment; expected none of that name in recipe rocketqa'],
  ])('%s', async (set, said) => {
    const { code, stderr } = await resume(set);
    expect(code).toBe(1);
    expect(complaints(stderr)).toEqual([expect.stringContaining(said)]);
    expect(complaints(stderr)[0]).toMatch(/^simans: cannot resume .* Resume with the same configuration, or start another job/);
  });

  it('of a ranker that is half trained too', async () => {
    const model = path.join(stages, 'ranker', 'model');
    fs.renameSync(model, `${model}-away`);
    const { code, stderr } = await resume('recipe.ranker.learningRate=0.02');
    fs.renameSync(`${model}-away`, model);
    expect([code, stderr]).toEqual([1, expect.stringContaining('recipe.ranker.learningRate was 0.01, now 0.02')]);
  });
});

it('other data is refused by the stage that is next, naming the stage and the parts', async () => {
  const corpus = path.join(folder, 'beir', 'corpus.jsonl');
  const [whole, labels] = [fs.readFileSync(corpus, 'utf8'), path.join(stages, 'augment', 'labels.jsonl')];
  const kept = fs.readFileSync(labels);
  fs.writeFileSync(corpus, whole.replace('"_id":"p59"', '"_id":"p599"'));
  const qrels = path.join(folder, 'beir', 'qrels', 'test.tsv');
  const judged = fs.readFileSync(qrels, 'utf8');
  fs.writeFileSync(qrels, judged.replace('\tp59\t', '\tp599\t'));
  const last = await resume();
  fs.rmSync(labels); // now labelling is next
  const labelling = await resume();
  fs.writeFileSync(corpus, whole);
  fs.writeFileSync(qrels, judged);
  fs.writeFileSync(labels, kept);
  for (const { code, stderr } of [last, labelling]) {
    expect(code).toBe(1);
    expect(complaints(stderr)).toEqual([expect.stringContaining(`cannot resume ${stages}/first: its data has changed`)]);
    expect(stderr).toContain('(corpus, test)');
  }
}, 60_000);

it('what is of no consequence may change, and the jobs may be moved', async () => {
  const moved = path.join(folder, 'moved');
  fs.cpSync(toy.job(), moved, { recursive: true });
  const { code, stdout, stderr } = await resume(`jobsFolder=${moved}`, 'train.keepCheckpoints=2');
  expect(code, stderr).toBe(0);
  expect(stdout).not.toMatch(/^stage [1-4] of/m);
}, 60_000);

it('a stage in which nothing was trained yet is begun anew, those before it are kept', async () => {
  const augment = path.join(stages, 'augment');
  const ofLabels = path.join(stages, 'ranker', 'scores-of-all');
  for (const place of [path.join(augment, 'labels.jsonl'), path.join(augment, 'blocks'), ofLabels]) fs.rmSync(place, { recursive: true });
  const { code, stdout, stderr } = await resume('recipe.augment.depth=10');
  expect(code, stderr).toBe(0);
  expect(stdout).toContain(`${augment}: begun anew, for its settings changed and nothing was trained in it yet\n`);
  expect(stdout).not.toMatch(/^stage [1-3] of/m);
  expect(JSON.parse(fs.readFileSync(path.join(augment, 'settings.json'), 'utf8'))).toMatchObject({ recipe: { augment: { depth: 10 } } });
}, 60_000);

it('a finished job stays finished where models of its stages were removed', async () => {
  fs.rmSync(path.join(stages, 'first', 'model'), { recursive: true });
  const { code, stdout } = await resume('recipe.augment.depth=10');
  expect(code).toBe(0);
  expect(stdout).toContain(`${job} is finished`);
  expect(toy.has('rocket', 'stages', 'first', 'model')).toBe(false);
});

it('AR2’s ranker is bound by the job that it is of', async () => {
  const ar2 = toy.file('ar2');
  expect(await train(ar2)).toMatchObject({ code: 0 });
  fs.rmSync(toy.job('ar2', 'summary.json'));
  const { code, stderr } = await train(ar2, '--set', 'recipe.ranker.learningRate=0.02', '--resume');
  expect([code, stderr]).toEqual([1, expect.stringContaining('recipe.ranker.learningRate was 0.01, now 0.02')]);
}, 120_000);

it('a command that is refused leaves the job’s first refresh as it is', async () => {
  leaveStages();
  const parts = ['config.yaml', 'refresh-000'].map((name) => path.join(job, name));
  fs.copyFileSync(path.join(stages, 'first', 'config.yaml'), parts[0]!);
  fs.mkdirSync(parts[1]!);
  for (const flags of [[], ['--resume']])
    expect(await train(file, '--set', 'seed=7', ...flags)).toMatchObject({ code: 1, stdout: expect.not.stringContaining('begun anew') });
  expect(parts.every((place) => fs.existsSync(place))).toBe(true);
  leaveStages();
});
