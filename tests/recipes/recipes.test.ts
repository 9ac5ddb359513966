/** Recipes as processes: their stages run in order, and a job killed in any of them ends as one never interrupted. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { simans } from '../cli/command.js';
import { expectSameJob } from '../train/jobs.js';
import { complaints, lineCount, train, trainUntil } from '../train/process.js';
import { RECIPE_NAMES, ToyRecipes } from './toyRecipes.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-recipes-'));
const toy = new ToyRecipes(folder);
afterAll(() => fs.rmSync(folder, { recursive: true }));

describe.each(RECIPE_NAMES)('%s', (recipe) => {
  it('runs its stages in order and names them beforehand', async () => {
    const { code, stdout } = await train(toy.file(recipe));
    expect(code).toBe(0);
    expect(stdout).toContain(`plan of recipe ${recipe}:`);
    const order = [...stdout.matchAll(/^stage (\d) of (\d)/gm)].map(([, number, of]) => [Number(number), Number(of)]);
    expect(order).toEqual(order.map((_, i) => [i + 1, order.length]));
    expect(order.length).toBe(recipe === 'rocketqa' ? 3 : 2);
    expect(toy.has(recipe, 'summary.json')).toBe(true);
  }, 120_000);
});

/** The others: tests/full/killedRecipes.full.test.ts. */
it('AR2 killed in each of its stages ends like one never interrupted', async () => {
  const file = toy.file('ar2');
  let flags: string[] = [];
  for (const moment of toy.moments('ar2', 'ar2-killed')) {
    expect(await trainUntil(moment, 'SIGKILL', file, '--set', 'name=ar2-killed', ...flags)).toMatchObject({ signal: 'SIGKILL' });
    flags = ['--resume'];
  }
  expect(await train(file, '--set', 'name=ar2-killed', '--resume')).toMatchObject({ code: 0 });
  expectSameJob(toy.job('ar2-killed'), toy.job('ar2'));
}, 240_000);

it('AR2 with refreshes beside it, killed while the ranker learns from pools that it has just taken, ends like one never interrupted', async () => {
  const { train: own, ...sections } = toy.sections('ar2');
  const rare = { steps: 24, checkpointEverySteps: 100 };
  const file = toy.fileWith('beside', {
    ...sections,
    train: { ...own, ...rare },
    refresh: { everySteps: 8, mode: 'async', lagSteps: 2 },
  });
  expect(await train(file)).toMatchObject({ code: 0 });
  const flags = ['--set', 'name=beside-killed'];
  const taken = () => toy.rankerSteps('beside-killed', 'ranker') >= 9; // 7 at the first refresh, 11 at the second
  expect(await trainUntil(taken, 'SIGKILL', file, ...flags)).toMatchObject({ signal: 'SIGKILL' });
  expect(await train(file, ...flags, '--resume')).toMatchObject({ code: 0 });
  expectSameJob(toy.job('beside-killed'), toy.job('beside'));
}, 240_000);

it('a job that holds stages is not begun a second time', async () => {
  fs.mkdirSync(path.join(toy.job('begun'), 'stages'), { recursive: true });
  const { code, stderr } = await train(toy.file('dpr'), '--set', 'name=begun');
  expect(code).toBe(1);
  expect(complaints(stderr)).toEqual([expect.stringContaining('--resume')]);
});

it('a stage that asks for negatives which the data lack names its own key', async () => {
  const { recipe, ...rest } = toy.sections('ance');
  const file = toy.fileWith('given', {
    ...rest,
    recipe: { ...recipe, warmup: { train: { steps: 8 }, sampler: { kind: 'given', negatives: 1 } } },
  });
  const { code, stderr } = await train(file);
  expect(code).toBe(1);
  expect(complaints(stderr)).toEqual([expect.stringContaining('for recipe.warmup.sampler.kind is given')]);
});

