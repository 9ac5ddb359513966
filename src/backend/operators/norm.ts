/** The length of a vector. */
import { tf } from '../tf.js';
import { columnSums, webgpuIsActive } from '../webgpu/kernel.js';

/** √Σ x² of x [P]. TensorFlow.js' sum on WebGPU is one workgroup's: a few hundred threads add up one number after the other. */
export function norm(x: tf.Tensor1D): tf.Scalar {
  return tf.tidy(() => {
    const squares = tf.square(x);
    const sum = webgpuIsActive() ? tf.reshape(columnSums(tf.reshape(squares, [-1, 1])), []) : tf.sum(squares);
    return tf.sqrt(sum) as tf.Scalar;
  });
}
