/** The corpus encoded into the replicas' shared memory; those of a refresh are kept on disk until its pools are, so that a killed one goes on where it was. */
import fs from 'node:fs';
import { rowsByLength, rowsOfShard, SHARD_ROWS, shardsOf } from '../../index/encode.js';
import { bindShards, readVectorShard } from '../../index/vectorShards.js';
import type { RefreshContext } from './refresh.js';

/** Where vectors are kept, and of which weights, tokenizer and texts they are. */
export interface KeptVectors {
  readonly folder: string;
  readonly fingerprint: string;
}

/** Encodes all passages, or those of `among`; what is kept of them already is read back. Returns how many shards that were. */
export async function encodeCorpus(context: RefreshContext, name: string, kept?: KeptVectors, among?: Int32Array): Promise<number> {
  const { replicas, dataset, reporter } = context;
  const wanted = among ?? Int32Array.from({ length: dataset.corpus.size }, (_, row) => row);
  const size = wanted.length;
  const rows = rowsByLength(replicas.shared.tokens.passage, wanted);
  const shards = kept ? missingShards(context, name, rows, kept) : shardsOf(size);
  const phase = reporter.phase(name, size, 'passages');
  const before = Math.max(0, size - shards.length * SHARD_ROWS);
  const onShards = (taken: number) => phase.update(Math.min(size, before + taken * SHARD_ROWS));
  await replicas.encode('passage', rows, { shards, keptIn: kept?.folder, onShards });
  phase.update(size); // this thread knows only of the shards it took itself
  phase.end();
  return shardsOf(size).length - shards.length;
}

/** Reads back what an interrupted refresh left of these vectors, removes what is of others, and returns the shards that are to be made. */
function missingShards({ replicas, reporter }: RefreshContext, name: string, rows: Int32Array, kept: KeptVectors): Int32Array {
  const { width } = replicas.first.encoder;
  const manifest = { fingerprint: kept.fingerprint, rows: rows.length, width, shardRows: SHARD_ROWS };
  if (Object.keys(bindShards(kept.folder, manifest)).length > 0) {
    reporter.line(`${name}: ${kept.folder} held vectors of other weights or texts; they are removed and made anew`);
    fs.rmSync(kept.folder, { recursive: true });
    bindShards(kept.folder, manifest);
  }
  const vectors = replicas.shared.vectors.passage;
  const missing = shardsOf(rows.length).filter((shard) => {
    const own = rowsOfShard(rows, shard);
    const found = readVectorShard(kept.folder, shard, own.length, width);
    if (found) own.forEach((row, i) => vectors.set(found.subarray(i * width, (i + 1) * width), row * width));
    return !found;
  });
  const whole = shardsOf(rows.length).length - missing.length;
  if (whole > 0) reporter.line(`${name}: ${whole} of ${whole + missing.length} shards of vectors read back from ${kept.folder}`);
  return missing;
}
