import fs from 'node:fs';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.js';

const folder = new URL('../../configs/', import.meta.url);

test.each(fs.readdirSync(folder))('configs/%s loads and is named after its file', (file) => {
  const config = loadConfig(new URL(file, folder).pathname);
  expect(`${config.name}.yaml`).toBe(file);
});
