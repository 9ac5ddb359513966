/** One file of the hub: resumed where it was cut off, checked, whole or absent. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { HubApiError, type ListFileEntry } from '@huggingface/hub';
import { UserError } from '../core/errors.js';
import { sha256OfFile } from '../core/files.js';

export interface BlobToDownload {
  readonly url: string;
  /** Where it goes; a part of it is BLOB.incomplete, Hugging Face's own name. */
  readonly blob: string;
  readonly file: ListFileEntry;
  /** Hears how many bytes are there. */
  onBytes(bytes: number): void;
}

/** Large files are known by their SHA-256, small ones by git's hash of a blob. A file that does not match is removed and a UserError. */
export async function downloadBlob({ url, blob, file, onBytes }: BlobToDownload): Promise<void> {
  const incomplete = `${blob}.incomplete`;
  fs.mkdirSync(path.dirname(blob), { recursive: true });
  const have = fs.existsSync(incomplete) ? fs.statSync(incomplete).size : 0;
  if (have < file.size || file.size === 0) await fetchRest(url, incomplete, have, onBytes);
  const expected = file.lfs?.oid ?? file.oid!;
  const found = file.lfs ? await sha256OfFile(incomplete) : gitHash(incomplete);
  if (found !== expected) {
    fs.rmSync(incomplete);
    throw new UserError(`${url}: its hash is ${found}; expected ${expected}. It was damaged on the way: start again.`);
  }
  const descriptor = fs.openSync(incomplete, 'r');
  fs.fsyncSync(descriptor);
  fs.closeSync(descriptor);
  fs.renameSync(incomplete, blob);
}

async function fetchRest(url: string, incomplete: string, have: number, onBytes: (bytes: number) => void): Promise<void> {
  const headers: Record<string, string> = have > 0 ? { Range: `bytes=${have}-` } : {};
  if (process.env.HF_TOKEN) headers.Authorization = `Bearer ${process.env.HF_TOKEN}`;
  const response = await fetch(url, { headers });
  if (!response.ok || !response.body) throw new HubApiError(url, response.status, undefined, response.statusText);
  const resumed = response.status === 206;
  const descriptor = fs.openSync(incomplete, resumed ? 'a' : 'w');
  let bytes = resumed ? have : 0;
  try {
    for await (const part of Readable.fromWeb(response.body as never)) {
      fs.writeSync(descriptor, part as Buffer);
      bytes += (part as Buffer).length;
      onBytes(bytes);
    }
  } catch (error) {
    throw new UserError(
      `${url}: the connection broke after ${bytes} bytes (${(error as Error).message}). Start again: it goes on from there.`,
    );
  } finally {
    fs.closeSync(descriptor);
  }
}

/** SHA-1 of "blob SIZE\0" and the content. */
function gitHash(file: string): string {
  const content = fs.readFileSync(file);
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}
