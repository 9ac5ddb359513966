/** Ids of any number of rows in little memory: their UTF-8 bytes one after the other, and a hash table of row numbers. */

import { grown } from '../core/arrays.js';

const FIRST_BYTES = 1 << 12;
const EMPTY = -1;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What is kept of ids on disk. */
export interface IdArrays {
  readonly bytes: Uint8Array;
  /** Row r's bytes are [offsets[r], offsets[r + 1]). */
  readonly offsets: Float64Array;
}

export class Ids {
  private bytes = new Uint8Array(FIRST_BYTES);
  private offsets = new Float64Array(256);
  /** Open addressing with linear probing, at most half full. */
  private table = new Int32Array(512).fill(EMPTY);
  private count = 0;

  static from({ bytes, offsets }: IdArrays): Ids {
    const ids = new Ids();
    [ids.bytes, ids.offsets, ids.count] = [bytes as Uint8Array<ArrayBuffer>, offsets as Float64Array<ArrayBuffer>, offsets.length - 1];
    ids.rehash();
    return ids;
  }

  get size(): number {
    return this.count;
  }

  id(row: number): string {
    return decoder.decode(this.bytes.subarray(this.offsets[row], this.offsets[row + 1]));
  }

  rowOf(id: string): number | undefined {
    const found = this.table[this.slotOf(encoder.encode(id))]!;
    return found === EMPTY ? undefined : found;
  }

  /** Adds an id as the next row, or gives the row that has it already: `added` tells which. */
  add(id: string): { row: number; added: boolean } {
    const bytes = encoder.encode(id);
    const slot = this.slotOf(bytes);
    const known = this.table[slot]!;
    if (known !== EMPTY) return { row: known, added: false };
    const row = this.count;
    const begin = this.offsets[row]!;
    if (begin + bytes.length > this.bytes.length) this.bytes = grown(this.bytes, 2 * (begin + bytes.length));
    if (row + 2 > this.offsets.length) this.offsets = grown(this.offsets, 2 * this.offsets.length);
    this.bytes.set(bytes, begin);
    this.offsets[row + 1] = begin + bytes.length;
    this.table[slot] = row;
    this.count++;
    if (2 * this.count > this.table.length) this.rehash();
    return { row, added: true };
  }

  arrays(): IdArrays {
    return { bytes: this.bytes.subarray(0, this.offsets[this.count]), offsets: this.offsets.subarray(0, this.count + 1) };
  }

  private rehash(): void {
    this.table = new Int32Array(2 ** Math.ceil(Math.log2(4 * Math.max(this.count, 128)))).fill(EMPTY);
    for (let row = 0; row < this.count; row++) this.table[this.slotOf(this.bytes.subarray(this.offsets[row], this.offsets[row + 1]))] = row;
  }

  /** Where these bytes stand in the table, or would. */
  private slotOf(bytes: Uint8Array): number {
    const mask = this.table.length - 1;
    let slot = hash(bytes) & mask;
    while (this.table[slot] !== EMPTY && !this.equals(this.table[slot]!, bytes)) slot = (slot + 1) & mask;
    return slot;
  }

  private equals(row: number, bytes: Uint8Array): boolean {
    const begin = this.offsets[row]!;
    if (this.offsets[row + 1]! - begin !== bytes.length) return false;
    for (let i = 0; i < bytes.length; i++) if (this.bytes[begin + i] !== bytes[i]) return false;
    return true;
  }
}

/** FNV-1a, mixed once more: ids that count up differ in their last bytes alone. */
function hash(bytes: Uint8Array): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) h = Math.imul(h ^ bytes[i]!, 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  return (h ^ (h >>> 13)) >>> 0;
}
