/** The safetensors format: 8 bytes of header length, a JSON header, then the tensors' bytes, little-endian. */
import fs from 'node:fs';
import { messageOf, UserError } from '../../core/errors.js';
import { bytesOf, writeFileAtomic } from '../../core/files.js';
import { fromBfloat16, fromHalf } from '../../core/half.js';

export interface NamedArray {
  readonly name: string;
  readonly shape: readonly number[];
  /** Uint16Array: the bits of half-precision numbers, to be written; they are read as float32. */
  readonly values: Float32Array | Int32Array | Uint32Array | Uint16Array | Int8Array;
}

const DTYPES = { F32: Float32Array, I32: Int32Array, U32: Uint32Array, F16: Uint16Array, I8: Int8Array };
const dtypeOf = (values: NamedArray['values']): string => Object.entries(DTYPES).find(([, type]) => values instanceof type)![0];

/** How a dtype's bytes (in a buffer of their own) become an array. Whole numbers of other widths are position tables and the like. */
const READERS: Readonly<Record<string, { bytes: number; read: (data: ArrayBuffer) => NamedArray['values'] }>> = {
  F32: { bytes: 4, read: (data) => new Float32Array(data) },
  F16: { bytes: 2, read: (data) => fromHalf(new Uint16Array(data)) },
  BF16: { bytes: 2, read: (data) => fromBfloat16(new Uint16Array(data)) },
  F64: { bytes: 8, read: (data) => Float32Array.from(new Float64Array(data)) },
  I32: { bytes: 4, read: (data) => new Int32Array(data) },
  U32: { bytes: 4, read: (data) => new Uint32Array(data) },
  I64: { bytes: 8, read: (data) => Int32Array.from(new BigInt64Array(data), Number) },
  I8: { bytes: 1, read: (data) => new Int8Array(data) },
  U8: { bytes: 1, read: (data) => Int32Array.from(new Uint8Array(data)) },
  BOOL: { bytes: 1, read: (data) => Int32Array.from(new Uint8Array(data)) },
};
/** The format's own limit, against headers that are none. */
const LONGEST_HEADER = 100_000_000;

/** Writes tensors as one file, whole or not at all. */
export function writeSafetensors(file: string, tensors: readonly NamedArray[], metadata: Record<string, string> = {}): void {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape, values } of tensors) {
    header[name] = { dtype: dtypeOf(values), shape, data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, ' ')]); // aligns the data to 8 bytes
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  writeFileAtomic(file, [length, padded, ...tensors.map(({ values }) => bytesOf(values))]);
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

type Refuse = (problem: string) => never;

/** Memory for a tensor of that name and so many bytes. */
export type TensorMemory = (name: string, bytes: number) => ArrayBuffer;
const newMemory: TensorMemory = (_name, bytes) => new ArrayBuffer(bytes);

/**
 * Reads tensors of float32, float16, bfloat16 and float64 as float32, whole numbers as int32. A file that is cut short, holds another dtype, NaN or an
 * infinite number is a UserError naming file and tensor. Where a tensor's bytes lie `memory` says.
 */
export function readSafetensors(
  file: string,
  memory: TensorMemory = newMemory,
): { tensors: Map<string, NamedArray>; metadata: Record<string, string> } {
  return inFile(file, (descriptor, refuse) => {
    const { entries, metadata, dataAt, dataLength } = readHeader(descriptor, refuse);
    const tensors = new Map<string, NamedArray>();
    let end = 0;
    for (const [name, entry] of Object.entries(entries)) {
      const checked = checkedEntry(name, entry as Entry, dataLength, refuse);
      const [from, to] = checked.data_offsets;
      const data = memory(name, to - from);
      readBytes(descriptor, dataAt + from, data, refuse);
      const values = READERS[checked.dtype]!.read(data);
      if (values instanceof Float32Array) refuseBroken(name, values, refuse);
      tensors.set(name, { name, shape: checked.shape, values });
      end = Math.max(end, to);
    }
    if (end !== dataLength) refuse(`${dataLength} bytes of data where its header names ${end}`);
    return { tensors, metadata };
  });
}

