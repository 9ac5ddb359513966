/** refresh-NNN/: the vectors of a refresh while it is made, and what it found. */
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '../../core/errors.js';
import { readJson, writeFolderAtomic, writeJson } from '../../core/files.js';
import { readSafetensors, writeSafetensors } from '../../encoders/formats/safetensors.js';
import type { Refresh } from './refresh.js';

const folderOf = (job: string, number: number) => path.join(job, `refresh-${String(number).padStart(3, '0')}`);

/** Where its vectors are kept until it is finished. */
export const vectorsFolder = (job: string, number: number): string => path.join(folderOf(job, number), 'vectors');

/** Parts of a refresh that are arrays, each a file. */
const ARRAY_FILES = ['pools', 'sourcePools', 'devSample'] as const;

/** Puts the finished refresh in the place of its vectors. */
export function writeRefresh(job: string, refresh: Refresh): void {
  const { pools, sourcePools, devSample, ...rest } = refresh;
  writeFolderAtomic(folderOf(job, rest.number), (temporary) => {
    for (const name of ARRAY_FILES) {
      const made = refresh[name];
      if (!made) continue;
      const { k, ...arrays } = made;
      writeSafetensors(
        path.join(temporary, `${name}.safetensors`),
        Object.entries(arrays).map(([key, values]) => ({ name: key, shape: [values.length], values })),
        { k: String(k), fingerprint: rest.fingerprint },
      );
    }
    const has = Object.fromEntries(ARRAY_FILES.filter((name) => refresh[name]).map((name) => [name, true]));
    writeJson(path.join(temporary, 'refresh.json'), { ...rest, ...has });
  });
}

/** A finished refresh of the job, or undefined. */
export function readRefresh(job: string, number: number): Refresh | undefined {
  const folder = folderOf(job, number);
  if (!fs.existsSync(path.join(folder, 'refresh.json'))) return undefined;
  const advice = `Remove ${folder} if it is the job's last refresh, which is then made again; otherwise start the job anew.`;
  const found = readJson(path.join(folder, 'refresh.json'), advice) as Omit<Refresh, (typeof ARRAY_FILES)[number]> &
    Partial<Record<(typeof ARRAY_FILES)[number], boolean>>;
  const arrays = ARRAY_FILES.filter((name) => found[name]).map((name) => [name, readArrays(folder, name)]);
  return { ...found, ...Object.fromEntries(arrays) };
}

function readArrays(folder: string, name: string): object {
  const { tensors, metadata } = readSafetensors(path.join(folder, `${name}.safetensors`));
  return { k: Number(metadata.k), ...Object.fromEntries([...tensors].map(([key, tensor]) => [key, tensor.values])) };
}

/** The refreshes of these numbers, which a job resumed at `start` has behind it; the last with its pools. */
export function readRefreshes(job: string, numbers: readonly number[], start: number): Refresh[] {
  return numbers.map((number, i) => {
    const found = readRefresh(job, number);
    if (!found)
      throw new UserError(
        `${folderOf(job, number)} is missing or incomplete; a job resumed at step ${start} needs it. Start the job anew.`,
      );
    return i === numbers.length - 1 ? found : { ...found, pools: undefined, sourcePools: undefined };
  });
}
