/** Rows of a table by number, and the gradient that adds them up again. */
import { onnxIsActive, owned, viewed } from '../onnx/operator.js';
import { takeArray } from '../onnx/pool.js';
import { segmentSum } from '../segmentSum.js';
import { tf } from '../tf.js';
import { embeddingOnWebgpu } from '../webgpu/embedding.js';
import { webgpuIsActive } from '../webgpu/kernel.js';

/** table [V, D], ids [N] in [0, V) → [N, D]. The gradient is dense [V, D]; rows of one id add up in the order of `ids`. */
export function embedding(table: tf.Tensor2D, ids: Int32Array): tf.Tensor2D {
  if (webgpuIsActive()) return embeddingOnWebgpu(table, ids);
  if (!onnxIsActive()) return tf.gather(table, tf.tensor1d(ids, 'int32'));
  const [rows, width] = table.shape;
  return tf.customGrad((...args) => {
    const source = viewed(args[0] as tf.Tensor).values;
    const gathered = takeArray(ids.length * width);
    ids.forEach((id, n) => gathered.set(source.subarray(id * width, (id + 1) * width), n * width));
    const gradFunc = (dy: tf.Tensor) => {
      const sums = takeArray(rows * width).fill(0);
      segmentSum(viewed(dy).values, ids, width, sums);
      return owned(sums, table.shape);
    };
    return { value: owned(gathered, [ids.length, width]), gradFunc };
  })(table) as tf.Tensor2D;
}
