/** One file of the hub: resumed where it was cut off, checked, whole or absent. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { HubApiError, type ListFileEntry } from '@huggingface/hub';
import { downloadTo, HttpError } from '../core/download.js';
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
  const have = fs.existsSync(incomplete) ? fs.statSync(incomplete).size : 0;
  if (have < file.size || file.size === 0) await fetchRest(url, incomplete, onBytes);
  const expected = file.lfs?.oid ?? file.oid!;
  const found = file.lfs ? await sha256OfFile(incomplete) : gitHash(incomplete);
  if (found !== expected) {
    fs.rmSync(incomplete);
    throw new UserError(`${url}: its hash is ${found}; expected ${expected}. It was damaged on the way: start again.`);
  }
  fs.renameSync(incomplete, blob);
}

async function fetchRest(url: string, incomplete: string, onBytes: (bytes: number) => void): Promise<void> {
  const headers: Record<string, string> = process.env.HF_TOKEN ? { Authorization: `Bearer ${process.env.HF_TOKEN}` } : {};
  try {
    await downloadTo(url, incomplete, { headers, onBytes });
  } catch (error) {
    if (error instanceof HttpError) throw new HubApiError(url, error.status, undefined, error.statusText);
    throw error;
  }
}

/** SHA-1 of "blob SIZE\0" and the content. */
function gitHash(file: string): string {
  const content = fs.readFileSync(file);
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}
