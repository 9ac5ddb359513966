import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadLab, nameOf } from '../../src/config/labFile.js';
import { loadConfig } from '../../src/config/load.js';

const folder = new URL('../../configs/', import.meta.url).pathname;
/** Experiments: files about another job file. */
const EXPERIMENTS = ['lab.yaml'];
const files = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.yaml'));
const jobs = files.filter((file) => !EXPERIMENTS.includes(file));

const own = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-examples-'));
afterAll(() => fs.rmSync(own, { recursive: true }));

test.each(jobs)('configs/%s loads and is named after its file', (file) => {
  const config = loadConfig(path.join(folder, file));
  expect(`${config.name}.yaml`).toBe(path.basename(file));
});

test.each(EXPERIMENTS)('configs/%s loads, each training under a name of its own', (file) => {
  const cells = loadLab(path.join(folder, file), [], 'jobs');
  expect(new Set(cells.map(nameOf)).size).toBe(cells.length);
  for (const { config, hidden } of cells) expect(config.lab).toEqual({ hidden, paraphrases: true });
});

describe('recipes and data sets', () => {
  const [recipes, sets] = ['recipes', 'data'].map((of) => fs.readdirSync(path.join(folder, of)));
  const pairs = recipes!.flatMap((recipe) => sets!.map((set) => [recipe, set]));

  test.each(pairs)('%s joins %s in one line', (recipe, set) => {
    const file = path.join(own, 'joined.yaml');
    fs.writeFileSync(file, `extends: ['${folder}recipes/${recipe}', '${folder}data/${set}']\n`);
    const config = loadConfig(file);
    expect(config.recipe.kind).toBe(path.parse(recipe!).name);
    expect(config.data.format).not.toBe('builtin');
  });

  // A value whose origin is not said would pass for a published one.
  test.each(jobs.filter((file) => /^(recipes|nq|tq|ms|private)/.test(file)))(
    'every value of configs/%s has its source beside it',
    (file) => {
      const values = fs
        .readFileSync(path.join(folder, file), 'utf8')
        .split('\n')
        .filter(
          (line) => /^ *[a-zA-Z]+: [^#]/.test(line) && !/^ *(extends|kind|format|path|queries|weights|query|passage|recipe):/.test(line),
        );
      for (const line of values)
        expect(line).toMatch(/# .*(\b(paper|scripts?|configuration|code|repository|ours|DPR|ANCE|RocketQA)\b|as )/);
    },
  );
});
