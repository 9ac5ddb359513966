/**
 * A corpus too large for memory: its texts in a file, read when they are asked for; ids and offsets in memory, 30 bytes a passage. Written once, under a
 * name that says what it was made from, and opened again by later starts.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { grown } from '../core/arrays.js';
import { bytesOf, readJson, sha256, sha256OfFile, syncFolder, writeFileAtomic, writeJson } from '../core/files.js';
import { Ids } from './ids.js';
import { fieldsIn, spaced } from './texts.js';
import type { Texts } from './types.js';

interface Meta {
  readonly size: number;
  readonly bytes: number;
  readonly fingerprint: string;
  readonly notes: readonly string[];
}

export interface StoredTexts {
  readonly texts: Texts;
  readonly notes: readonly string[];
}

/** Bytes gathered before they are written, and read ahead where rows are read in order. */
const BLOCK = 1 << 20;
/** Texts are stored with their fields apart. */
const VERSION = 'texts-1';

/** The folder of the texts that are read from these files in this way. */
export async function storeFolder(cacheFolder: string, files: readonly string[], options: unknown): Promise<string> {
  const hashes: string[] = [];
  for (const file of files) hashes.push(await sha256OfFile(file));
  return path.join(cacheFolder, `texts-${sha256(JSON.stringify([VERSION, hashes, options])).slice(0, 32)}`);
}

/** What an earlier start stored, or undefined. */
export function openStored(folder: string): StoredTexts | undefined {
  if (!fs.existsSync(path.join(folder, 'meta.json'))) return undefined;
  const { size, bytes, fingerprint, notes } = readJson(path.join(folder, 'meta.json'), `Remove ${folder}.`) as Meta;
  const file = path.join(folder, 'texts.bin');
  if (!fs.existsSync(file) || fs.statSync(file).size !== bytes) return undefined;
  const read = (name: string) => fs.readFileSync(path.join(folder, name));
  const [idBytes, idOffsets, offsets] = ['ids.bin', 'idOffsets.bin', 'offsets.bin'].map(read) as [Buffer, Buffer, Buffer];
  const ids = Ids.from({ bytes: idBytes, offsets: doubles(idOffsets) });
  return ids.size === size ? { texts: textsIn(file, ids, doubles(offsets), fingerprint), notes } : undefined;
}

/** Writes texts in the order of `add`, then is whole at its place, or absent. */
export class TextFileWriter {
  readonly ids = new Ids();
  private readonly temporary: string;
  private readonly descriptor: number;
  private readonly hash = createHash('sha256');
  private offsets = new Float64Array(1024);
  private pending: Buffer[] = [];
  private held = 0;

  constructor(private readonly folder: string) {
    this.temporary = `${folder}.tmp-${process.pid}`;
    fs.rmSync(this.temporary, { recursive: true, force: true });
    fs.mkdirSync(this.temporary, { recursive: true });
    this.descriptor = fs.openSync(path.join(this.temporary, 'texts.bin'), 'w');
  }

  /** `row` is the one that `ids` gave; `line` what the fingerprint takes of it. */
  append(row: number, text: string, line: string): void {
    const bytes = Buffer.from(text);
    if (row + 2 > this.offsets.length) this.offsets = grown(this.offsets, 2 * this.offsets.length);
    this.offsets[row + 1] = this.offsets[row]! + bytes.length;
    this.pending.push(bytes);
    this.held += bytes.length;
    this.hash.update(line);
    if (this.held > BLOCK) this.flush();
  }

  finish(notes: readonly string[]): StoredTexts {
    this.flush();
    fs.fsyncSync(this.descriptor);
    fs.closeSync(this.descriptor);
    const size = this.ids.size;
    const { bytes, offsets } = this.ids.arrays();
    const write = (name: string, content: Uint8Array) => writeFileAtomic(path.join(this.temporary, name), content);
    write('ids.bin', bytes);
    write('idOffsets.bin', bytesOf(offsets));
    write('offsets.bin', bytesOf(this.offsets.subarray(0, size + 1)));
    writeJson(path.join(this.temporary, 'meta.json'), {
      size,
      bytes: this.offsets[size]!,
      fingerprint: this.hash.digest('hex'),
      notes,
    } satisfies Meta);
    fs.rmSync(this.folder, { recursive: true, force: true }); // one that could not be opened
    fs.renameSync(this.temporary, this.folder);
    syncFolder(path.dirname(this.folder));
    return openStored(this.folder)!;
  }

  /** Leaves nothing behind. */
  abandon(): void {
    fs.closeSync(this.descriptor);
    fs.rmSync(this.temporary, { recursive: true, force: true });
  }

  private flush(): void {
    for (let bytes = Buffer.concat(this.pending); bytes.length > 0; ) bytes = bytes.subarray(fs.writeSync(this.descriptor, bytes));
    [this.pending, this.held] = [[], 0];
  }
}

function textsIn(file: string, ids: Ids, offsets: Float64Array, fingerprint: string): Texts {
  const descriptor = fs.openSync(file, 'r');
  let block = { begin: 0, bytes: Buffer.alloc(0) };
  const stored = (row: number): string => {
    const [begin, end] = [offsets[row]!, offsets[row + 1]!];
    const blockEnd = block.begin + block.bytes.length;
    if (begin < block.begin || end > blockEnd) {
      // Reading on from where the last block ended is reading in order.
      const inOrder = begin <= blockEnd && end > blockEnd && begin >= block.begin;
      const bytes = Buffer.alloc(inOrder ? Math.max(BLOCK, end - begin) : end - begin);
      block = { begin, bytes: bytes.subarray(0, fs.readSync(descriptor, bytes, 0, bytes.length, begin)) };
    }
    return block.bytes.toString('utf8', begin - block.begin, end - block.begin);
  };
  return {
    size: ids.size,
    fingerprint,
    id: (row) => ids.id(row),
    rowOf: (id) => ids.rowOf(id),
    text: (row) => spaced(stored(row)),
    fields: (row) => fieldsIn(stored(row)),
  };
}

const doubles = ({ buffer, byteOffset, byteLength }: Buffer): Float64Array =>
  new Float64Array(buffer.slice(byteOffset, byteOffset + byteLength));
