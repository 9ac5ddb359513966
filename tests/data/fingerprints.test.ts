/** The built-in sets are what their published results are about: a change of texts, ids or splits must be listed in CHANGELOG. */
import fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadDataset } from '../../src/data/index.js';

const golden = JSON.parse(fs.readFileSync(new URL('../golden/fingerprints.json', import.meta.url), 'utf8'));

describe('the built-in data sets', () => {
  for (const name of ['api-docs', 'wordnet', 'wordnet-examples'] as const) {
    it(`${name} has the corpus and the splits of its golden fingerprints, whatever the job's seed`, async () => {
      const { corpus, splits, fingerprint } = await loadDataset({ format: 'builtin', name, devShare: 0.2 }, { seed: 5, cacheFolder: '' });
      expect({ passages: corpus.size, testQueries: splits.test.rows.length, ...fingerprint }).toEqual(golden[name]);
    }, 60_000);
  }
});