/** What a file says of itself, without its tensors. */
export function readMetadata(file: string): Record<string, string> {
  return inFile(file, (descriptor, refuse) => readHeader(descriptor, refuse).metadata);
}

function inFile<T>(file: string, read: (descriptor: number, refuse: Refuse) => T): T {
  const refuse: Refuse = (problem) => {
    throw new UserError(
      `${file}: ${problem}; expected a whole safetensors file of finite numbers. Copy it again or use another checkpoint.`,
    );
  };
  const descriptor = openFile(file, refuse);
  try {
    return read(descriptor, refuse);
  } finally {
    fs.closeSync(descriptor);
  }
}

function readHeader(descriptor: number, refuse: Refuse) {
  const size = fs.fstatSync(descriptor).size;
  if (size < 8) refuse(`${size} bytes`);
  const headerLength = Number(readBytes(descriptor, 0, new ArrayBuffer(8), refuse).readBigUInt64LE(0));
  if (8 + headerLength > size || headerLength > LONGEST_HEADER) refuse(`header of ${headerLength} bytes in a file of ${size}`);
  const { __metadata__, ...entries } = parseHeader(
    readBytes(descriptor, 8, new ArrayBuffer(headerLength), refuse).toString('utf8'),
    refuse,
  );
  const metadata = (__metadata__ ?? {}) as Record<string, string>;
  return { entries, metadata, dataAt: 8 + headerLength, dataLength: size - 8 - headerLength };
}

/** Refuses the first number that is not finite. */
function refuseBroken(name: string, values: Float32Array, refuse: Refuse): void {
  const broken = values.findIndex((value) => !Number.isFinite(value));
  if (broken >= 0) refuse(`tensor ${name} holds ${values[broken]} at position ${broken}`);
}

function openFile(file: string, refuse: Refuse): number {
  try {
    return fs.openSync(file, 'r');
  } catch (error) {
    return refuse(messageOf(error));
  }
}

/** Fills memory of their own: aligned, and free of the file's other bytes. */
function readBytes(descriptor: number, position: number, memory: ArrayBuffer, refuse: Refuse): Buffer {
  const bytes = Buffer.from(memory);
  const { length } = bytes;
  for (let at = 0; at < length; ) {
    let read = 0;
    try {
      read = fs.readSync(descriptor, bytes, at, Math.min(length - at, 1 << 30), position + at);
    } catch (error) {
      refuse(messageOf(error));
    }
    if (read === 0) refuse(`it ends at byte ${position + at}`);
    at += read;
  }
  return bytes;
}

function parseHeader(text: string, refuse: Refuse): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (error) {
    return refuse(`header is no JSON (${messageOf(error)})`);
  }
  return typeof header === 'object' && header !== null ? (header as Record<string, unknown>) : refuse('header is no JSON object');
}

function checkedEntry(name: string, entry: Entry, dataLength: number, refuse: Refuse): Entry {
  const whole = (values: unknown): values is number[] => Array.isArray(values) && values.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!whole(entry?.shape) || !whole(entry.data_offsets) || entry.data_offsets.length !== 2)
    refuse(`tensor ${name} has no shape or no place`);
  const { dtype, shape, data_offsets } = entry;
  const [begin, end] = data_offsets;
  if (!Object.hasOwn(READERS, String(dtype))) refuse(`tensor ${name} is ${dtype}`);
  const size = shape.reduce((product, n) => product * n, READERS[dtype]!.bytes);
  if (end - begin !== size) refuse(`tensor ${name} has ${end - begin} bytes for the shape [${shape}]`);
  if (end > dataLength) refuse(`tensor ${name} ends at byte ${end} of ${dataLength} bytes of data`);
  return entry;
}
