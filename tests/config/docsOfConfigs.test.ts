/** docs/recipes.md names every configuration of a cell, and no other. */
import fs from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);

test('the table of configurations', () => {
  const cells = fs.readdirSync(new URL('configs/', root)).filter((file) => /^(nq|tq|ms|private)-.*\.yaml$/.test(file));
  const linked = [...fs.readFileSync(new URL('docs/recipes.md', root), 'utf8').matchAll(/\[(\S+)\]\(\.\.\/configs\/(\S+\.yaml)\)/g)];
  for (const [, name, file] of linked) expect(`${name}.yaml`).toBe(file);
  expect(new Set(linked.map(([, , file]) => file))).toEqual(new Set(cells.filter((file) => file !== 'private-corpus-topk.yaml')));
});
