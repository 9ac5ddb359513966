/**
 * Many texts to vectors on disk, in shards (vectorShards.ts) with the ids of their rows beside them: any number of processes may take every n-th of
 * them, and what is finished is not made again.
 */
import fs from 'node:fs';
import { UserError } from '../core/errors.js';
import { writeJson } from '../core/files.js';
import type { Reporter } from '../core/reporter.js';
import { encodeRow } from '../data/tokenCache.js';
import type { Texts } from '../data/types.js';
import { tableOf } from '../encoders/batching.js';
import { createDualEncoder, type Side } from '../encoders/dualEncoder.js';
import type { OpenedModel } from '../encoders/modelFolder.js';
import type { InferencePrecision } from '../encoders/onnx/inferenceModel.js';
import { prefixed } from '../encoders/prefixed.js';
import { type EncodeManifest, idsFile, rowsInShard, textsHash } from './storedVectors.js';
import { onnxruntimeEncoder, tensorflowEncoder } from './tableEncoder.js';
import { bindShards, manifestFile, readVectorShard, type VectorType, writeVectorShard } from './vectorShards.js';

export type Engine = 'tensorflow' | 'onnxruntime';

export interface BulkOptions {
  readonly model: OpenedModel;
  readonly texts: Texts;
  /** What of a passage is read, in the words of data sets. */
  readonly reads?: string | undefined;
  readonly side: Side;
  readonly folder: string;
  readonly dtype: VectorType;
  readonly engine: Engine;
  /** Of the dense layers of onnxruntime. */
  readonly precision: InferencePrecision;
  /** Of onnxruntime. */
  readonly threads: number;
  readonly shardRows: number;
  /** This process takes the shards that are `index` modulo `count`. */
  readonly part: { readonly index: number; readonly count: number };
  readonly reporter: Reporter;
}

/** Encodes this process's shards that are not finished. A folder that holds vectors of something else is a UserError. */
export async function bulkEncode(options: BulkOptions): Promise<{ made: number; kept: number }> {
  const { model, texts, reads, side, folder, dtype, precision, threads, shardRows, part, reporter } = options;
  const encoder = createDualEncoder(model.shape);
  const manifest: EncodeManifest = {
    model: model.sha256,
    texts: textsHash(texts),
    side,
    dtype,
    precision,
    width: encoder.width,
    rows: texts.size,
    shardRows,
    maxTokens: model.maxTokens[side],
    prefix: model.prefixes[side],
    ...(reads !== undefined && { reads }),
  };
  bind(folder, manifest);
  const shards = Array.from({ length: Math.ceil(texts.size / shardRows) }, (_, shard) => shard).filter(
    (shard) => shard % part.count === part.index,
  );
  const missing = shards.filter((shard) => !isWhole(folder, shard, manifest));
  if (missing.length === 0) return { made: 0, kept: shards.length };
  const { padId } = model.tokenizer;
  const tower = { shape: model.shape, parameters: model.parameters, side, padId };
  const tables = await (options.engine === 'onnxruntime' ? onnxruntimeEncoder({ ...tower, precision, threads }) : tensorflowEncoder(tower));
  const tokenizer = prefixed(model.tokenizer, model.prefixes[side]);
  const rowsOf = (shard: number) => Array.from({ length: rowsInShard(shard, manifest) }, (_, i) => shard * shardRows + i);
  const tokens = (shard: number) => tableOf(rowsOf(shard).map((row) => encodeRow(texts, row, tokenizer, manifest.maxTokens)));
  const size = missing.reduce((sum, shard) => sum + rowsInShard(shard, manifest), 0);
  let done = 0;
  const phase = reporter.phase(`encode ${side === 'query' ? 'queries' : 'passages'}`, size, 'texts');
  let next = tokens(missing[0]!);
  for (const [place, shard] of missing.entries()) {
    const encoded = tables.encode(next);
    if (place + 1 < missing.length) next = tokens(missing[place + 1]!); // while the threads encode
    const vectors = await encoded;
    writeJson(
      idsFile(folder, shard),
      rowsOf(shard).map((row) => texts.id(row)),
    );
    writeVectorShard(folder, shard, vectors, encoder.width, dtype);
    done += rowsInShard(shard, manifest);
    phase.update(done);
  }
  tables.close();
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
