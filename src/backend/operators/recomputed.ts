/** Gradient checkpointing (Chen et al. 2016): a part of the model whose inner values are computed again in the backward pass instead of kept. */
import { tf } from '../tf.js';

/**
 * f(x, weights), differentiable in x and in the weights, keeping x alone for the backward pass. `f` must be a pure function of its arguments
 * (dropout by key is), for it is called twice.
 */
export function recomputed(
  f: (x: tf.Tensor2D, weights: { readonly [name: string]: tf.Tensor }) => tf.Tensor2D,
  x: tf.Tensor2D,
  weights: { readonly [name: string]: tf.Tensor },
): tf.Tensor2D {
  const names = Object.keys(weights);
  const call = (input: tf.Tensor, ...values: tf.Tensor[]) =>
    f(input as tf.Tensor2D, Object.fromEntries(names.map((name, i) => [name, values[i]!])));
  return tf.customGrad((...args) => {
    const inputs = args.slice(0, -1) as tf.Tensor[];
    (args[args.length - 1] as tf.GradSaveFunc)(inputs);
    const value = call(...(inputs as [tf.Tensor, ...tf.Tensor[]]));
    return { value, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => withOwnTape(() => tf.grads(call as never)(saved, dy)) };
  })(x, ...names.map((name) => weights[name]!)) as tf.Tensor2D;
}

/** TensorFlow.js drops the one active tape when a gradient ends; within the backward pass of another, that one's is put back. */
function withOwnTape<T>(differentiate: () => T): T {
  const { state } = tf.engine() as unknown as { state: { activeTape: unknown } };
  const outer = state.activeTape;
  try {
    return differentiate();
  } finally {
    state.activeTape = outer;
  }
}
