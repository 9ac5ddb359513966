/** What every vector engine keeps to, whatever server it talks to. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deriveKey, normal } from '../../src/core/random.js';
import { type Phase, silentReporter } from '../../src/core/reporter.js';
import type { EngineOptions, VectorEngine } from '../../src/index/engine/index.js';
import { scoreOf } from '../../src/index/exact.js';
import { rowsOfVectors } from '../../src/index/storedVectors.js';
import type { Vectors } from '../../src/index/vectors.js';

const D = 8;
/** Several parts of a load. */
const N = 5301;
const K = 10;
export const ENGINE_OPTIONS: EngineOptions = { name: 'toy', connectivity: 8, addExpansion: 64, searchExpansion: 200, connections: 2 };
const phase = silentReporter.phase('load', 1, 'passages');
const GENERATIONS = ['0123456789abcdef', 'fedcba9876543210'] as const;

function vectors(rows: number, purpose: string): Vectors {
  const key = deriveKey(2, purpose);
  return { values: Float32Array.from({ length: rows * D }, (_, i) => normal(key, 0, i)), width: D };
}

const passages = vectors(N, 'passages');
const others = vectors(N, 'others');
const queries = vectors(40, 'queries');
const rows = Int32Array.from({ length: 40 }, (_, row) => row);

function exactBest(row: number, of: Vectors): number[] {
  const scored = Array.from({ length: N }, (_, passage) => ({ passage, score: scoreOf(queries, row, of, passage, 1) }));
  return scored
    .sort((a, b) => b.score - a.score)
    .slice(0, K)
    .map(({ passage }) => passage);
}

async function expectNearest(engine: VectorEngine, generation: string, of: Vectors): Promise<void> {
  const found = await engine.search(generation, queries, rows, K);
  let common = 0;
  found.forEach((ids, row) => {
    expect(new Set(ids).size).toBe(ids.length);
    common += exactBest(row, of).filter((passage) => ids.includes(passage)).length;
  });
  expect(common / (found.length * K)).toBeGreaterThan(0.97);
}

/** A server with nothing on it, and what lies on it, seen past the adapter. */
export interface EngineServer {
  open(): Promise<VectorEngine>;
  /** Rows of what is served as the options' name. */
  servedRows(): Promise<number>;
  generations(): Promise<readonly string[]>;
}

/** Tests in this order, on one server. */
export function testEngine(server: EngineServer, seconds: number): void {
  const patience = seconds * 1000;
  let engine: VectorEngine;
  beforeAll(async () => {
    engine = await server.open();
  }, patience);
  afterAll(async () => {
    await engine?.close();
  });

  test(
    'holds each vector once, and finds the nearest',
    async () => {
      expect(await engine.holds(GENERATIONS[0])).toBe(false);
      let loaded = 0;
      const counting: Phase = {
        update: (done) => {
          expect(done).toBeGreaterThan(loaded);
          loaded = done;
        },
        end: () => {},
      };
      expect(await engine.load(rowsOfVectors(passages), GENERATIONS[0], counting)).toBe(false);
      expect(loaded).toBe(N);
      expect(await engine.holds(GENERATIONS[0])).toBe(true);
      expect(await server.servedRows()).toBe(N);
      await expectNearest(engine, GENERATIONS[0], passages);
    },
    patience,
  );

  test.each([1, 33])(
    'answers %i queries, however they are cut into requests',
    async (count) => {
      const found = await engine.search(GENERATIONS[0], queries, rows.subarray(0, count), K);
      const nearest = found.filter((ids, row) => ids.length >= K && ids.includes(exactBest(row, passages)[0]!));
      expect(found).toHaveLength(count);
      expect(nearest.length).toBeGreaterThanOrEqual(Math.max(1, count - 1));
    },
    patience,
  );

  test(
    'does not load a finished generation again',
    async () => {
      expect(await engine.load(rowsOfVectors(passages), GENERATIONS[0], phase)).toBe(true);
      expect(await server.servedRows()).toBe(N);
    },
    patience,
  );

  test(
    'goes on with a load that was interrupted: nothing lost, nothing twice, the old one served meanwhile',
    async () => {
      const interrupting: Phase = {
        update: () => {
          throw new Error('interrupted');
        },
        end: () => {},
      };
      await expect(engine.load(rowsOfVectors(others), GENERATIONS[1], interrupting)).rejects.toThrow('interrupted');
      expect(await server.generations()).toHaveLength(2);
      const again = await server.open(); // as the next process does
      expect([await again.holds(GENERATIONS[0]), await again.holds(GENERATIONS[1])]).toEqual([true, false]);
      await expectNearest(again, GENERATIONS[0], passages);
      expect(await again.load(rowsOfVectors(others), GENERATIONS[1], phase)).toBe(false);
      expect(await server.servedRows()).toBe(N);
      await expectNearest(again, GENERATIONS[1], others);
      await again.close();
    },
    patience,
  );

  test(
    'drops the generation before, and a search of it says so',
    async () => {
      expect(await server.generations()).toEqual([`toy_${GENERATIONS[1]}`]);
      expect(await engine.holds(GENERATIONS[0])).toBe(false);
      await expect(engine.search(GENERATIONS[0], queries, rows, K)).rejects.toThrow(/not (exist|found)/);
    },
    patience,
  );
}
