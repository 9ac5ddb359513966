/**
 * Real servers, killed and restarted in mid-load, and refreshed while queries go on. Where their programs are is told by SIMANS_PG_BIN (the folder of
 * PostgreSQL's, of an installation with pgvector) and SIMANS_MILVUS_SERVER (the program milvus-server); skipped without. scripts/vector-servers.sh installs both.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deriveKey, integer } from '../../src/core/random.js';
import { type Phase, silentReporter } from '../../src/core/reporter.js';
import { openEngine, type VectorEngine } from '../../src/index/engine/index.js';
import { scoreOf } from '../../src/index/exact.js';
import { rowsOfVectors } from '../../src/index/storedVectors.js';
import type { Vectors } from '../../src/index/vectors.js';
import { ENGINE_OPTIONS, testEngine } from '../index/engineContract.js';
import { MILVUS, POSTGRES, type RealServer } from './vectorServers.js';

const [N, D, K] = [200_000, 64, 20];
const SERVERS = [POSTGRES, MILVUS];
const options = { name: 'big', connectivity: 16, addExpansion: 64, searchExpansion: 200, connections: 4 };
const [first, second] = ['0123456789abcdef', 'fedcba9876543210'];

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

describe.each(SERVERS)('$name', (server: RealServer) => {
  const program = process.env[server.programs];
  if (!program) console.warn(`${server.programs} is not set: nothing is tested on a real server of ${server.name}`);
  describe.skipIf(!program)('a server of its own', () => {
    testServer(server, program ?? '');
  });
});

function testServer(server: RealServer, program: string): void {
  let folder = '';
  const port = 20_000 + 10 * (SERVERS.length * (process.pid % 1000) + SERVERS.indexOf(server));
  const address = server.address(port);
  let engine: VectorEngine;
  const [old, young] = [vectors(N, 'first'), vectors(N, 'second')];
  const phase = silentReporter.phase('load', N, 'passages');

  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-server-'));
    server.prepare(program, folder);
    server.start(program, folder, port);
    process.env[server.variable] = address;
    engine = await opened();
  });
  afterAll(async () => {
    await engine?.close();
    delete process.env[server.variable];
    server.kill(program, folder);
    fs.rmSync(folder, { recursive: true, force: true });
  });

  describe('keeps the contract', () => {
    testEngine({ open: () => openEngine(ENGINE_OPTIONS), ...server.look(address) }, 300);
  });

  test('killed in mid-load and restarted: nothing lost, nothing twice', async () => {
    let killed = false;
    const killing: Phase = {
      update: (done) => {
        if (killed || done < N / 3) return;
        killed = true;
        server.kill(program, folder);
        server.start(program, folder, port);
      },
      end: () => {},
    };
    expect(await engine.load(rowsOfVectors(old), first, killing)).toBe(false);
    expect(killed).toBe(true);
    const own = Int32Array.from({ length: 100 }, (_, i) => i * 1999);
    const ids = await engine.search(first, old, own, 1);
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
      // The old generation is dropped with the switch: a search that comes too late is told so.
      const found = await engine.search(first, queries, rows.subarray(0, 4), K).catch((error: Error) => error.message);
      if (typeof found === 'string') expect(found).toMatch(/not (exist|found)/);
      else {
        expect(found.every((ids) => ids.length === K)).toBe(true);
        answered++;
      }
    }
    await loading;
    expect(answered).toBeGreaterThan(10);
    expect(recallOf(await engine.search(second, queries, rows, K), young)).toBeGreaterThan(0.95);
  });
}

/** When the server has started. */
async function opened(): Promise<VectorEngine> {
  for (let tries = 20; ; tries--) {
    try {
      return await openEngine(options);
    } catch (error) {
      if (tries === 0) throw error;
      await sleep(1000);
    }
  }
}
