import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/core/errors.js';
import { type NamedArray, readSafetensors, writeSafetensors } from '../../../src/encoders/formats/safetensors.js';
import { damaged } from './damage.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-safetensors-'));
const file = path.join(folder, 'x.safetensors');
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** A file by the format's description: header length, JSON, data. */
function writeRaw(header: unknown, data: Uint8Array): void {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  fs.writeFileSync(file, Buffer.concat([length, text, data]));
}

const floats = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

describe('safetensors', () => {
  it('gives back names, shapes, values and metadata, of any sizes', () => {
    const values = fc.oneof(
      fc.float32Array({ noNaN: true, noDefaultInfinity: true, maxLength: 20 }),
      fc.int32Array({ maxLength: 20 }),
      fc.uint32Array({ maxLength: 20 }),
    );
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), values, { noNullPrototype: true }),
        fc.string(),
        (arrays, note) => {
          fc.pre(!Object.hasOwn(arrays, '__metadata__') && !Object.hasOwn(arrays, '__proto__'));
          const tensors: NamedArray[] = Object.entries(arrays).map(([name, array]) => ({ name, shape: [1, array.length], values: array }));
          writeSafetensors(file, tensors, { note });
          const read = readSafetensors(file);
          expect(read.metadata).toEqual({ note });
          expect([...read.tensors.values()]).toEqual(tensors);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('writes views into larger arrays, and reads values that are their own', () => {
    const large = Float32Array.of(1, 2, 3, 4, 5);
    writeSafetensors(file, [{ name: 'x', shape: [2], values: large.subarray(2, 4) }]);
    large.fill(9);
    const { values } = readSafetensors(file).tensors.get('x')!;
    expect([...values]).toEqual([3, 4]);
    expect(values.buffer.byteLength).toBe(8);
  });

  it('lays the file out as the format says, data aligned to 8 bytes', () => {
    writeSafetensors(file, [
      { name: 'ab', shape: [2], values: Float32Array.of(1, -2) },
      { name: 'c', shape: [1], values: Int32Array.of(7) },
    ]);
    const bytes = fs.readFileSync(file);
    const headerLength = Number(bytes.readBigUInt64LE(0));
    expect(headerLength % 8).toBe(0);
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerLength));
    expect(header).toEqual({
      __metadata__: {},
      ab: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
      c: { dtype: 'I32', shape: [1], data_offsets: [8, 12] },
    });
    expect([bytes.readFloatLE(8 + headerLength), bytes.readFloatLE(12 + headerLength), bytes.readInt32LE(16 + headerLength)]).toEqual([
      1, -2, 7,
    ]);
  });

  it('reads a file whose header is not padded', () => {
    writeRaw({ x: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }, floats(2.5));
    expect(readSafetensors(file)).toEqual({
      metadata: {},
      tensors: new Map([['x', { name: 'x', shape: [1], values: Float32Array.of(2.5) }]]),
    });
  });

  const one =
    (entry: object, data = floats(1, 2)) =>
    () =>
      writeRaw({ x: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...entry } }, data);
  const broken: [string, () => void, string][] = [
    ['is absent', () => fs.rmSync(file, { force: true }), 'no such file'],
    ['is empty', () => fs.writeFileSync(file, ''), '0 bytes'],
    ['is something else', () => fs.writeFileSync(file, 'just some text, no tensors'), 'header of'],
    ['has a header that is no object', () => writeRaw('null', floats(1)), 'header is no JSON object'],
    ['has a broken header', () => writeRaw('{"x": {', floats(1)), 'header is no JSON'],
    ['has another dtype', one({ dtype: 'F8_E4M3' }), 'tensor x is F8_E4M3'],
    ['has a shape of another size', one({ shape: [3] }), 'tensor x has 8 bytes for the shape [3]'],
    ['is cut', one({}, floats(1)), 'tensor x ends at byte 8 of 4'],
    ['is too long', one({}, floats(1, 2, 3)), '12 bytes of data where its header names 8'],
    ['begins before its data', one({ data_offsets: [-4, 4] }), 'tensor x'],
    ['holds NaN', one({}, floats(1, Number.NaN)), 'tensor x holds NaN at position 1'],
    ['holds an infinity', one({}, floats(Number.NEGATIVE_INFINITY, 1)), 'tensor x holds -Infinity at position 0'],
    ['has an entry that is none', () => writeRaw({ x: 3 }, floats(1)), 'tensor x'],
  ];

  it.each(broken)('a file that %s is a UserError naming it', (_, spoil, problem) => {
    spoil();
    expect(() => readSafetensors(file)).toThrow(UserError);
    expect(() => readSafetensors(file)).toThrow(`${file}: `);
    expect(() => readSafetensors(file)).toThrow(problem);
  });
});

it('bytes changed anywhere: tensors or an error of ours that names the file', () => {
  writeSafetensors(file, [
    { name: 'a', shape: [2, 3], values: Float32Array.of(1, 2, 3, 4, 5, 6) },
    { name: 'b', shape: [2], values: Int32Array.of(7, 8) },
  ]);
  const bytes = fs.readFileSync(file);
  const outcome = (content: Uint8Array) => {
    fs.writeFileSync(file, content);
    try {
      readSafetensors(file);
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      expect((error as Error).message).toContain(file);
    }
  };
  for (let length = 0; length < bytes.length; length++) outcome(bytes.subarray(0, length));
  fc.assert(fc.property(damaged(bytes, 5), outcome), { seed: 20221, numRuns: 1000 });
});

it.each([
  ['F16', Uint8Array.of(0x00, 0x3c, 0x00, 0xc0), [1, -2]],
  ['BF16', Uint8Array.of(0x80, 0x3f, 0x00, 0xc0), [1, -2]],
  ['I64', Uint8Array.from([5, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]), [5, -1]],
])('%s is read exactly', (dtype, data, expected) => {
  writeRaw({ x: { dtype, shape: [2], data_offsets: [0, data.length] } }, Buffer.from(data));
  expect([...readSafetensors(file).tensors.get('x')!.values]).toEqual(expected);
});
