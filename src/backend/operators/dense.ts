/** Affine maps of token rows, with and without GELU. Weights lie as in Hugging Face checkpoints: [out, in]. */
import { graph, node } from '../onnx/graph.js';
import { gradientsAreRecorded, onnxIsActive, runOnTensors } from '../onnx/operator.js';
import { tf } from '../tf.js';
import { denseGeluOnWebgpu, denseOnWebgpu } from '../webgpu/dense.js';
import { webgpuIsActive } from '../webgpu/kernel.js';

const DENSE = graph('dense', { x: 2, w: 2, b: 1 }, { y: 2 }, [node('y', 'Gemm', ['x', 'w', 'b'], { transB: 1 })]);

const DENSE_GRADIENT = graph('dense, gradient', { dy: 2, x: 2, w: 2 }, { dx: 2, dw: 2, db: 1 }, [
  node('dx', 'Gemm', ['dy', 'w']),
  node('dw', 'Gemm', ['dy', 'x'], { transA: 1 }),
  node('db', 'ReduceSum', ['dy', [0]], { keepdims: 0 }),
]);

/** s = u/√2 comes free from Gemm; gelu(u) = u·Φ(u) = s·(1 + erf(s))/√2 */
const DENSE_GELU_NODES = [
  node('s', 'Gemm', ['x', 'w', 'b'], { transB: 1, alpha: Math.SQRT1_2, beta: Math.SQRT1_2 }),
  node('erf', 'Erf', ['s']),
  node('erf1', 'Add', ['erf', 1]),
  node('product', 'Mul', ['s', 'erf1']),
  node('y', 'Mul', ['product', Math.SQRT1_2]),
];

const DENSE_GELU = graph('dense and GELU', { x: 2, w: 2, b: 1 }, { y: 2 }, DENSE_GELU_NODES);

/** Writes 2·gelu′(u) = 1 + erf(s) + s·2/√π·e^(−s²) too; the factor goes into the exponent. */
const DENSE_GELU_WITH_SLOPE = graph('dense and GELU', { x: 2, w: 2, b: 1 }, { y: 2, slope2: 2 }, [
  ...DENSE_GELU_NODES,
  node('square', 'Mul', ['s', 's']),
  node('exponent', 'Sub', [Math.log(2 / Math.sqrt(Math.PI)), 'square']),
  node('bell', 'Exp', ['exponent']),
  node('density', 'Mul', ['s', 'bell']),
  node('slope2', 'Add', ['erf1', 'density']),
]);

/** With du2 = 2·du the factor ½ goes into the products. */
const DENSE_GELU_GRADIENT = graph('dense and GELU, gradient', { dy: 2, slope2: 2, x: 2, w: 2 }, { dx: 2, dw: 2, db: 1 }, [
  node('du2', 'Mul', ['dy', 'slope2']),
  node('dx', 'Gemm', ['du2', 'w'], { alpha: 0.5 }),
  node('dw', 'Gemm', ['du2', 'x'], { transA: 1, alpha: 0.5 }),
  node('db2', 'ReduceSum', ['du2', [0]], { keepdims: 0 }),
  node('db', 'Mul', ['db2', 0.5]),
]);

/** x·wᵀ + b: x [N, I], w [O, I], b [O] → [N, O] */
export function dense(x: tf.Tensor2D, w: tf.Tensor2D, b: tf.Tensor1D): tf.Tensor2D {
  if (webgpuIsActive()) return denseOnWebgpu(x, w, b);
  if (!onnxIsActive()) return tf.add(tf.matMul(x, w, false, true), b);
  return tf.customGrad((...args) => {
    const [xs, ws, bs, save] = args as unknown as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D, tf.GradSaveFunc];
    const [y] = runOnTensors(DENSE, [xs, ws, bs], [[x.shape[0], w.shape[0]]]);
    save([xs, ws]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => runOnTensors(DENSE_GRADIENT, [dy, ...saved], [x.shape, w.shape, b.shape]);
    return { value: y, gradFunc };
  })(x, w, b) as tf.Tensor2D;
}

/** gelu(x·wᵀ + b) with the exact gelu(u) = u·Φ(u), BERT's (Hendrycks & Gimpel 2016): x [N, I], w [O, I], b [O] → [N, O] */
export function denseGelu(x: tf.Tensor2D, w: tf.Tensor2D, b: tf.Tensor1D): tf.Tensor2D {
  if (webgpuIsActive()) return denseGeluOnWebgpu(x, w, b);
  if (!onnxIsActive()) return gelu(tf.add(tf.matMul(x, w, false, true), b));
  const shape = [x.shape[0], w.shape[0]];
  if (!gradientsAreRecorded()) return runOnTensors(DENSE_GELU, [x, w, b], [shape])[0] as tf.Tensor2D;
  return tf.customGrad((...args) => {
    const [xs, ws, bs, save] = args as unknown as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D, tf.GradSaveFunc];
    const [y, slope2] = runOnTensors(DENSE_GELU_WITH_SLOPE, [xs, ws, bs], [shape, shape]);
    save([slope2, xs, ws]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => runOnTensors(DENSE_GELU_GRADIENT, [dy, ...saved], [x.shape, w.shape, b.shape]);
    return { value: y, gradFunc };
  })(x, w, b) as tf.Tensor2D;
}

function gelu<T extends tf.Tensor>(u: T): T {
  return tf.mul(u, tf.add(tf.mul(tf.erf(tf.mul(u, Math.SQRT1_2)), 0.5), 0.5));
}
