/** The contract of a vector engine, on real PostgreSQL with pgvector: PGlite behind TCP, two servers. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentReporter } from '../../src/core/reporter.js';
import { readSafetensors } from '../../src/encoders/formats/safetensors.js';
import { openEngine } from '../../src/index/engine/index.js';
import { rowsOfVectors } from '../../src/index/storedVectors.js';
import { train, writeBeir, writeJobFile } from '../train/process.js';
import { ENGINE_OPTIONS, testEngine } from './engineContract.js';

/** A generation that goes from server to server. */
const MOVED = '00000000deadbeef';
const databases: PGlite[] = [];
const servers: PGLiteSocketServer[] = [];

beforeAll(async () => {
  for (let i = 0; i < 2; i++) {
    const db = await PGlite.create({ extensions: { vector } });
    const server = new PGLiteSocketServer({ db, port: 0, maxConnections: 8 });
    await server.start();
    databases.push(db);
    servers.push(server);
  }
  process.env.SIMANS_PGVECTOR = servers.map((server) => `postgresql://postgres:secret@${server.getServerConn()}/postgres`).join(' ');
}, 120_000);

afterAll(async () => {
  for (const server of servers) await server.stop();
  for (const db of databases) await db.close();
  delete process.env.SIMANS_PGVECTOR;
}, 60_000);

const ask = async <T>(server: number, text: string): Promise<T[]> => (await databases[server]!.query<T>(text)).rows;
const count = async (server: number) => Number((await ask<{ n: string }>(server, 'SELECT count(*) AS n FROM toy'))[0]!.n);
const tables = async (server: number) =>
  (await ask<{ tablename: string }>(server, "SELECT tablename FROM pg_tables WHERE tablename ~ '^toy_[0-9a-f]{16}'")).map(({ tablename }) =>
    tablename.replace(`_${server}of2`, ''),
  );

test('a job draws from the same pools by the engine as by exact search', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-engine-'));
  writeBeir(path.join(folder, 'beir'));
  const file = writeJobFile(folder);
  const flags = ['--replicas', '1', '--set', 'train.steps=5'];
  const index = 'refresh.index={kind: engine, name: job, connections: 2}';
  const [exact, byEngine] = [
    await train(file, ...flags, '--set', 'name=exact'),
    await train(file, ...flags, '--set', 'name=engine', '--set', index),
  ];
  expect([exact.code, byEngine.code], exact.stderr + byEngine.stderr).toEqual([0, 0]);
  const pools = (name: string) => readSafetensors(path.join(folder, 'jobs', name, 'refresh-001/pools.safetensors')).tensors;
  expect(pools('engine').get('passages')).toEqual(pools('exact').get('passages'));
  expect(byEngine.stdout).toContain('the index found 100.0 % of the exact candidates');
  expect(byEngine.stdout + byEngine.stderr).not.toContain('secret');
  fs.rmSync(folder, { recursive: true });
}, 120_000);

describe('an engine', () => {
  testEngine(
    {
      open: () => openEngine(ENGINE_OPTIONS),
      servedRows: async () => (await count(0)) + (await count(1)),
      generations: async () => [...new Set([...(await tables(0)), ...(await tables(1))])],
    },
    120,
  );

  test('spreads rows over its servers', async () => {
    expect([await count(0), await count(1)]).toEqual([2651, 2650]);
  });

  test('is loaded anew over another number of servers: none of the rows is lost, none found twice', async () => {
    const two = process.env.SIMANS_PGVECTOR!;
    const size = 100;
    const passages = rowsOfVectors({ values: Float32Array.from({ length: 2 * size }, (_, i) => Math.sin(i)), width: 2 });
    const phase = silentReporter.phase('load', size, 'passages');
    for (const urls of [two, two.split(' ')[0]!, two]) {
      process.env.SIMANS_PGVECTOR = urls;
      const engine = await openEngine(ENGINE_OPTIONS);
      const [before, reused] = [await engine.holds(MOVED), await engine.load(passages, MOVED, phase)];
      const [found] = await engine.search(MOVED, { values: Float32Array.of(1, 0), width: 2 }, Int32Array.of(0), size);
      await engine.close();
      expect([before, reused, Array.from(found!).sort((a, b) => a - b)]).toEqual([
        false,
        false,
        Array.from({ length: size }, (_, row) => row),
      ]);
    }
    expect([await count(0), await count(1)]).toEqual([50, 50]);
    expect([await tables(0), await tables(1)]).toEqual([[`toy_${MOVED}`], [`toy_${MOVED}`]]);
  }, 60_000);

  test('names a server that is not there, and no password', async () => {
    const kept = process.env.SIMANS_PGVECTOR;
    process.env.SIMANS_PGVECTOR = 'postgresql://me:secret@127.0.0.1:1/nowhere';
    const problem = await openEngine(ENGINE_OPTIONS).then(
      () => '',
      (error: Error) => error.message,
    );
    process.env.SIMANS_PGVECTOR = kept;
    expect(problem).toContain('127.0.0.1:1/nowhere');
    expect(problem).not.toContain('secret');
  }, 60_000);

  test('asks for servers where the environment names none, and refuses what is no connection string', async () => {
    const kept = process.env.SIMANS_PGVECTOR;
    delete process.env.SIMANS_PGVECTOR;
    await expect(openEngine(ENGINE_OPTIONS)).rejects.toThrow(
      'environment: found neither SIMANS_PGVECTOR nor SIMANS_MILVUS; expected one of them',
    );
    process.env.SIMANS_PGVECTOR = 'secret';
    await expect(openEngine(ENGINE_OPTIONS)).rejects.toThrow(/the 1\. of its entries is no connection string; expected postgresql/);
    process.env.SIMANS_PGVECTOR = kept;
  });
});
