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

it.each(RECIPE_NAMES.filter((name) => name !== 'ar2'))('%s', async (recipe) => {
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
