/**
 * Many texts to vectors on disk, in shards (vectorShards.ts) with the ids of their rows beside them: any number of processes may take every n-th of
 * them, and what is finished is not made again.
 */
import fs from 'node:fs';
import { openModelSession } from '../backend/index.js';
import { UserError } from '../core/errors.js';
import { writeJson } from '../core/files.js';
import type { Reporter } from '../core/reporter.js';
import { fingerprintTexts } from '../data/texts.js';
import { encodeRow } from '../data/tokenCache.js';
import type { Texts, TokenTable } from '../data/types.js';
import { chunksByLength, tableOf } from '../encoders/batching.js';
import { createDualEncoder, type Side } from '../encoders/dualEncoder.js';
import { type OpenedModel, towersOf } from '../encoders/modelFolder.js';
import { encodeOnnxEncoder } from '../encoders/onnxEncoder.js';
import { createWeights } from '../encoders/parameters.js';
import { prefixed } from '../encoders/prefixed.js';
import { encodeRows } from './encode.js';
import { type EncodeManifest, idsFile, rowsInShard } from './storedVectors.js';
import { bindShards, manifestFile, readVectorShard, type VectorType, writeVectorShard } from './vectorShards.js';

export type Engine = 'tensorflow' | 'onnxruntime';

export interface BulkOptions {
  readonly model: OpenedModel;
  readonly texts: Texts;
  readonly side: Side;
  readonly folder: string;
  readonly dtype: VectorType;
  readonly engine: Engine;
  /** Of onnxruntime. */
  readonly threads: number;
  readonly shardRows: number;
  /** This process takes the shards that are `index` modulo `count`. */
  readonly part: { readonly index: number; readonly count: number };
  readonly reporter: Reporter;
}

/** Writes vectors of rows [B, W] in the order of `rows` into `vectors`. */
type RowEncoder = (table: TokenTable, rows: Int32Array, vectors: Float32Array) => void;

/** Encodes this process's shards that are not finished. A folder that holds vectors of something else is a UserError. */
export function bulkEncode(options: BulkOptions): { made: number; kept: number } {
  const { model, texts, side, folder, dtype, shardRows, part, reporter } = options;
  const encoder = createDualEncoder(model.shape);
  const manifest: EncodeManifest = {
    model: model.sha256,
    texts: fingerprintTexts(texts) + (texts.separated ? ' separated' : ''),
    side,
    dtype,
    width: encoder.width,
    rows: texts.size,
    shardRows,
    maxTokens: model.maxTokens[side],
    prefix: model.prefixes[side],
  };
  bind(folder, manifest);
  const shards = Array.from({ length: Math.ceil(texts.size / shardRows) }, (_, shard) => shard).filter(
    (shard) => shard % part.count === part.index,
  );
  const missing = shards.filter((shard) => !isWhole(folder, shard, manifest));
  if (missing.length === 0) return { made: 0, kept: shards.length };
  const encode = options.engine === 'onnxruntime' ? withOnnxruntime(options) : withTensorflow(options);
  const tokenizer = prefixed(model.tokenizer, model.prefixes[side]);
  const phase = reporter.phase(`encode ${side === 'query' ? 'queries' : 'passages'}`, missing.length * shardRows, 'texts');
  missing.forEach((shard, done) => {
    const rows = Int32Array.from({ length: rowsInShard(shard, manifest) }, (_, i) => i);
    const first = shard * shardRows;
    const vectors = new Float32Array(rows.length * encoder.width);
    encode(tableOf(Array.from(rows, (row) => encodeRow(texts, first + row, tokenizer, manifest.maxTokens))), rows, vectors);
    writeJson(
      idsFile(folder, shard),
      Array.from(rows, (row) => texts.id(first + row)),
    );
    writeVectorShard(folder, shard, vectors, encoder.width, dtype);
    phase.update((done + 1) * shardRows);
  });
  phase.end();
  return { made: missing.length, kept: shards.length - missing.length };
}

function bind(folder: string, manifest: EncodeManifest): void {
  const others = Object.entries(bindShards(folder, manifest));
  if (others.length > 0)
    throw new UserError(
      `${manifestFile(folder)}: these vectors are of another ${others.map(([key, found]) => `${key} (${found}, now ${manifest[key as keyof EncodeManifest]})`).join(', ')}. Choose another folder with --to.`,
    );
}

/** Whether the shard and its ids are there, with the checksum that it was written with. */
function isWhole(folder: string, shard: number, manifest: EncodeManifest): boolean {
  return (
    fs.existsSync(idsFile(folder, shard)) && readVectorShard(folder, shard, rowsInShard(shard, manifest), manifest.width) !== undefined
  );
}

function withTensorflow({ model, side }: BulkOptions): RowEncoder {
  const encoder = createDualEncoder(model.shape);
  const weights = createWeights(encoder.specs, model.parameters);
  return (table, rows, vectors) => encodeRows(encoder, weights, side, table, rows, model.tokenizer.padId, vectors);
}

/** Padded tokens of one run: its activations stay in the cache. */
const CHUNK_TOKENS = 4096;

function withOnnxruntime({ model, side, threads }: BulkOptions): RowEncoder {
  const encoder = createDualEncoder(model.shape);
  const tower = towersOf(encoder, model.parameters).find(({ sides }) => sides.includes(side))!;
  const bytes = encodeOnnxEncoder(model.shape, new Map(tower.tensors.map((tensor) => [tensor.name, tensor])), 'fp32');
  const session = openModelSession(bytes, threads);
  const { width } = encoder;
  return (table, rows, vectors) => {
    for (const { places, batch } of chunksByLength(table, rows, { tokens: CHUNK_TOKENS }, model.tokenizer.padId)) {
      const [B, T] = [places.length, batch.tokens];
      const mask = new Int32Array(B * T);
      batch.lengths.forEach((length, row) => mask.fill(1, row * T, row * T + length));
      const inputs: Record<string, Int32Array> = { input_ids: batch.ids, attention_mask: mask };
      if (model.shape.transformer.tokenTypes > 1) inputs.token_type_ids = new Int32Array(B * T);
      const found = session.run(inputs, [B, T], 'sentence_embedding', [B, width]);
      places.forEach((place, i) => vectors.set(found.subarray(i * width, (i + 1) * width), place * width));
    }
  };
}
