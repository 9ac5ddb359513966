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
      const shape = [numSegments, ...row];
      const sums = tf.util.makeZerosTypedArray(tf.util.sizeFromShape(shape), x.dtype as 'float32' | 'int32');
      segmentSum(values, ids, tf.util.sizeFromShape(row), sums);
      return { dataId: store.write(sums, shape, x.dtype), shape, dtype: x.dtype };
    },
  });
}

/** Adds row n of `values` [ids.length, width] to row ids[n] of `sums` [rows, width], in the order of `ids`. */
export function segmentSum(values: ArrayLike<number>, ids: Int32Array, width: number, sums: Float32Array | Int32Array): void {
  for (let n = 0; n < ids.length; n++) {
    const from = n * width;
    const to = ids[n] * width;
    if (to < 0 || to >= sums.length) continue;
    for (let j = 0; j < width; j++) sums[to + j] += values[from + j];
  }
}
