/** A job of each recipe, killed in each of its stages, ends like one never interrupted. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { RECIPE_NAMES, ToyRecipes } from '../recipes/toyRecipes.js';
import { expectSameJob } from '../train/jobs.js';
import { train, trainUntil } from '../train/process.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-killed-recipes-'));
const toy = new ToyRecipes(folder);
afterAll(() => fs.rmSync(folder, { recursive: true }));

it.each(RECIPE_NAMES)('%s', async (recipe) => {
  const file = toy.file(recipe);
  const name = `${recipe}-killed`;
  expect(await train(file)).toMatchObject({ code: 0 });
  let flags: string[] = [];
  for (const moment of toy.moments(recipe, name)) {
    expect(await trainUntil(moment, 'SIGKILL', file, '--set', `name=${name}`, ...flags)).toMatchObject({ signal: 'SIGKILL' });
    flags = ['--resume'];
  }
  expect(await train(file, '--set', `name=${name}`, '--resume')).toMatchObject({ code: 0 });
  expectSameJob(toy.job(name), toy.job(recipe));
});

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
});
