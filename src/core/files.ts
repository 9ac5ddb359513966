/** Files are whole or absent: written to a temporary name beside their place, synced, renamed. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { messageOf, UserError } from './errors.js';

type Part = string | Uint8Array;

/** Writes the content, or its parts one after the other, as one file, whole or not at all. Throws a UserError naming the file when the disk refuses. */
export function writeFileAtomic(file: string, content: Part | Iterable<Part>): void {
  const temporary = `${file}.tmp-${process.pid}`;
  let descriptor: number | undefined;
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    descriptor = fs.openSync(temporary, 'w');
    for (const bytes of gathered(typeof content === 'string' || content instanceof Uint8Array ? [content] : content))
      writeAll(descriptor, bytes);
    fs.fsyncSync(descriptor);
    fs.closeSync(descriptor);
    descriptor = undefined;
    fs.renameSync(temporary, file);
    syncFolder(path.dirname(file));
  } catch (error) {
    if (descriptor !== undefined) fs.closeSync(descriptor);
    remove(temporary);
    if (error instanceof UserError) throw error;
    throw new UserError(`cannot write ${file}: ${messageOf(error)}. Free space or choose another folder; earlier files are intact.`);
  }
}

/** Characters that are written together: a line of its own call each would take minutes for millions. */
const TOGETHER = 1 << 20;

function* gathered(parts: Iterable<Part>): Generator<Uint8Array> {
  let text = '';
  for (const part of parts) {
    if (typeof part === 'string') text += part;
    if (text.length > TOGETHER || (text !== '' && typeof part !== 'string')) {
      yield Buffer.from(text);
      text = '';
    }
    if (typeof part !== 'string') yield part;
  }
  if (text !== '') yield Buffer.from(text);
}

/**
 * Makes `folder` whole or absent: `fill` writes into a temporary sibling, which is then renamed. An older folder of the name is
 * replaced: between the two renames a kill leaves neither, so what cannot be made again must not be replaced.
 */
export function writeFolderAtomic(folder: string, fill: (temporary: string) => void): void {
  const temporary = `${folder}.tmp-${process.pid}`;
  const older = `${folder}.tmp-${process.pid}-older`;
  remove(temporary, older);
  try {
    fs.mkdirSync(temporary, { recursive: true });
    fill(temporary);
    syncFolder(temporary);
    if (fs.existsSync(folder)) fs.renameSync(folder, older);
    fs.renameSync(temporary, folder);
    syncFolder(path.dirname(folder));
    remove(older);
  } catch (error) {
    if (fs.existsSync(older) && !fs.existsSync(folder)) fs.renameSync(older, folder);
    remove(temporary, older);
    if (error instanceof UserError) throw error;
    throw new UserError(`cannot write ${folder}: ${messageOf(error)}. Free space or choose another folder; earlier files are intact.`);
  }
}

/** Makes a folder that is not there yet whole or not at all: `fill` writes into a temporary sibling, which is then renamed. What it throws is passed on. */
export async function writeNewFolder(folder: string, fill: (temporary: string) => void | Promise<void>): Promise<void> {
  const temporary = `${folder}.tmp-${process.pid}`;
  remove(temporary);
  try {
    fs.mkdirSync(temporary, { recursive: true });
    await fill(temporary);
    syncFolder(temporary);
    fs.renameSync(temporary, folder);
    syncFolder(path.dirname(path.resolve(folder)));
  } catch (error) {
    remove(temporary);
    throw error;
  }
}

/** Works in a new folder of the system's temporary one, which is removed in every case: after errors, at the end of the process and at Ctrl-C too. */
export async function withTemporaryFolder<T>(name: string, work: (folder: string) => Promise<T>): Promise<T> {
  let folder: string | undefined;
  const clear = () => folder !== undefined && fs.rmSync(folder, { recursive: true, force: true });
  const stop = () => process.exit(130);
  process.on('exit', clear).on('SIGINT', stop);
  try {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), `simans-${name}-`));
    return await work(folder);
  } finally {
    process.off('exit', clear).off('SIGINT', stop);
    clear();
  }
}

/** Removes what killed processes left half-written, anywhere below `folder`. No other process may be writing there. */
export function removeLeftovers(folder: string): void {
  const leftovers = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.tmp-\d+(-older)?$/.test(name));
  remove(...leftovers.map((name) => path.join(folder, name)));
}

export function writeJson(file: string, value: unknown): void {
  writeFileAtomic(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** The value of a JSON file. One that is missing or broken is a UserError naming it, with `advice` on what to do. */
export function readJson(file: string, advice: string): unknown {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UserError(`${file}: ${messageOf(error)}; expected a whole JSON file. ${advice}`);
  }
}

/** Appends to an open file. Throws a UserError naming the file when the disk refuses. */
export function appendText(descriptor: number, file: string, text: string): void {
  try {
    writeAll(descriptor, Buffer.from(text));
  } catch (error) {
    throw new UserError(`cannot write ${file}: ${messageOf(error)}. Free space and go on with --resume; earlier checkpoints are intact.`);
  }
}

/** Bytes of a call of `update`, which takes less than 2 GiB: the vectors of a corpus may be more. */
const HASHED_TOGETHER = 1 << 28;

export function sha256(...parts: (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts)
    if (typeof part === 'string') hash.update(part);
    else for (let at = 0; at < part.length; at += HASHED_TOGETHER) hash.update(part.subarray(at, at + HASHED_TOGETHER));
  return hash.digest('hex');
}

/** Of files of any size. */
export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of fs.createReadStream(file, { highWaterMark: 1 << 22 })) hash.update(part as Buffer);
  return hash.digest('hex');
}

/** The bytes of a typed array, without a copy. */
export function bytesOf(array: Float32Array | Int32Array | Uint32Array | Uint16Array | Int8Array | Float64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Removes files and whole folders where they exist. */
function remove(...places: string[]): void {
  for (const place of places) if (fs.existsSync(place)) fs.rmSync(place, { recursive: true });
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += fs.writeSync(descriptor, bytes, written, Math.min(bytes.length - written, 1 << 26));
}

export function syncFolder(folder: string): void {
  const descriptor = fs.openSync(folder, 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}
