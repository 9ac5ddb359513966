/** The gradient of gathered rows on WebGPU: each row of the table adds up its own, in the order of the batch, without atomics. */
import { tf } from '../tf.js';
import { type Kernel, runKernel } from './kernel.js';

/** Row v of the table has the gradients of places order[starts[v]] … order[starts[v + 1] − 1]. */
const GRADIENT: Kernel = {
  name: 'embedding, gradient',
  inputs: ['dy', 'starts', 'order'],
  uniforms: { count: 'i32', width: 'i32' },
  workgroup: 64,
  code: `
fn main(index: i32) {
  if (index < uniforms.count) {
    let row = index / uniforms.width;
    let column = index % uniforms.width;
    var sum = 0.0;
    for (var i = starts[row]; i < starts[row + 1]; i++) { sum += dy[order[i] * uniforms.width + column]; }
    result[index] = sum;
  }
}`,
};

/** table [V, D], ids [N] in [0, V) → [N, D], differentiable. */
export function embeddingOnWebgpu(table: tf.Tensor2D, ids: Int32Array): tf.Tensor2D {
  const [rows, width] = table.shape;
  return tf.customGrad((...args) => {
    const value = tf.gather(args[0] as tf.Tensor2D, tf.tensor1d(ids, 'int32')); // [N, D]
    const gradFunc = (dy: tf.Tensor) => {
      const { starts, order } = placesByRow(ids, rows);
      const inputs = [dy, tf.tensor1d(starts, 'int32'), tf.tensor1d(order, 'int32')];
      return runKernel(GRADIENT, { inputs, uniforms: { count: rows * width, width }, result: table.shape, threads: rows * width });
    };
    return { value, gradFunc };
  })(table) as tf.Tensor2D;
}

/** The places of `ids` sorted by row, those of one row in their order; starts [rows + 1]. */
function placesByRow(ids: Int32Array, rows: number): { starts: Int32Array; order: Int32Array } {
  const starts = new Int32Array(rows + 1);
  for (const id of ids) starts[id + 1]!++;
  for (let row = 0; row < rows; row++) starts[row + 1]! += starts[row]!;
  const next = starts.slice(0, rows);
  const order = new Int32Array(ids.length);
  ids.forEach((id, place) => {
    order[next[id]!++] = place;
  });
  return { starts, order };
}
