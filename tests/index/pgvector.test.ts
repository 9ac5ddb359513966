/** The contract of a vector engine, on real PostgreSQL with pgvector: PGlite behind TCP, two servers. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deriveKey, normal } from '../../src/core/random.js';
import { silentReporter } from '../../src/core/reporter.js';
import { readSafetensors } from '../../src/encoders/formats/safetensors.js';
import { openEngine, type VectorEngine } from '../../src/index/engine.js';
import { scoreOf } from '../../src/index/exact.js';
import { rowsOfVectors } from '../../src/index/storedVectors.js';
import type { Vectors } from '../../src/index/vectors.js';
import { train, writeBeir, writeJobFile } from '../train/process.js';

const D = 8;
const options = { name: 'toy', connectivity: 8, addExpansion: 32, searchExpansion: 100, connections: 2 };
const phase = silentReporter.phase('load', 1, 'passages');
const [first, second] = ['0123456789abcdef', 'fedcba9876543210'];

function vectors(rows: number, purpose: string): Vectors {
  const key = deriveKey(2, purpose);
  return { values: Float32Array.from({ length: rows * D }, (_, i) => normal(key, 0, i)), width: D };
}

const passages = vectors(301, 'passages');
const queries = vectors(40, 'queries');
const rows = Int32Array.from({ length: 40 }, (_, row) => row);

function exactBest(row: number, of: Vectors, k: number): number[] {
  const scored = Array.from({ length: of.values.length / D }, (_, passage) => ({ passage, score: scoreOf(queries, row, of, passage, 1) }));
  return scored
    .sort((a, b) => b.score - a.score)
    .slice(0, k)
    .map(({ passage }) => passage);
}

function expectNearest(found: readonly Int32Array[], of: Vectors, k: number): void {
  let common = 0;
  found.forEach((ids, row) => {
    expect(new Set(ids).size).toBe(ids.length);
    common += exactBest(row, of, k).filter((passage) => ids.includes(passage)).length;
  });
  expect(common / (found.length * k)).toBeGreaterThan(0.97);
}

const databases: PGlite[] = [];
const servers: PGLiteSocketServer[] = [];
let engine: VectorEngine;

beforeAll(async () => {
  for (let i = 0; i < 2; i++) {
    const db = await PGlite.create({ extensions: { vector } });
    const server = new PGLiteSocketServer({ db, port: 0, maxConnections: 8 });
    await server.start();
    databases.push(db);
    servers.push(server);
  }
  process.env.SIMANS_PGVECTOR = servers.map((server) => `postgresql://postgres:secret@${server.getServerConn()}/postgres`).join(' ');
  engine = await openEngine(options);
}, 120_000);

afterAll(async () => {
  await engine?.close();
  for (const server of servers) await server.stop();
  for (const db of databases) await db.close();
  delete process.env.SIMANS_PGVECTOR;
}, 60_000);

const tables = async (server: number) =>
  (
    await databases[server]!.query<{ tablename: string }>("SELECT tablename FROM pg_tables WHERE tablename ~ '^toy_[0-9a-f]{16}$'")
  ).rows.map(({ tablename }) => tablename);
const count = async (server: number, relation: string) =>
  Number((await databases[server]!.query<{ n: string }>(`SELECT count(*) AS n FROM ${relation}`)).rows[0]!.n);

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
  test('holds each vector once, spread over its servers, and finds the nearest', async () => {
    expect(await engine.load(rowsOfVectors(passages), first, phase)).toBe(false);
    expect([await count(0, 'toy'), await count(1, 'toy')]).toEqual([151, 150]);
    expectNearest(await engine.search(first, queries, rows, 10), passages, 10);
  }, 120_000);

  test('does not load a finished generation again', async () => {
    expect(await engine.load(rowsOfVectors(passages), first, phase)).toBe(true);
    expect([await count(0, 'toy'), await count(1, 'toy')]).toEqual([151, 150]);
  }, 60_000);

  test('goes on with a load that was interrupted: nothing lost, nothing twice, the old one served meanwhile', async () => {
    const others = vectors(301, 'others');
    // As a killed process leaves it: a table with one part of one server, which is noted.
    await databases[0]!.query(`CREATE TABLE toy_${second} (id integer PRIMARY KEY, v halfvec(${D}) NOT NULL)`);
    await databases[0]!.query('INSERT INTO toy_parts VALUES ($1, 0)', [second]);
    for (let id = 0; id < 301; id += 2)
      await databases[0]!.query(`INSERT INTO toy_${second} VALUES ($1, $2)`, [
        id,
        `[${others.values.subarray(id * D, (id + 1) * D).join()}]`,
      ]);
    expectNearest(await engine.search(first, queries, rows, 10), passages, 10);
    expect(await engine.load(rowsOfVectors(others), second, phase)).toBe(false);
    expect([await count(0, 'toy'), await count(1, 'toy')]).toEqual([151, 150]);
    expectNearest(await engine.search(second, queries, rows, 10), others, 10);
  }, 120_000);

  test('drops the generation before', async () => {
    expect([await tables(0), await tables(1)]).toEqual([[`toy_${second}`], [`toy_${second}`]]);
  });

  test('names a server that is not there, and no password', async () => {
    const kept = process.env.SIMANS_PGVECTOR;
    process.env.SIMANS_PGVECTOR = 'postgresql://me:secret@127.0.0.1:1/nowhere';
    const problem = await openEngine(options).then(
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
    await expect(openEngine(options)).rejects.toThrow('SIMANS_PGVECTOR: found none in the environment');
    process.env.SIMANS_PGVECTOR = 'secret';
    await expect(openEngine(options)).rejects.toThrow(/the 1\. of its entries is no connection string; expected postgresql/);
    process.env.SIMANS_PGVECTOR = kept;
  });
});
