/** The finished folder of `simans encode`, read shard by shard: a corpus of vectors of any size in the memory of one shard. */
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '../core/errors.js';
import { readJson, sha256 } from '../core/files.js';
import { fingerprintTexts } from '../data/texts.js';
import type { Texts } from '../data/types.js';
import type { Side } from '../encoders/dualEncoder.js';
import { readMetadata } from '../encoders/formats/safetensors.js';
import type { InferencePrecision } from '../encoders/onnx/inferenceModel.js';
import { manifestFile, readVectorShard, type ShardRoom, shardFile, type VectorType } from './vectorShards.js';
import type { Vectors } from './vectors.js';

/** What the vectors of a folder are of. */
export type EncodeManifest = {
  readonly model: string;
  readonly texts: string;
  readonly side: Side;
  readonly dtype: VectorType;
  /** That the encoder computed in. */
  readonly precision: InferencePrecision;
  readonly width: number;
  readonly rows: number;
  readonly shardRows: number;
  readonly maxTokens: number;
  readonly prefix: string;
  /** What of a passage was read, in the words of data sets (Dataset.policy). */
  readonly reads?: string;
};

const ADVICE = 'Encode again with simans encode.';

export const rowsInShard = (shard: number, { rows, shardRows }: EncodeManifest): number => Math.min(shardRows, rows - shard * shardRows);
export const idsFile = (folder: string, shard: number) => path.join(folder, `shard-${String(shard).padStart(5, '0')}.ids.json`);

/** Vectors that need not be in memory at once. */
export interface VectorRows {
  readonly size: number;
  readonly width: number;
  /** Valid until the next call. */
  row(row: number): Float32Array;
}

export const rowsOfVectors = ({ values, width }: Vectors): VectorRows => ({
  size: values.length / width,
  width,
  row: (row) => values.subarray(row * width, (row + 1) * width),
});

export const isVectorFolder = (folder: string): boolean => fs.existsSync(manifestFile(folder));

export class StoredVectors implements VectorRows {
  readonly manifest: EncodeManifest;
  private readonly held = { shard: -1, values: new Float32Array(0) };

  /** A folder without vectors, or with those of another side, is a UserError. */
  constructor(
    readonly folder: string,
    side?: Side,
  ) {
    if (!isVectorFolder(folder))
      throw new UserError(`${folder}: found no encode.json; expected a folder of vectors; encode them with simans encode.`);
    this.manifest = readJson(manifestFile(folder), 'Name a folder of vectors; encode them with simans encode.') as EncodeManifest;
    if (side !== undefined && this.manifest.side !== side)
      throw new UserError(
        `${manifestFile(folder)}: found vectors of the ${this.manifest.side} side; expected ${side}. Encode with --side ${side}.`,
      );
  }

  get size(): number {
    return this.manifest.rows;
  }

  get width(): number {
    return this.manifest.width;
  }

  get shards(): number {
    return Math.ceil(this.size / this.manifest.shardRows);
  }

  /** What the vectors are, by what their shards say of themselves: an index that was built from others has another. One that is absent is a UserError. */
  generation(): string {
    const checksums = Array.from({ length: this.shards }, (_, shard) => {
      const file = shardFile(this.folder, shard);
      if (!fs.existsSync(file)) throw new UserError(`${file}: no such file; expected ${this.shards} shards. ${ADVICE}`);
      return readMetadata(file).sha256;
    });
    return sha256(JSON.stringify([this.manifest, checksums])).slice(0, 16);
  }

  /** One that is missing or damaged is a UserError naming its file. In a room it is valid until the next is read there. */
  shard(shard: number, room?: ShardRoom): Vectors {
    const { width } = this;
    const values = readVectorShard(this.folder, shard, rowsInShard(shard, this.manifest), width, room);
    if (!values)
      throw new UserError(
        `${shardFile(this.folder, shard)}: missing or damaged; expected ${rowsInShard(shard, this.manifest)} vectors as its checksum says. ${ADVICE}`,
      );
    return { values, width };
  }

