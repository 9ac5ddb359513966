/** Search of vectors on disk: the hits of the index in memory, whatever the shards. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { selectBackend } from '../../src/backend/index.js';
import { UserError } from '../../src/core/errors.js';
import { writeJson } from '../../src/core/files.js';
import { deriveKey, normal } from '../../src/core/random.js';
import { silentReporter } from '../../src/core/reporter.js';
import { ExactIndex } from '../../src/index/exact.js';
import { idsFile, readVectors, requireSameModel, StoredVectors } from '../../src/index/storedVectors.js';
import { searchCandidates, searchShards } from '../../src/index/streaming.js';
import { bindShards, type VectorType, writeVectorShard } from '../../src/index/vectorShards.js';
import type { Vectors } from '../../src/index/vectors.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-streaming-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));
beforeAll(async () => {
  await selectBackend('onnx');
});

const D = 24;
const phase = silentReporter.phase('search', 1, 'queries');

/** Every fifth passage is one text: ties are the rule. */
function vectors(rows: number, seed: number): Vectors {
  const key = deriveKey(seed, 'streaming');
  return { values: Float32Array.from({ length: rows * D }, (_, i) => normal(key, Math.floor(i / D) % 5 === 0 ? 0 : i, i % D)), width: D };
}

function stored(name: string, { values }: Vectors, shardRows: number, given: { dtype?: VectorType; side?: string; model?: string } = {}) {
  const place = path.join(folder, name);
  const { dtype = 'fp32', side = 'passage', model = 'm' } = given;
  const rows = values.length / D;
  bindShards(place, { model, texts: 't', side, dtype, width: D, rows, shardRows, maxTokens: 9, prefix: '' });
  for (let shard = 0; shard * shardRows < rows; shard++) {
    const own = values.slice(shard * shardRows * D, (shard + 1) * shardRows * D);
    writeVectorShard(place, shard, own, D, dtype);
    writeJson(
      idsFile(place, shard),
      Array.from({ length: own.length / D }, (_, i) => `p${shard * shardRows + i}`),
    );
  }
  return new StoredVectors(place);
}

const passages = vectors(1500, 1);
const queries = vectors(700, 2);
const all = Int32Array.from({ length: 700 }, (_, row) => row);

describe('searchShards', () => {
  it.each([1500, 512, 333, 100])('gives the very hits of the index in memory, shards of %i rows', async (shardRows) => {
    const exact = await new ExactIndex(passages).search(queries, all, 40, 1);
    expect(await searchShards(stored(`of${shardRows}`, passages, shardRows), queries, 40, phase)).toEqual(exact);
  });

  it.each([2, 3, 16])('gives the same on %i threads, whatever they share', async (threads) => {
    const place = stored('threads', passages, 100);
    expect(await searchShards(place, queries, 40, phase, threads)).toEqual(await searchShards(place, queries, 40, phase));
    const few = stored('few', vectors(3, 1), 2); // fewer passages than are asked for, and shards than threads
    expect(await searchShards(few, queries, 5, phase, threads)).toEqual(await searchShards(few, queries, 5, phase));
  });

  it.each(['fp16', 'int8'] as const)('searches %s as what is stored', async (dtype) => {
    const place = stored(dtype, passages, 400, { dtype });
    const exact = await new ExactIndex({ values: readVectors(place.folder).vectors, width: D }).search(queries, all, 10, 1);
    expect(await searchShards(place, queries, 10, phase)).toEqual(exact);
  });

  it('refuses a damaged and a missing shard, naming the file', async () => {
    const place = stored('broken', passages, 400);
    const file = path.join(place.folder, 'shard-00002.safetensors');
    const bytes = fs.readFileSync(file);
    bytes[bytes.length - 3]! ^= 1;
    fs.writeFileSync(file, bytes);
    await expect(searchShards(place, queries, 10, phase)).rejects.toThrow(`${file}: missing or damaged`);
    const onThreads = searchShards(place, queries, 10, phase, 2);
    await expect(onThreads).rejects.toThrow(UserError);
    await expect(onThreads).rejects.toThrow(`${file}: missing or damaged`);
    fs.rmSync(file);
    await expect(searchShards(place, queries, 10, phase)).rejects.toThrow(`${file}: missing or damaged`);
    expect(() => place.generation()).toThrow(`${file}: no such file`);
  });
});

describe('searchCandidates', () => {
  it('ranks what is found by the exact scores, −1 where fewer were found', async () => {
    const place = stored('candidates', passages, 333);
    const exact = await new ExactIndex(passages).search(queries, all, 10, 1);
    const shuffled = async (rows: Int32Array) =>
      Array.from(rows, (row) => Int32Array.from(exact.passages.subarray(row * 10, (row + 1) * 10)).sort());
    expect(await searchCandidates(shuffled, place, queries, 10)).toEqual(exact);
    const few = await searchCandidates(async (rows) => Array.from(rows, (row) => Int32Array.of(row)), place, queries, 2);
    expect([...few.passages.subarray(0, 4)]).toEqual([0, -1, 1, -1]);
  });
});

describe('StoredVectors', () => {
  it('is another generation with other vectors, and the same when written again', () => {
    const first = stored('first', passages, 333).generation();
    expect(stored('again', passages, 333).generation()).toBe(first);
    expect(stored('other', vectors(1500, 3), 333).generation()).not.toBe(first);
  });

  it('refuses vectors of another side, and two models together', () => {
    const place = stored('sides', passages, 1500);
    expect(() => new StoredVectors(place.folder, 'query')).toThrow('found vectors of the passage side; expected query');
    expect(() => requireSameModel(place, stored('asked', queries, 700, { side: 'query', model: 'n' }))).toThrow(
      'found vectors of another model (n)',
    );
  });

  it('names rows of any shard', () => {
    const names = stored('named', passages, 333).idsOf(Int32Array.of(1400, 0, 333, 1400, 332));
    expect(new Map(names)).toEqual(
      new Map([
        [0, 'p0'],
        [332, 'p332'],
        [333, 'p333'],
        [1400, 'p1400'],
      ]),
    );
  });
});
