/** Layer normalisation of rows on WebGPU: a workgroup a row. s [N, D], gamma and beta [D]; stats [N, 2] are mean and reciprocal deviation. */
import { tf } from '../tf.js';
import { columnSums, type Kernel, ROWS, rowOfWorkgroup, runKernel, sumOfWorkgroup } from './kernel.js';

const W = 64;

const STATS: Kernel = {
  name: 'layer norm, stats',
  inputs: ['s'],
  uniforms: { rows: 'i32', width: 'i32', epsilon: 'f32' },
  workgroup: W,
  code: `${sumOfWorkgroup(W)}
fn main(index: i32) {${rowOfWorkgroup(W)}
  var sum = 0.0;
  for (var i = i32(localIndex); i < D; i += ${W}) { sum += s[at + i]; }
  let mean = sumOfWorkgroup(sum) / f32(D);
  var squares = 0.0;
  for (var i = i32(localIndex); i < D; i += ${W}) { let c = s[at + i] - mean; squares += c * c; }
  let variance = sumOfWorkgroup(squares) / f32(D);
  if (own < uniforms.rows && localIndex == 0u) {
    result[2 * row] = mean;
    result[2 * row + 1] = inverseSqrt(variance + uniforms.epsilon);
  }
}`,
};

const APPLY: Kernel = {
  name: 'layer norm',
  inputs: ['s', 'stats', 'gamma', 'beta'],
  uniforms: { count: 'i32', width: 'i32' },
  workgroup: W,
  code: `
fn main(index: i32) {
  if (index < uniforms.count) {
    let row = index / uniforms.width;
    let column = index % uniforms.width;
    result[index] = gamma[column] * (s[index] - stats[2 * row]) * stats[2 * row + 1] + beta[column];
  }
}`,
};

/** With x̂ = (s − mean)·rstd and g = dy·γ: ds = rstd·(g − mean(g) − x̂·mean(g·x̂)) */
const GRADIENT: Kernel = {
  name: 'layer norm, gradient',
  inputs: ['dy', 's', 'stats', 'gamma'],
  uniforms: { rows: 'i32', width: 'i32' },
  workgroup: W,
  code: `${sumOfWorkgroup(W)}
fn main(index: i32) {${rowOfWorkgroup(W)}
  let mean = stats[2 * row];
  let rstd = stats[2 * row + 1];
  var sum = 0.0;
  var along = 0.0;
  for (var i = i32(localIndex); i < D; i += ${W}) {
    let g = dy[at + i] * gamma[i];
    sum += g;
    along += g * (s[at + i] - mean) * rstd;
  }
  let gMean = sumOfWorkgroup(sum) / f32(D);
  let gNormalMean = sumOfWorkgroup(along) / f32(D);
  if (own < uniforms.rows) {
    for (var i = i32(localIndex); i < D; i += ${W}) {
      let normal = (s[at + i] - mean) * rstd;
      result[at + i] = rstd * (dy[at + i] * gamma[i] - gMean - normal * gNormalMean);
    }
  }
}`,
};

/** dγ and dβ of blocks of rows, side by side: [blocks, 2·D]. */
const SCALE_GRADIENT: Kernel = {
  name: 'layer norm, gradient of scale and shift',
  inputs: ['dy', 's', 'stats'],
  uniforms: { rows: 'i32', width: 'i32' },
  workgroup: W,
  code: `
fn main(index: i32) {
  let D = uniforms.width;
  let block = index / D;
  let column = index % D;
  let end = min(uniforms.rows, (block + 1) * ${ROWS});
  if (block * ${ROWS} < end) {
    var scale = 0.0;
    var shift = 0.0;
    for (var row = block * ${ROWS}; row < end; row++) {
      let slope = dy[row * D + column];
      scale += slope * (s[row * D + column] - stats[2 * row]) * stats[2 * row + 1];
      shift += slope;
    }
    result[2 * block * D + column] = scale;
    result[(2 * block + 1) * D + column] = shift;
  }
}`,
};

/** γ·(s − mean)/√(variance + epsilon) + β for each row, differentiable. */
export function layerNormOnWebgpu(s: tf.Tensor2D, gamma: tf.Tensor1D, beta: tf.Tensor1D, epsilon: number): tf.Tensor2D {
  const [rows, width] = s.shape;
  return tf.customGrad((...args) => {
    const [x, scale, shift, save] = args as unknown as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const stats = runKernel(STATS, { inputs: [x], uniforms: { rows, width, epsilon }, result: [rows, 2], threads: rows * W });
    const uniforms = { count: rows * width, width };
    const value = runKernel(APPLY, { inputs: [x, stats, scale, shift], uniforms, result: s.shape, threads: rows * width });
    save([x, stats, scale]);
    const gradFunc = (dy: tf.Tensor, [input, known, factor]: tf.Tensor[]) => {
      const ds = runKernel(GRADIENT, {
        inputs: [dy, input!, known!, factor!],
        uniforms: { rows, width },
        result: s.shape,
        threads: rows * W,
      });
      const blocks = Math.ceil(rows / ROWS);
      const run = { inputs: [dy, input!, known!], uniforms: { rows, width }, result: [blocks, 2 * width], threads: blocks * width };
      const [dgamma, dbeta] = tf.split(columnSums(runKernel(SCALE_GRADIENT, run)), 2);
      return [ds, dgamma!, dbeta!];
    };
    return { value, gradFunc };
  })(s, gamma, beta) as tf.Tensor2D;
}
