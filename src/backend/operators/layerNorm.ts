/** Layer normalisation (Ba, Kiros & Hinton 2016) over the last axis, alone or of a sum with a residual branch. */
import { type Graph, graph, node } from '../onnx/graph.js';
import { onnxIsActive, runOnTensors } from '../onnx/operator.js';
import { tf } from '../tf.js';
import { webgpuIsActive } from '../webgpu/kernel.js';
import { layerNormOnWebgpu } from '../webgpu/layerNorm.js';

/** Writes the sum s, the mean and the reciprocal deviation of each row beside the result: the backward graph needs them. */
const RESIDUAL_LAYER_NORM = byEpsilon((epsilon) =>
  graph('layer norm of a sum', { x: 2, residual: 2, gamma: 1, beta: 1 }, { y: 2, s: 2, mean: 2, rstd: 2 }, [
    node('s', 'Add', ['x', 'residual']),
    node('y mean rstd', 'LayerNormalization', ['s', 'gamma', 'beta'], { axis: -1, epsilon }),
  ]),
);

const LAYER_NORM = byEpsilon((epsilon) =>
  graph('layer norm', { s: 2, gamma: 1, beta: 1 }, { y: 2, mean: 2, rstd: 2 }, [
    node('y mean rstd', 'LayerNormalization', ['s', 'gamma', 'beta'], { axis: -1, epsilon }),
  ]),
);

/** With x̂ = (s − mean)·rstd and g = dy·γ: ds = rstd·(g − mean(g) − x̂·mean(g·x̂)), dγ = Σ dy·x̂, dβ = Σ dy */
const LAYER_NORM_GRADIENT = graph('layer norm, gradient', { dy: 2, s: 2, mean: 2, rstd: 2, gamma: 1 }, { ds: 2, dgamma: 1, dbeta: 1 }, [
  node('centred', 'Sub', ['s', 'mean']),
  node('normal', 'Mul', ['centred', 'rstd']),
  node('dyNormal', 'Mul', ['dy', 'normal']),
  node('dgamma', 'ReduceSum', ['dyNormal', [0]], { keepdims: 0 }),
  node('dbeta', 'ReduceSum', ['dy', [0]], { keepdims: 0 }),
  node('g', 'Mul', ['dy', 'gamma']),
  node('gMean', 'ReduceMean', ['g'], { axes: [1] }),
  node('gNormal', 'Mul', ['dyNormal', 'gamma']),
  node('gNormalMean', 'ReduceMean', ['gNormal'], { axes: [1] }),
  node('along', 'Mul', ['normal', 'gNormalMean']),
  node('gCentred', 'Sub', ['g', 'gMean']),
  node('across', 'Sub', ['gCentred', 'along']),
  node('ds', 'Mul', ['across', 'rstd']),
]);

/** γ·(x − mean)/√(variance + epsilon) + β for each row: x [N, D], gamma [D], beta [D] → [N, D] */
export function layerNorm(x: tf.Tensor2D, gamma: tf.Tensor1D, beta: tf.Tensor1D, epsilon: number): tf.Tensor2D {
  if (webgpuIsActive()) return layerNormOnWebgpu(x, gamma, beta, epsilon);
  if (!onnxIsActive()) return composedLayerNorm(x, gamma, beta, epsilon);
  return tf.customGrad((...args) => {
    const [s, scale, shift, save] = args as unknown as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const [y, mean, rstd] = runOnTensors(LAYER_NORM(epsilon), [s, scale, shift], [x.shape, [x.shape[0], 1], [x.shape[0], 1]]);
    save([s, mean, rstd, scale]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) =>
      runOnTensors(LAYER_NORM_GRADIENT, [dy, ...saved], [x.shape, gamma.shape, gamma.shape]);
    return { value: y, gradFunc };
  })(x, gamma, beta) as tf.Tensor2D;
}

/** layerNorm(x + residual): x and residual [N, D], gamma and beta [D] → [N, D] */
export function residualLayerNorm(
  x: tf.Tensor2D,
  residual: tf.Tensor2D,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  epsilon: number,
): tf.Tensor2D {
  if (!onnxIsActive()) return layerNorm(tf.add(x, residual) as tf.Tensor2D, gamma, beta, epsilon);
  return tf.customGrad((...args) => {
    const [xs, rs, scale, shift, save] = args as unknown as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const row = [x.shape[0], 1];
    const [y, s, mean, rstd] = runOnTensors(RESIDUAL_LAYER_NORM(epsilon), [xs, rs, scale, shift], [x.shape, x.shape, row, row]);
    save([s, mean, rstd, scale]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [ds, dgamma, dbeta] = runOnTensors(LAYER_NORM_GRADIENT, [dy, ...saved], [x.shape, gamma.shape, gamma.shape]);
      return [ds, ds, dgamma, dbeta];
    };
    return { value: y, gradFunc };
  })(x, residual, gamma, beta) as tf.Tensor2D;
}

function composedLayerNorm(x: tf.Tensor2D, gamma: tf.Tensor1D, beta: tf.Tensor1D, epsilon: number): tf.Tensor2D {
  const centred = tf.sub(x, tf.mean(x, 1, true)); // [N, D]
  const variance = tf.mean(tf.square(centred), 1, true); // [N, 1]
  return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, epsilon))), gamma), beta);
}

/** epsilon is an attribute of the node, so each has its graph. */
function byEpsilon(build: (epsilon: number) => Graph): (epsilon: number) => Graph {
  const graphs = new Map<number, Graph>();
  return (epsilon) => {
    const known = graphs.get(epsilon) ?? build(epsilon);
    graphs.set(epsilon, known);
    return known;
  };
}
