/** The tables of the comparison of recipes are those of its stored cells; with all its bootstraps a minute. */
import fs from 'node:fs';
import { expect, test } from 'vitest';
import { storedRecipes } from '../../claims/recipesComparison.mjs';
import { documentText } from '../../claims/recipesTable.mjs';

test('docs/recipes-comparison.md holds the tables of the stored cells', () => {
  const docs = fs.readFileSync(new URL('../../docs/recipes-comparison.md', import.meta.url), 'utf8');
  expect(docs).toBe(documentText());
  for (const { perQuery, means } of storedRecipes('medquad'))
    for (const [measure, values] of Object.entries(perQuery))
      expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(means[measure]!, 5);
});