it('the negatives of a stage are ranked by its retriever, and a ranker’s folder is a cross-encoder', () => {
  const candidates = fs.readFileSync(path.join(toy.job('rocketqa'), 'stages', 'first', 'candidates.trec'), 'utf8');
  expect(new Set(candidates.split('\n').map((line) => line.split(' ')[0])).size).toBe(40 + 1); // 40 training queries, and the end
  const config = JSON.parse(fs.readFileSync(path.join(toy.job('ar2'), 'ranker', 'model', 'config.json'), 'utf8'));
  expect(config.architectures).toEqual(['BertForSequenceClassification']);
});

it('RocketQA labels queries that nobody judged, and trains on them too', async () => {
  const queries = path.join(folder, 'unjudged.jsonl');
  const texts = ['bake bali', 'moke nuba', 'pare sili'];
  fs.writeFileSync(queries, texts.map((text, i) => `${JSON.stringify({ _id: `u${i}`, text })}\n`).join(''));
  const { recipe, sampler } = toy.sections('rocketqa');
  const augment = { queries, positivesAbove: 0, depth: 20 };
  const file = toy.fileWith('augmented', { recipe: { ...recipe, augment }, sampler: sampler! });
  const { code, stdout } = await train(file);
  expect(code).toBe(0);
  expect(stdout).toContain('stage 5 of 5: train anew on judged and labelled queries');
  expect(stdout).toContain('augment: 3 of 3 queries have a passage');
  const rows = (name: string) =>
    fs
      .readFileSync(path.join(toy.job('augmented'), 'stages', name), 'utf8')
      .trim()
      .split('\n');
  const labels = rows('augment/labels.jsonl').map((line) => JSON.parse(line) as { id: string; positive: string });
  expect(labels.map(({ id }) => id)).toEqual(['u0', 'u1', 'u2']);
  for (const { positive } of labels) expect(positive).toMatch(/^p\d+$/);
  expect(rows('augment/candidates.trec')).toHaveLength(3 * 20);
  expect(stdout.match(/^data: 3 training queries more/gm)).toHaveLength(1); // of the last stage alone
  expect(simans(['figure', toy.job('augmented')])).toMatchObject({ code: 0 }); // a job seen from outside has the labels too
}, 120_000);

it('a finished ranker teaches by train.teacher: scored once, killed and resumed to the same end', async () => {
  const model = path.join(toy.job('ar2'), 'ranker', 'model');
  const file = toy.fileWith('taught', { train: { inBatch: false, loss: { kind: 'marginMse' }, teacher: { model, maxTokens: 20 } } });
  expect(await train(file)).toMatchObject({ code: 0 });
  const scores = (name: string) => fs.statSync(path.join(toy.job(name), 'teacher', 'pairs.bin')).size;
  const moment = () => lineCount(path.join(toy.job('taught-killed'), 'log.jsonl')) >= 5;
  expect(await trainUntil(moment, 'SIGKILL', file, '--set', 'name=taught-killed')).toMatchObject({ signal: 'SIGKILL' });
  expect(await train(file, '--set', 'name=taught-killed', '--resume')).toMatchObject({ code: 0 });
  expectSameJob(toy.job('taught-killed'), toy.job('taught'));
  expect(scores('taught-killed')).toBe(scores('taught'));
}, 120_000);

it('--dry-run names the stages with memory and time, and does nothing', async () => {
  const { code, stdout } = await train(toy.file('ar2'), '--set', 'name=planned', '--dry-run');
  expect(code).toBe(0);
  expect(stdout).toMatch(/1\. warm-up of the retriever: 8 steps, in \S+stages\/warmup\n/);
  expect(stdout).toMatch(/stage 2 of 2: .*planned\n/);
  expect(stdout).toMatch(/ranker: 15 steps, .* scores the passages of 12 steps/); // 3 and 4 behind each of 3 refreshes
  expect(toy.has('planned')).toBe(false);
}, 60_000);

it('--dry-run without the data says what it cannot predict', async () => {
  const { code, stdout } = await train(toy.file('ance'), '--set', 'data.path=elsewhere', '--dry-run');
  expect(code).toBe(0);
  expect(stdout).toContain('plan of recipe ance:');
  expect(stdout).toContain('not predicted: elsewhere');
});
