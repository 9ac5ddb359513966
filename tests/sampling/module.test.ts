/** Samplers of the user's: the tutorial's, which is in docs/samplers.md word for word, and modules that are none. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { deriveKey, uniform } from '../../src/core/random.js';
import { loadSampler } from '../../src/sampling/index.js';
import { poolOf } from './golden.js';

const tutorial = fileURLToPath(new URL('./tutorialSampler.mjs', import.meta.url));
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-module-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

describe('the tutorial’s sampler', () => {
  it('is in the docs, in 30 lines at most', () => {
    const code = fs.readFileSync(tutorial, 'utf8');
    expect(code.trim().split('\n').length).toBeLessThanOrEqual(30);
    expect(fs.readFileSync(fileURLToPath(new URL('../../docs/samplers.md', import.meta.url)), 'utf8')).toContain(code.trim());
  });

  it('draws around its quantile', async () => {
    const sampler = await loadSampler({ kind: 'module', path: tutorial, options: { quantile: 0, a: 50 } });
    const key = deriveKey(1, 'tutorial');
    const pool = poolOf([9, 6, 3, 1], 5);
    for (let row = 0; row < 20; row++) expect([...sampler.draw(pool, 1, (element) => uniform(key, row, element))]).toEqual([103]);
  });
});

describe('a module that is no sampler', () => {
  it.each([
    ['not there', undefined, /cannot be used as a sampler/],
    ['broken', 'export default () => { throw new Error("no"); }', /cannot be used as a sampler \(no\)/],
    ['without a draw', 'export default () => ({ kind: "x", capacity: () => 1 });', /gives no \{kind, capacity, draw\}/],
  ])('%s', async (name, code, message) => {
    const file = path.join(folder, `${name.replaceAll(' ', '-')}.mjs`);
    if (code) fs.writeFileSync(file, code);
    await expect(loadSampler({ kind: 'module', path: file, options: {} })).rejects.toThrow(message);
  });
});
