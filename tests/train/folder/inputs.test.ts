/** Files beside the data that a job is bound to: run files, a sampler of one's own, a cross-encoder that filters. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { bindInputs } from '../../../src/train/folder/inputs.js';
import type { PoolMaking } from '../../../src/train/refresh/pools.js';
import { toyConfig } from '../fixtures.js';
import { complaints, lineCount, train, trainUntil, writeBeir, writeJobFile } from '../process.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-inputs-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));
const making = (source: string, reranker?: string) => ({ source: { fingerprint: source }, filters: { reranker } }) as unknown as PoolMaking;

it('what changed is refused once something was trained, naming the keys', async () => {
  const job = fs.mkdtempSync(path.join(folder, 'job-'));
  const bind = (...of: Parameters<typeof making>) => bindInputs(job, toyConfig({}), making(...of));
  await bind('run 1', 'ranker 1');
  await bind('run 2', 'ranker 2');
  fs.mkdirSync(path.join(job, 'checkpoints', 'step-000002'), { recursive: true });
  await bind('run 2', 'ranker 2');
  await expect(bind('run 1', 'ranker 1')).rejects.toThrow(
    `cannot resume ${job}: what is named by sampler.source and sampler.filters.reranker.model has changed since the job was begun.`,
  );
});

it('a job is not gone on with by a mended sampler of one’s own', async () => {
  writeBeir(path.join(folder, 'beir'));
  const module = path.join(folder, 'sampler.mjs');
  fs.copyFileSync(fileURLToPath(new URL('../../sampling/tutorialSampler.mjs', import.meta.url)), module);
  const file = path.join(folder, 'own.yaml');
  const toy = JSON.parse(fs.readFileSync(writeJobFile(folder), 'utf8'));
  fs.writeFileSync(file, JSON.stringify({ ...toy, sampler: { kind: 'module', path: module, negatives: 2, pool: 10 } }));
  const job = path.join(folder, 'jobs', 'own');
  expect(await trainUntil(() => lineCount(path.join(job, 'log.jsonl')) >= 4, 'SIGKILL', file)).toMatchObject({ signal: 'SIGKILL' });
  fs.writeFileSync(module, fs.readFileSync(module, 'utf8').replace('a = 0.5', 'a = 5'));
  const { code, stderr } = await train(file, '--resume');
  expect(code).toBe(1);
  expect(complaints(stderr)).toEqual([expect.stringContaining('what is named by sampler.path has changed since the job was begun')]);
}, 60_000);
