/** What the adapter of Milvus says without a server; with one: tests/full/engines.full.test.ts. */
import { afterEach, expect, test } from 'vitest';
import { openEngine } from '../../src/index/engine/index.js';
import { ENGINE_OPTIONS } from './engineContract.js';

afterEach(() => {
  delete process.env.SIMANS_MILVUS;
  delete process.env.SIMANS_PGVECTOR;
});

const problemOf = (address: string): Promise<string> => {
  process.env.SIMANS_MILVUS = address;
  return openEngine(ENGINE_OPTIONS).then(
    () => '',
    (error: Error) => `${error.constructor.name}: ${error.message}`,
  );
};

test('names a server that is not there, and no password', async () => {
  const problem = await problemOf('http://me:secret@127.0.0.1:1/texts');
  expect(problem).toMatch(/^UserError: 127\.0\.0\.1:1: .*check the server and SIMANS_MILVUS; what was loaded is kept/);
  expect(problem).not.toContain('secret');
}, 60_000);

test.each(['secret@127.0.0.1:1', 'postgresql://me:secret@127.0.0.1:1/texts'])('refuses what is no address: %s', async (address) => {
  const problem = await problemOf(address);
  expect(problem).toMatch(/^UserError: SIMANS_MILVUS: found no address; expected http:\/\/user:password@host:19530\/database/);
  expect(problem).not.toContain('secret');
});

test('does not choose between two engines', async () => {
  process.env.SIMANS_PGVECTOR = 'postgresql://me:secret@127.0.0.1:1/nowhere';
  expect(await problemOf('http://127.0.0.1:1')).toMatch(/environment: found both SIMANS_PGVECTOR and SIMANS_MILVUS; expected one of them/);
});
