/**
 * Vectors on disk in shards, each whole or absent: shard-00000.safetensors holds its rows' vectors (with scales for int8) and their checksum;
 * encode.json beside them says what all are of. What is finished need not be made again, whoever made it.
 */
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '../core/errors.js';
import { bytesOf, readJson, sha256, writeJson } from '../core/files.js';
import { fromHalf, toHalf } from '../core/half.js';
import { quantisedRows } from '../core/quantise.js';
import { type NamedArray, readSafetensors, type TensorMemory, writeSafetensors } from '../encoders/formats/safetensors.js';

export type VectorType = 'fp32' | 'fp16' | 'int8';

/** What the vectors of a folder are of: anything that must be the same for two shards to belong together. */
export type ShardManifest = Readonly<Record<string, string | number>>;

/** Binds a folder without vectors to the manifest. Otherwise the keys in which its vectors are of something else, with what is found there. */
export function bindShards(folder: string, manifest: ShardManifest): ShardManifest {
  const file = manifestFile(folder);
  if (!fs.existsSync(file)) {
    writeJson(file, manifest);
    return {};
  }
  const found = readJson(file, 'Choose another folder, or remove this one.') as ShardManifest;
  // A folder begun before `reads` was kept has none; the texts' own hash tells.
  const others = Object.keys(manifest).filter((key) => found[key] !== manifest[key] && !(key === 'reads' && found[key] === undefined));
  return Object.fromEntries(others.map((key) => [key, found[key] ?? 'absent']));
}

export const manifestFile = (folder: string): string => path.join(folder, 'encode.json');
export const shardFile = (folder: string, shard: number) => path.join(folder, `shard-${String(shard).padStart(5, '0')}.safetensors`);

/** Vectors [rows, width] of one shard. Numbers that are not finite are a UserError: a reader would take the shard for damaged. */
export function writeVectorShard(folder: string, shard: number, vectors: Float32Array, width: number, dtype: VectorType = 'fp32'): void {
  const rows = vectors.length / width;
  const shape = [rows, width];
  const tensors: NamedArray[] =
    dtype === 'fp32'
      ? [{ name: 'vectors', shape, values: vectors }]
      : dtype === 'fp16'
        ? [{ name: 'vectors', shape, values: toHalf(vectors) }]
        : quantised(vectors, rows, width);
  // Of the values as a reader gets them: half precision and int8 round.
  const stored = dtype === 'fp16' ? fromHalf(tensors[0]!.values as Uint16Array) : dequantised(tensors[0]!, tensors[1]);
  const file = shardFile(folder, shard);
  const broken = vectors.findIndex((value, i) => !Number.isFinite(value) || !Number.isFinite(stored[i]));
  if (broken >= 0) {
    const expected = Number.isFinite(vectors[broken])
      ? `numbers that ${dtype} holds: store them in fp32`
      : 'finite numbers: have the encoder’s weights diverged?';
    throw new UserError(`${file}: found ${vectors[broken]} in the vector of its row ${Math.floor(broken / width)}; expected ${expected}`);
  }
  writeSafetensors(file, tensors, { sha256: checksum(stored) });
}

/** Memory for one shard after the other, so that garbage does not add up: the next that is read there is written over the one before. */
export class ShardRoom {
  private readonly held = new Map<string, ArrayBuffer>();

  readonly memory: TensorMemory = (name, bytes) => {
    const held = this.held.get(name);
    if (held?.byteLength === bytes) return held;
    const grown = new ArrayBuffer(bytes);
    this.held.set(name, grown);
    return grown;
  };
}

/** The float32 vectors [rows, width] of a shard; undefined where it is absent, of another size, or not what its checksum says. */
export function readVectorShard(folder: string, shard: number, rows: number, width: number, room?: ShardRoom): Float32Array | undefined {
  const file = shardFile(folder, shard);
  if (!fs.existsSync(file)) return undefined;
  try {
    const { tensors, metadata } = readSafetensors(file, room?.memory);
    const found = tensors.get('vectors');
    if (found?.shape.join() !== [rows, width].join()) return undefined;
    const vectors = dequantised(found, tensors.get('scales'));
    return metadata.sha256 === checksum(vectors) ? vectors : undefined;
  } catch (error) {
    if (error instanceof UserError) return undefined; // damaged: it is made again
    throw error;
  }
}

const checksum = (values: Float32Array): string => sha256(bytesOf(values));

function quantised(vectors: Float32Array, rows: number, width: number): NamedArray[] {
  const { values, scales } = quantisedRows(vectors, rows, width);
  return [
    { name: 'vectors', shape: [rows, width], values },
    { name: 'scales', shape: [rows], values: scales },
  ];
}

function dequantised({ values, shape }: NamedArray, scales: NamedArray | undefined): Float32Array {
  if (!scales) return values as Float32Array;
  const width = shape[1]!;
  return Float32Array.from(values, (value, i) => value * (scales.values[Math.floor(i / width)] as number));
}
