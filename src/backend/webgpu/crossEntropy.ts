/** Cross-entropy of a softmax on WebGPU: a workgroup a row. logits and target [Q, P]; stats [2, Q] are log Σ eˢ and the loss. */
import { tf } from '../tf.js';
import { type Kernel, largestOfWorkgroup, rowOfWorkgroup, runKernel, sumOfWorkgroup } from './kernel.js';

const W = 64;

const STATS: Kernel = {
  name: 'cross-entropy, stats',
  inputs: ['logits', 'shares'],
  uniforms: { rows: 'i32', width: 'i32' },
  workgroup: W,
  code: `${sumOfWorkgroup(W)}${largestOfWorkgroup(W)}
fn main(index: i32) {${rowOfWorkgroup(W)}
  var most = -3.4e38;
  for (var i = i32(localIndex); i < D; i += ${W}) { most = max(most, logits[at + i]); }
  let top = largestOfWorkgroup(most);
  var sum = 0.0;
  var wanted = 0.0;
  for (var i = i32(localIndex); i < D; i += ${W}) {
    sum += exp(logits[at + i] - top);
    if (shares[at + i] != 0.0) { wanted += shares[at + i] * (logits[at + i] - top); }
  }
  let logSum = log(sumOfWorkgroup(sum));
  let reached = sumOfWorkgroup(wanted);
  if (own < uniforms.rows && localIndex == 0u) {
    result[row] = top + logSum;
    result[uniforms.rows + row] = logSum - reached;
  }
}`,
};

const SLOPES: Kernel = {
  name: 'cross-entropy, slopes',
  inputs: ['logits', 'shares', 'stats'],
  uniforms: { count: 'i32', width: 'i32' },
  workgroup: W,
  code: `
fn main(index: i32) {
  if (index < uniforms.count) { result[index] = exp(logits[index] - stats[index / uniforms.width]) - shares[index]; }
}`,
};

/** Of each row −Σ target·log softmax(logits), [Q], where the targets of a row sum to 1, and its slope, softmax(logits) − target, [Q, P]. */
export function crossEntropyOnWebgpu(logits: tf.Tensor2D, target: tf.Tensor2D): { losses: tf.Tensor1D; slopes: tf.Tensor2D } {
  const [rows, width] = logits.shape;
  const stats = runKernel(STATS, { inputs: [logits, target], uniforms: { rows, width }, result: [2 * rows], threads: rows * W });
  const count = rows * width;
  const slopes = runKernel(SLOPES, {
    inputs: [logits, target, stats],
    uniforms: { count, width },
    result: logits.shape,
    threads: count,
  }) as tf.Tensor2D;
  const losses = tf.slice(stats as tf.Tensor1D, [rows], [rows]);
  stats.dispose();
  return { losses, slopes };
}
