/** Tensors of a PyTorch checkpoint: views of storages, and their values laid out row after row. */
import { fromBfloat16, fromHalf } from '../../core/half.js';

function wholeNumber(value: bigint): number {
  if (value < -(2n ** 31n) || value >= 2n ** 31n) throw new Error(`a whole number ${value} beyond 32 bits`);
  return Number(value);
}

/** Element types by the name of their storage's class. */
export const STORAGES: Readonly<Record<string, { bytes: number; read: (data: ArrayBuffer) => Float32Array | Int32Array }>> = {
  FloatStorage: { bytes: 4, read: (data) => new Float32Array(data) },
  HalfStorage: { bytes: 2, read: (data) => fromHalf(new Uint16Array(data)) },
  BFloat16Storage: { bytes: 2, read: (data) => fromBfloat16(new Uint16Array(data)) },
  DoubleStorage: { bytes: 8, read: (data) => Float32Array.from(new Float64Array(data)) },
  LongStorage: { bytes: 8, read: (data) => Int32Array.from(new BigInt64Array(data), wholeNumber) },
  IntStorage: { bytes: 4, read: (data) => new Int32Array(data) },
  ShortStorage: { bytes: 2, read: (data) => Int32Array.from(new Int16Array(data)) },
  CharStorage: { bytes: 1, read: (data) => Int32Array.from(new Int8Array(data)) },
  ByteStorage: { bytes: 1, read: (data) => Int32Array.from(new Uint8Array(data)) },
  BoolStorage: { bytes: 1, read: (data) => Int32Array.from(new Uint8Array(data)) },
};

export class Storage {
  constructor(
    readonly type: string,
    readonly key: string,
    readonly length: number,
  ) {}
}

/** A view of a storage. */
export class Tensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** The view's values, row after row. */
export function gather(
  name: string,
  { storage, offset, shape, strides }: Tensor,
  values: Float32Array | Int32Array,
): Float32Array | Int32Array {
  const size = shape.reduce((product, n) => product * n, 1);
  const last = shape.reduce((at, n, axis) => at + (n - 1) * strides[axis]!, offset);
  // A view may repeat its storage (stride 0); a small file must not ask for gigabytes.
  const repeated = size > Math.max(2 ** 24, 4 * storage.length);
  if (size > 0 && (last >= storage.length || repeated)) throw new Error(`tensor ${name} reaches beyond its storage`);
  let step = 1;
  const contiguous = shape.reduceRight((so, n, axis) => {
    const fits = n === 1 || strides[axis] === step;
    step *= n;
    return so && fits;
  }, true);
  const gathered = contiguous ? values.slice(offset, offset + size) : strided(values, offset, shape, strides, size);
  const broken = gathered instanceof Float32Array ? gathered.findIndex((value) => !Number.isFinite(value)) : -1;
  if (broken >= 0) throw new Error(`tensor ${name} holds ${gathered[broken]} at position ${broken}`);
  return gathered;
}

function strided<T extends Float32Array | Int32Array>(
  values: T,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
  size: number,
): T {
  const gathered = new (values.constructor as new (length: number) => T)(size);
  const index = shape.map(() => 0);
  for (let i = 0, at = offset; i < size; i++) {
    gathered[i] = values[at]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      at -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return gathered;
}
