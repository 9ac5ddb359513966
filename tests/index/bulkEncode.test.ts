/** Bulk encoding: shards that are kept, made again and shared out; both engines and all types of vectors. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { selectBackend } from '../../src/backend/index.js';
import { silentReporter } from '../../src/core/reporter.js';
import { createTexts } from '../../src/data/texts.js';
import { createDualEncoder, type EncoderShape } from '../../src/encoders/dualEncoder.js';
import { type OpenedModel, openModelFolder, writeModelFolder } from '../../src/encoders/modelFolder.js';
import { initialParameters } from '../../src/encoders/parameters.js';
import { loadTokenizer } from '../../src/encoders/tokenizer/tokenizer.js';
import { type BulkOptions, bulkEncode } from '../../src/index/bulkEncode.js';
import { readVectors } from '../../src/index/storedVectors.js';
import { type VectorType, writeVectorShard } from '../../src/index/vectorShards.js';
import { root } from '../cli/command.js';
import { tinyShape, toyTexts } from '../train/fixtures.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-bulk-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));
const { passages } = toyTexts(25);
const texts = createTexts(
  passages.map((_, i) => `p${i}`),
  passages,
  'passage',
);
let model: OpenedModel;

beforeAll(async () => {
  await selectBackend('onnx');
  const tokenizerFolder = path.join(folder, 'tokenizer');
  fs.mkdirSync(tokenizerFolder);
  const packed = fs.readFileSync(path.join(root, 'tests/golden/tokenizers/bert-uncased.json.gz'));
  fs.writeFileSync(path.join(tokenizerFolder, 'tokenizer.json'), zlib.gunzipSync(packed));
  const shape: EncoderShape = {
    ...tinyShape('separate'),
    transformer: { ...tinyShape().transformer, vocabulary: 8000, positions: 40 },
    pooling: 'mean',
  };
  const encoder = createDualEncoder(shape);
  const place = path.join(folder, 'model');
  fs.mkdirSync(place);
  const settings = { maxTokens: { query: 8, passage: 12 }, prefixes: { query: '', passage: 'passage: ' } };
  const tokenizer = await loadTokenizer(tokenizerFolder);
  writeModelFolder(place, { encoder, parameters: initialParameters(encoder.specs, 9), ...settings, tokenizer, tokenizerFolder, card: '' });
  model = await openModelFolder(place);
});

const options = (to: string, part: Partial<BulkOptions> = {}): BulkOptions => ({
  model,
  texts,
  side: 'passage',
  folder: path.join(folder, to),
  dtype: 'fp32',
  precision: 'fp32',
  engine: 'onnxruntime',
  threads: 1,
  shardRows: 10,
  part: { index: 0, count: 1 },
  reporter: silentReporter,
  ...part,
});
const largest = (a: Float32Array, b: Float32Array) => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

describe('engines and types', () => {
  it('both engines give the same vectors, in the order of the texts', async () => {
    expect(await bulkEncode(options('onnx'))).toEqual({ made: 3, kept: 0 });
    await bulkEncode(options('tf', { engine: 'tensorflow' }));
    const [onnx, tf] = ['onnx', 'tf'].map((name) => readVectors(path.join(folder, name)));
    expect(onnx!.ids).toEqual(passages.map((_, i) => `p${i}`));
    expect(largest(onnx!.vectors, tf!.vectors)).toBeLessThan(1e-5);
    expect(new Set(onnx!.vectors).size).toBeGreaterThan(70);
  });

  it('fp16 and int8 are near, and the towers differ', async () => {
    await bulkEncode(options('exact'));
    const { vectors } = readVectors(path.join(folder, 'exact'));
    for (const [dtype, tolerance] of [
      ['fp16', 1e-3],
      ['int8', 0.01],
    ] as const) {
      await bulkEncode(options(dtype, { dtype }));
      expect(largest(readVectors(path.join(folder, dtype)).vectors, vectors), dtype).toBeLessThan(tolerance);
    }
    await bulkEncode(options('queries', { side: 'query' }));
    expect(largest(readVectors(path.join(folder, 'queries')).vectors, vectors)).toBeGreaterThan(0.1);
  });
});

describe('an int8 encoder', () => {
  it('gives vectors near those of fp32, which do not mix with them', async () => {
    await bulkEncode(options('float'));
    await bulkEncode(options('bytes', { precision: 'int8' }));
    const [float, bytes] = ['float', 'bytes'].map((name) => readVectors(path.join(folder, name)).vectors);
    expect(largest(float!, bytes!)).toBeLessThan(0.1);
    expect(largest(float!, bytes!)).toBeGreaterThan(0);
    await expect(bulkEncode(options('float', { precision: 'int8' }))).rejects.toThrow('another precision (fp32, now int8)');
  });
});

it('vectors that are not finite, or not in the type they are stored in, are never written', async () => {
  const place = path.join(folder, 'broken');
  fs.mkdirSync(place);
  const write = (value: number, dtype: VectorType) => () => writeVectorShard(place, 0, Float32Array.of(1, 2, 3, value), 2, dtype);
  for (const dtype of ['fp32', 'fp16', 'int8'] as const) {
    expect(write(Number.NaN, dtype)).toThrow(
      /shard-00000\.safetensors: found NaN in the vector of its row 1; expected finite .*diverged\?$/,
    );
  }
  expect(write(7e4, 'fp16')).toThrow(/: found 70000 in the vector of its row 1; expected numbers that fp16 holds: store them in fp32$/);
  expect(fs.readdirSync(place)).toEqual([]);
  write(7e4, 'int8')();
});

describe('restarting', () => {
  it('keeps what is whole and makes again what is missing or damaged', async () => {
    await bulkEncode(options('again'));
    const whole = readVectors(path.join(folder, 'again'));
    expect(await bulkEncode(options('again'))).toEqual({ made: 0, kept: 3 });
    const shard = (n: number) => path.join(folder, 'again', `shard-0000${n}.safetensors`);
    fs.rmSync(shard(0));
    const bytes = fs.readFileSync(shard(2));
    bytes[bytes.length - 3]! ^= 1;
    fs.writeFileSync(shard(2), bytes);
    expect(await bulkEncode(options('again'))).toEqual({ made: 2, kept: 1 });
    expect(readVectors(path.join(folder, 'again'))).toEqual(whole);
  });

  it('any number of threads gives the same vectors, bit for bit', async () => {
    await bulkEncode(options('one'));
    await bulkEncode(options('three', { threads: 3 }));
    expect(readVectors(path.join(folder, 'three'))).toEqual(readVectors(path.join(folder, 'one')));
  });

  it('parts together are the whole', async () => {
    await bulkEncode(options('whole'));
    for (const index of [0, 1]) await bulkEncode(options('parts', { part: { index, count: 2 } }));
    expect(readVectors(path.join(folder, 'parts'))).toEqual(readVectors(path.join(folder, 'whole')));
  });

  it('a folder of other vectors is refused, naming what differs', async () => {
    await bulkEncode(options('mine'));
    await expect(bulkEncode(options('mine', { dtype: 'fp16' }))).rejects.toThrow('another dtype (fp32, now fp16)');
    await expect(bulkEncode(options('mine', { model: { ...model, sha256: 'x' } }))).rejects.toThrow('another model');
  });
});
