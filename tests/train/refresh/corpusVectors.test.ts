/** The vectors of a refresh under way: kept in shards, read back bit for bit, never mixed with others'. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { selectBackend } from '../../../src/backend/index.js';
import { type Reporter, silentReporter } from '../../../src/core/reporter.js';
import { createDualEncoder } from '../../../src/encoders/dualEncoder.js';
import { initialParameters } from '../../../src/encoders/parameters.js';
import { SHARD_ROWS } from '../../../src/index/encode.js';
import { encodeCorpus } from '../../../src/train/refresh/corpusVectors.js';
import type { RefreshContext } from '../../../src/train/refresh/refresh.js';
import { Replicas } from '../../../src/train/step/replicas.js';
import { createSharedMemory } from '../../../src/train/step/sharedMemory.js';
import { SOFTMAX, tinyShape, toyTokens, WHOLE } from '../fixtures.js';

const SIZE = 3 * SHARD_ROWS - 100;
const shape = tinyShape();
const { specs } = createDualEncoder(shape);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-vectors-'));
const lengths = Array.from({ length: SIZE }, (_, i) => 3 + (i % 9));
let replicas: Replicas;
let kept = '';
let lines: string[] = [];
const reporter: Reporter = { ...silentReporter, line: (text) => lines.push(text) };

beforeAll(async () => {
  await selectBackend('onnx');
  replicas = await Replicas.create(
    createSharedMemory(
      { replicas: 2, seed: 1, padId: 0, encoder: shape, memory: WHOLE, loss: SOFTMAX, maxStepRows: 32 },
      { query: toyTokens([4], 'q'), passage: toyTokens(lengths, 'p') },
    ),
    'onnx',
  );
  assign(1);
});
beforeEach(() => {
  kept = fs.mkdtempSync(path.join(folder, 'kept-'));
  lines = [];
});
afterAll(async () => {
  await replicas.dispose();
  fs.rmSync(folder, { recursive: true });
});

function assign(seed: number): void {
  replicas.assign(initialParameters(specs, seed));
}

/** The vectors of all passages, after those before are forgotten. */
async function encode(fingerprint?: string): Promise<Float32Array> {
  const context = { replicas, reporter, dataset: { corpus: { size: SIZE } } } as unknown as RefreshContext;
  replicas.shared.vectors.passage.fill(Number.NaN);
  await encodeCorpus(context, 'refresh 7', fingerprint === undefined ? undefined : { folder: kept, fingerprint });
  return replicas.shared.vectors.passage.slice();
}

const shardAt = (shard: number) => path.join(kept, `shard-0000${shard}.safetensors`);
const written = () => [0, 1, 2].map((shard) => fs.statSync(shardAt(shard), { throwIfNoEntry: false })?.mtimeMs);

it('are the same bits kept or not, read back, or made again where a shard is missing or damaged', async () => {
  const plain = await encode();
  expect(plain.every(Number.isFinite)).toBe(true);
  expect(await encode('a')).toEqual(plain);
  expect(lines).toEqual([]);
  const before = written();
  expect(await encode('a')).toEqual(plain);
  expect(written()).toEqual(before);
  expect(lines).toEqual([expect.stringContaining('refresh 7: 3 of 3 shards of vectors read back')]);
  fs.rmSync(shardAt(0));
  const bytes = fs.readFileSync(shardAt(2));
  bytes[bytes.length - 3]! ^= 1;
  fs.writeFileSync(shardAt(2), bytes);
  const damaged = written();
  expect(await encode('a')).toEqual(plain);
  expect(lines.at(-1)).toContain('1 of 3 shards');
  expect(written()[1]).toBe(damaged[1]);
  expect(written()[2]).not.toBe(damaged[2]);
});

it('of other weights are removed, which is said', async () => {
  await encode('a');
  assign(2);
  const others = await encode('b');
  expect(lines).toEqual([expect.stringContaining('held vectors of other weights or texts; they are removed')]);
  expect(others).toEqual(await encode());
  expect(await encode('b')).toEqual(others);
  expect(lines.at(-1)).toContain('3 of 3 shards');
  assign(1);
});
