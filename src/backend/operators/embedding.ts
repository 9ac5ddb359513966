/** Rows of a table by number, and the gradient that adds them up again. */
import { onnxIsActive, owned, viewed } from '../onnx/operator.js';
import { takeArray } from '../onnx/pool.js';
import { segmentSum } from '../segmentSum.js';
import { tf } from '../tf.js';
import { embeddingOnWebgpu } from '../webgpu/embedding.js';
import { webgpuIsActive } from '../webgpu/kernel.js';

/** Hears that dy [N, D], which is its own, is to be added to the rows `ids` [N] of a table, in this order. */
export type RowListener = (ids: Int32Array, dy: Float32Array) => void;

/** The tables that are listened to, by the number of the variable; `anchor` is differentiated by instead, so that the backward pass comes to the table. */
let heard: ReadonlyMap<number, { anchor: tf.Variable; listener: RowListener }> = new Map();
/** How many times the rows that are read a table must have to be listened to. */
const SPARSE = 4;

/**
 * tf.variableGrads, where on the backend onnx the listener of a table hears the gradients of its rows if few of them are read: the table's own gradient,
 * mostly zeros, is then not made and not among the returned.
 */
export function variableGradsHeard(
  f: () => tf.Scalar,
  variables: readonly tf.Variable[],
  tables: ReadonlyMap<tf.Variable, RowListener>,
): ReturnType<typeof tf.variableGrads> {
  const before = heard;
  const anchor = tf.variable(tf.scalar(0));
  heard = new Map([...tables].map(([table, listener]) => [table.id, { anchor, listener }]));
  try {
    const { value, grads } = tf.variableGrads(f, tables.size > 0 ? [...variables, anchor] : [...variables]);
    grads[anchor.name]?.dispose();
    delete grads[anchor.name];
    return { value, grads };
  } finally {
    heard = before;
    anchor.dispose();
  }
}

/** table [V, D], ids [N] in [0, V) → [N, D]. The gradient is dense [V, D], or goes to a listener; rows of one id add up in the order of `ids`. */
export function embedding(table: tf.Tensor2D, ids: Int32Array): tf.Tensor2D {
  if (webgpuIsActive()) return embeddingOnWebgpu(table, ids);
  if (!onnxIsActive()) return tf.gather(table, tf.tensor1d(ids, 'int32'));
  const [rows, width] = table.shape;
  const gather = () => {
    const source = viewed(table).values;
    const gathered = takeArray(ids.length * width);
    ids.forEach((id, n) => gathered.set(source.subarray(id * width, (id + 1) * width), n * width));
    return owned(gathered, [ids.length, width]);
  };
  const listened = heard.get(table.id);
  if (listened && rows >= SPARSE * ids.length) {
    return tf.customGrad(() => {
      const gradFunc = (dy: tf.Tensor) => {
        listened.listener(ids, viewed(dy).values);
        return tf.scalar(0);
      };
      return { value: gather(), gradFunc };
    })(listened.anchor) as tf.Tensor2D;
  }
  return tf.customGrad(() => {
    const gradFunc = (dy: tf.Tensor) => {
      const sums = takeArray(rows * width).fill(0);
      segmentSum(viewed(dy).values, ids, width, sums);
      return owned(sums, table.shape);
    };
    return { value: gather(), gradFunc };
  })(table) as tf.Tensor2D;
}
