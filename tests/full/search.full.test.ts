/** A finished job asked questions whose texts are more than one string of V8 holds (2²⁹ characters). */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openJob } from '../../src/index/searcher.js';
import { train, writeBeir, writeJobFile } from '../train/process.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-search-full-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

it('opens an index of more than half a gigabyte of texts', async () => {
  writeBeir(path.join(folder, 'beir'));
  expect((await train(writeJobFile(folder), '--set', 'train.steps=4')).code).toBe(0);
  const job = path.join(folder, 'jobs', 'toy');
  const file = path.join(job, 'index', 'passages.jsonl');
  const passages = fs
    .readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: string; text: string });
  const longer = ' a'.repeat(5e6);
  fs.writeFileSync(file, '');
  for (const { id, text } of passages) fs.appendFileSync(file, `${JSON.stringify({ id, text: text + longer })}\n`);
  expect(fs.statSync(file).size).toBeGreaterThan(2 ** 29);
  const searcher = await openJob(job);
  const [best] = await searcher.search(passages[0]!.text, 1);
  expect(best!.text).toHaveLength(passages.find(({ id }) => id === best!.id)!.text.length + longer.length);
  searcher.dispose();
});
