import fs from 'node:fs';
import { expect, test } from 'vitest';
import { storedLab } from '../../claims/lab.mjs';
import { labRows } from '../../claims/labTable.mjs';

test.each(['apidocs', 'medquad'])('docs/samplers.md states what is stored of the lab on %s', (name) => {
  const docs = fs.readFileSync(new URL('../../docs/samplers.md', import.meta.url), 'utf8');
  const cells = storedLab(name);
  expect(cells).toHaveLength(60);
  for (const { figures } of labRows(cells))
    expect(docs.replace(/ +\|/g, ' |')).toContain(`| ${figures.join(' | ').replace(/ +\|/g, ' |')}`);
});
