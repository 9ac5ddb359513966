/** A job that is killed within its refreshes, as a real process, and resumed each time. */
import fs from 'node:fs';
import path from 'node:path';
import { deriveKey, integer } from '../../src/core/random.js';
import { SHARD_ROWS } from '../../src/index/encode.js';
import { train, trainUntilPowerCut, writeBeir, writeJobFile } from './process.js';

/** Shards of the corpus. */
const SHARDS = 8;
/** Refreshes of the toy job, the last evaluation among them. */
const REFRESHES = 4;

/** The toy job on a corpus of 8 shards, with a model wide enough that each takes some milliseconds. */
export function writeShardedJob(folder: string): string {
  writeBeir(path.join(folder, 'beir'), SHARDS * SHARD_ROWS);
  const file = writeJobFile(folder);
  const job = JSON.parse(fs.readFileSync(file, 'utf8'));
  job.encoder.init = { layers: 3, width: 128, heads: 4 };
  fs.writeFileSync(file, JSON.stringify(job));
  return file;
}

/** The last shards of a refresh may all be there before the kill arrives. */
const KILLED_SHARDS = SHARDS - 3;

/** Where the refreshes are to be killed: after so many shards of such a refresh, in the order in which they come. */
export function killPoints(kills: number, seed: number): { refresh: number; shards: number }[] {
  const key = deriveKey(seed, 'kills within refreshes');
  return Array.from({ length: kills }, (_, i) => integer(key, i, 0, REFRESHES * KILLED_SHARDS))
    .sort((a, b) => a - b)
    .map((moment) => ({ refresh: Math.floor(moment / KILLED_SHARDS), shards: 1 + (moment % KILLED_SHARDS) }));
}

/** Shards that are there of the refresh under way. */
export function shardsThere(job: string, refresh: number): string[] {
  const place = path.join(job, `refresh-00${refresh}`, 'vectors');
  return fs.existsSync(place) ? fs.readdirSync(place).filter((name) => /^shard-\d+\.safetensors$/.test(name)) : [];
}

/** Kills the job at each point and resumes it to its end; returns how many kills met a refresh that was not finished, and how many shards were read back. */
export async function killAndResume(
  job: string,
  points: readonly { refresh: number; shards: number }[],
  file: string,
  ...flags: string[]
): Promise<{ within: number; readBack: number }> {
  let [within, readBack, resume] = [0, 0, [] as string[]];
  const note = (said: string) => {
    for (const [, shards] of said.matchAll(/(\d+) of \d+ shards of vectors read back/g)) readBack += Number(shards);
  };
  for (const { refresh, shards } of points) {
    const { stdout } = await trainUntilPowerCut(() => shardsThere(job, refresh).length >= shards, file, ...flags, ...resume);
    note(stdout);
    if (shardsThere(job, refresh).length > 0 && !fs.existsSync(path.join(job, 'summary.json'))) within++;
    resume = ['--resume'];
  }
  const { code, stdout, stderr } = await train(file, ...flags, ...resume);
  if (code !== 0) throw new Error(stderr);
  note(stdout);
  return { within, readBack };
}
