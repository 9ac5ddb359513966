import fs from 'node:fs';
import { expect, test } from 'vitest';
import { loadLab, nameOf } from '../../src/config/labFile.js';
import { loadConfig } from '../../src/config/load.js';

const folder = new URL('../../configs/', import.meta.url);
/** Experiments: files about another job file. */
const EXPERIMENTS = ['lab.yaml'];

test.each(fs.readdirSync(folder).filter((file) => !EXPERIMENTS.includes(file)))('configs/%s loads and is named after its file', (file) => {
  const config = loadConfig(new URL(file, folder).pathname);
  expect(`${config.name}.yaml`).toBe(file);
});

test.each(EXPERIMENTS)('configs/%s loads, each training under a name of its own', (file) => {
  const cells = loadLab(new URL(file, folder).pathname, [], 'jobs');
  expect(new Set(cells.map(nameOf)).size).toBe(cells.length);
  for (const { config, hidden } of cells) expect(config.lab).toEqual({ hidden, paraphrases: true });
});
