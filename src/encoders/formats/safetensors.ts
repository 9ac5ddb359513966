/** The safetensors format: 8 bytes of header length, a JSON header, then the tensors' bytes, little-endian. */
import fs from 'node:fs';
import { messageOf, UserError } from '../../core/errors.js';
import { bytesOf, writeFileAtomic } from '../../core/files.js';

export interface NamedArray {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array | Uint32Array;
}

const DTYPES = { F32: Float32Array, I32: Int32Array, U32: Uint32Array };
type DType = keyof typeof DTYPES;
const dtypeOf = (values: NamedArray['values']): DType =>
  values instanceof Float32Array ? 'F32' : values instanceof Int32Array ? 'I32' : 'U32';

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
  writeFileAtomic(file, length, padded, ...tensors.map(({ values }) => bytesOf(values)));
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** Reads F32, I32 and U32 tensors. A file that is cut short, has another dtype or holds NaN is a UserError naming file and tensor. */
export function readSafetensors(file: string): { tensors: Map<string, NamedArray>; metadata: Record<string, string> } {
  const refuse = (problem: string): never => {
    throw new UserError(
      `${file}: ${problem}; expected a whole safetensors file of finite F32, I32 or U32 tensors. Copy it again or use another checkpoint.`,
    );
  };
  const bytes = readBytes(file, refuse);
  if (bytes.length < 8) refuse(`${bytes.length} bytes`);
  const headerLength = Number(bytes.readBigUInt64LE(0));
  if (8 + headerLength > bytes.length) refuse(`header of ${headerLength} bytes in a file of ${bytes.length}`);
  const { __metadata__: metadata, ...entries } = parseHeader(bytes.toString('utf8', 8, 8 + headerLength), refuse);
  const data = bytes.subarray(8 + headerLength);
  const tensors = new Map<string, NamedArray>();
  let end = 0;
  for (const [name, entry] of Object.entries(entries as Record<string, Entry>)) {
    if (!Array.isArray(entry?.shape) || !Array.isArray(entry?.data_offsets)) refuse(`tensor ${name} has no shape or no place`);
    tensors.set(name, { name, shape: entry.shape, values: readValues(name, entry, data, refuse) });
    end = Math.max(end, entry.data_offsets[1]);
  }
  if (end !== data.length) refuse(`${data.length} bytes of data where its header names ${end}`);
  return { tensors, metadata: (metadata ?? {}) as Record<string, string> };
}

function readBytes(file: string, refuse: (problem: string) => never): Buffer {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    return refuse(messageOf(error));
  }
}

function parseHeader(text: string, refuse: (problem: string) => never): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (error) {
    return refuse(`header is no JSON (${messageOf(error)})`);
  }
  return typeof header === 'object' && header !== null ? (header as Record<string, unknown>) : refuse('header is no JSON object');
}

function readValues(name: string, { dtype, shape, data_offsets: [begin, end] }: Entry, data: Buffer, refuse: (problem: string) => never) {
  const Values = DTYPES[dtype as DType] ?? refuse(`tensor ${name} is ${dtype}`);
  const size = shape.reduce((product, n) => product * n, 4);
  if (end - begin !== size) refuse(`tensor ${name} has ${end - begin} bytes for the shape [${shape}]`);
  if (begin < 0 || end > data.length) refuse(`tensor ${name} ends at byte ${end} of ${data.length} bytes of data`);
  const values = new Values(new Uint8Array(data.subarray(begin, end)).buffer); // a copy: aligned, and free of the file's other bytes
  const broken = values.findIndex((value) => !Number.isFinite(value));
  if (broken >= 0) refuse(`tensor ${name} holds ${values[broken]} at position ${broken}`);
  return values;
}
