/** Rows of a table by number, and the gradient that adds them up again. */
import { onnxIsActive, owned, viewed } from '../onnx/operator.js';
import { takeArray } from '../onnx/pool.js';
import { segmentSum } from '../segmentSum.js';
import { tf } from '../tf.js';
import { embeddingOnWebgpu } from '../webgpu/embedding.js';
import { webgpuIsActive } from '../webgpu/kernel.js';

/** Hears the gradient of a table where few of its rows are read: that of the table is then not made, which is mostly zeros. */
export interface RowListener {
  /** A variable to differentiate by, so that the backward pass comes to the table. */
  readonly anchor: tf.Variable;
  /** dy [N, D] is to be added to the rows `ids` [N], in this order; it is the caller's. */
  hear(ids: Int32Array, dy: Float32Array): void;
}

/** By the number of the table's variable. */
let listeners: ReadonlyMap<number, RowListener> = new Map();
/** How many times the rows that are read a table must have to be listened to. */
const SPARSE = 4;

/** While `work` runs, on the backend onnx, the listeners of variables hear the gradients of rows. */
export function withRowListeners<T>(tables: ReadonlyMap<tf.Variable, RowListener>, work: () => T): T {
  const before = listeners;
  listeners = new Map([...tables].map(([table, listener]) => [table.id, listener]));
  try {
    return work();
  } finally {
    listeners = before;
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
  const listener = listeners.get(table.id);
  if (listener && rows >= SPARSE * ids.length) {
    return tf.customGrad(() => {
      const gradFunc = (dy: tf.Tensor) => {
        listener.hear(ids, viewed(dy).values);
        return tf.scalar(0);
      };
      return { value: gather(), gradFunc };
    })(listener.anchor) as tf.Tensor2D;
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