  /** The shard of the last row is kept: rows in order are cheap. */
  row(row: number): Float32Array {
    const shard = Math.floor(row / this.manifest.shardRows);
    if (shard !== this.held.shard) Object.assign(this.held, { shard, values: this.shard(shard).values });
    const at = (row - shard * this.manifest.shardRows) * this.width;
    return this.held.values.subarray(at, at + this.width);
  }

  idsOfShard(shard: number): string[] {
    const file = idsFile(this.folder, shard);
    const ids = readJson(file, ADVICE) as string[];
    const rows = rowsInShard(shard, this.manifest);
    if (ids.length !== rows) throw new UserError(`${file}: found ${ids.length} ids; expected ${rows}. ${ADVICE}`);
    return ids;
  }

  /** Of many rows, each shard read once. */
  idsOf(rows: Int32Array): Map<number, string> {
    const found = new Map<number, string>();
    const { shardRows } = this.manifest;
    let [shard, ids] = [-1, [] as string[]];
    for (const row of Int32Array.from(new Set(rows)).sort()) {
      const own = Math.floor(row / shardRows);
      if (own !== shard) [shard, ids] = [own, this.idsOfShard(own)];
      found.set(row, ids[row - own * shardRows]!);
    }
    return found;
  }
}

/** All vectors of a finished folder as float32 [rows, width], with their ids. */
export function readVectors(folder: string): { ids: string[]; vectors: Float32Array; width: number } {
  const stored = new StoredVectors(folder);
  const vectors = new Float32Array(stored.size * stored.width);
  const ids: string[] = [];
  for (let shard = 0; shard < stored.shards; shard++) {
    vectors.set(stored.shard(shard).values, shard * stored.manifest.shardRows * stored.width);
    for (const id of stored.idsOfShard(shard)) ids.push(id);
  }
  return { ids, vectors, width: stored.width };
}

/** SHA-256 of the texts that vectors are of: their ids, their order, and what an encoder reads of them. */
export const textsHash = (texts: Texts): string => fingerprintTexts(texts) + (texts.separated ? ' separated' : '');

/** Refuses vectors of which something else holds than `wanted`, that of `whose`. */
export function requireVectorsOf(
  { folder, manifest }: StoredVectors,
  wanted: Partial<EncodeManifest>,
  whose: string,
  advice: string,
): void {
  for (const [key, value] of Object.entries(wanted)) {
    const found = manifest[key as keyof EncodeManifest];
    if (found !== value)
      throw new UserError(
        `${manifestFile(folder)}: found vectors of another ${key} (${found}); expected that of ${whose} (${value}). ${advice}`,
      );
  }
}

/** Refuses vectors of other texts than the given ones, of which `reads` says what is read. */
export function requireTexts({ folder, manifest }: StoredVectors, texts: Texts, reads: string | undefined, whose: string): void {
  const wanted = textsHash(texts);
  const words = (hash: string, policy: string | undefined) => [...(policy ? [policy] : []), `SHA-256 ${hash.slice(0, 12)}`].join(', ');
  if (manifest.texts !== wanted)
    throw new UserError(
      `${manifestFile(folder)}: found vectors of other texts (${words(manifest.texts, manifest.reads)}); expected those of ${whose} (${words(wanted, reads)}). Encode these with simans encode.`,
    );
}

/** What is worth saying of queries' vectors: some formats mend the texts of questions (DPR's apostrophes), which `simans encode` of their file does not. */
export const queriesNote = ({ folder, manifest }: StoredVectors, texts: Texts, whose: string): string | undefined =>
  manifest.texts === textsHash(texts)
    ? undefined
    : `${manifestFile(folder)}: the queries' texts are not quite those of ${whose}; their ids are`;

/** Refuses vectors of two encoders in one search. Lengths and prefixes are each side's own. */
export function requireSameModel({ folder, manifest: { model, width } }: StoredVectors, queries: StoredVectors): void {
  requireVectorsOf(queries, { model, width }, folder, 'Encode both with one model.');
}

/** What is worth saying of vectors that were computed in another precision than their queries. */
export function precisionNote({ folder, manifest: { precision } }: StoredVectors, ofQueries: InferencePrecision): string | undefined {
  return precision === ofQueries
    ? undefined
    : `${folder}: encoded in ${precision}, the queries in ${ofQueries}; ranks are better in one precision (simans encode --precision)`;
}
