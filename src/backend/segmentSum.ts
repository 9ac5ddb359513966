/** The gradient of an embedding: rows added up by number. */
import { tf } from './tf.js';

/**
 * Gives the backend `name` a kernel for UnsortedSegmentSum in one pass over the rows. The cpu backend's builds a mask for
 * each segment, and wasm has none. Segments outside [0, numSegments) are dropped, as TensorFlow does.
 */
export function registerSegmentSum(name: string): void {
  const kernelName = 'UnsortedSegmentSum';
  if (tf.getKernel(kernelName, name)) tf.unregisterKernel(kernelName, name);
  tf.registerKernel({
    kernelName,
    backendName: name,
    kernelFunc: ({ inputs, attrs, backend }) => {
      const { x, segmentIds } = inputs as Record<'x' | 'segmentIds', tf.TensorInfo>;
      const { numSegments } = attrs as unknown as { numSegments: number };
      const store = backend as tf.KernelBackend;
      const values = store.readSync(x.dataId) as Float32Array;
      const ids = store.readSync(segmentIds.dataId) as Int32Array;
      const row = x.shape.slice(segmentIds.shape.length);
      const sums = segmentSum(values, ids, numSegments, tf.util.sizeFromShape(row));
      const shape = [numSegments, ...row];
      return { dataId: store.write(sums, shape, x.dtype), shape, dtype: x.dtype };
    },
  });
}

/** Row n of `values` [ids.length, width] is added to row ids[n] of the result [rows, width], in the order of `ids`. */
export function segmentSum<A extends Float32Array | Int32Array>(values: A, ids: Int32Array, rows: number, width: number): A {
  const sums = new (values.constructor as new (length: number) => A)(rows * width);
  for (let n = 0; n < ids.length; n++) {
    const from = n * width;
    const to = ids[n] * width;
    if (to < 0 || to >= sums.length) continue;
    for (let j = 0; j < width; j++) sums[to + j] += values[from + j];
  }
  return sums;
}
