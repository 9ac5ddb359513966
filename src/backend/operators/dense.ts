/** Affine maps of token rows, with and without GELU. Weights lie as in Hugging Face checkpoints: [out, in]. */
import { type Graph, graph, type Node, node } from '../onnx/graph.js';
import { gradientsAreRecorded, onnxIsActive, owned, runOnTensors, viewed } from '../onnx/operator.js';
import { isPooled, returnArray, takeArray } from '../onnx/pool.js';
import { runGraph, runGraphInto, type Values } from '../onnx/session.js';
import { tf } from '../tf.js';
import { denseGeluOnWebgpu, denseOnWebgpu } from '../webgpu/dense.js';
import { webgpuIsActive } from '../webgpu/kernel.js';

const DENSE = graph('dense', { x: 2, w: 2, b: 1 }, { y: 2 }, [node('y', 'Gemm', ['x', 'w', 'b'], { transB: 1 })]);

/**
 * dw = dyᵀ·x. onnxruntime transposes dy again for every 128 columns of x: where these are many it is done once, before, and a product is a fifth faster
 * (docs/decisions/005). Reshape changes nothing, but keeps onnxruntime from making one node of the two.
 */
export const weightGradient = (dy: string, wide: boolean, attributes: { alpha?: number } = {}): Node[] =>
  wide
    ? [
        node('columns', 'Transpose', [dy], { perm: [1, 0] }),
        node('turned', 'Reshape', ['columns', [0, -1]]),
        node('dw', 'Gemm', ['turned', 'x'], attributes),
      ]
    : [node('dw', 'Gemm', [dy, 'x'], { transA: 1, ...attributes })];

/** Columns of x from which on they are many. */
export const WIDE = 512;
const byWidth = (build: (wide: boolean) => Graph): ((x: tf.Tensor2D) => Graph) => {
  const [narrow, wide] = [build(false), build(true)];
  return (x) => (x.shape[1] < WIDE ? narrow : wide);
};

const DENSE_GRADIENT = byWidth((wide) =>
  graph('dense, gradient', { dy: 2, x: 2, w: 2 }, { dx: 2, dw: 2, db: 1 }, [
    node('dx', 'Gemm', ['dy', 'w']),
    ...weightGradient('dy', wide),
    node('db', 'ReduceSum', ['dy', [0]], { keepdims: 0 }),
  ]),
);

/** s = u/√2 comes free from Gemm. */
const SCALED_DENSE = graph('dense and GELU', { x: 2, w: 2, b: 1 }, { s: 2 }, [
  node('s', 'Gemm', ['x', 'w', 'b'], { transB: 1, alpha: Math.SQRT1_2, beta: Math.SQRT1_2 }),
]);

/** gelu(u) = u·Φ(u) = s·(1 + erf(s))/√2 */
const GELU_NODES = [
  node('erf', 'Erf', ['s']),
  node('erf1', 'Add', ['erf', 1]),
  node('product', 'Mul', ['s', 'erf1']),
  node('y', 'Mul', ['product', Math.SQRT1_2]),
];

const GELU = graph('dense and GELU', { s: 2 }, { y: 2 }, GELU_NODES);

/** Writes 2·gelu′(u) = 1 + erf(s) + s·2/√π·e^(−s²) too; the factor goes into the exponent. */
const GELU_WITH_SLOPE = graph('dense and GELU', { s: 2 }, { y: 2, slope2: 2 }, [
  ...GELU_NODES,
  node('square', 'Mul', ['s', 's']),
  node('exponent', 'Sub', [Math.log(2 / Math.sqrt(Math.PI)), 'square']),
  node('bell', 'Exp', ['exponent']),
  node('density', 'Mul', ['s', 'bell']),
  node('slope2', 'Add', ['erf1', 'density']),
]);

/** With du2 = 2·du the factor ½ goes into the products. */
const DENSE_GELU_GRADIENT = byWidth((wide) =>
  graph('dense and GELU, gradient', { dy: 2, slope2: 2, x: 2, w: 2 }, { dx: 2, dw: 2, db: 1 }, [
    node('du2', 'Mul', ['dy', 'slope2']),
    node('dx', 'Gemm', ['du2', 'w'], { alpha: 0.5 }),
    ...weightGradient('du2', wide, { alpha: 0.5 }),
    node('db2', 'ReduceSum', ['du2', [0]], { keepdims: 0 }),
    node('db', 'Mul', ['db2', 0.5]),
  ]),
);

/** x·wᵀ + b: x [N, I], w [O, I], b [O] → [N, O] */
export function dense(x: tf.Tensor2D, w: tf.Tensor2D, b: tf.Tensor1D): tf.Tensor2D {
  if (webgpuIsActive()) return denseOnWebgpu(x, w, b);
  if (!onnxIsActive()) return tf.add(tf.matMul(x, w, false, true), b);
  return tf.customGrad((...args) => {
    const [xs, ws, bs, save] = args as unknown as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D, tf.GradSaveFunc];
    const [y] = runOnTensors(DENSE, [xs, ws, bs], [[x.shape[0], w.shape[0]]]);
    save([xs, ws]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => runOnTensors(DENSE_GRADIENT(x), [dy, ...saved], [x.shape, w.shape, b.shape]);
    return { value: y, gradFunc };
  })(x, w, b) as tf.Tensor2D;
}

/** gelu(x·wᵀ + b) with the exact gelu(u) = u·Φ(u), BERT's (Hendrycks & Gimpel 2016): x [N, I], w [O, I], b [O] → [N, O] */
export function denseGelu(x: tf.Tensor2D, w: tf.Tensor2D, b: tf.Tensor1D): tf.Tensor2D {
  if (webgpuIsActive()) return denseGeluOnWebgpu(x, w, b);
  if (!onnxIsActive()) return gelu(tf.add(tf.matMul(x, w, false, true), b));
  if (!gradientsAreRecorded()) return fusedDenseGelu(GELU, x, w, b)[0]!;
  return tf.customGrad((...args) => {
    const [xs, ws, bs, save] = args as unknown as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D, tf.GradSaveFunc];
    const [y, slope2] = fusedDenseGelu(GELU_WITH_SLOPE, xs, ws, bs);
    save([slope2!, xs, ws]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) =>
      runOnTensors(DENSE_GELU_GRADIENT(x), [dy, ...saved], [x.shape, w.shape, b.shape]);
    return { value: y!, gradFunc };
  })(x, w, b) as tf.Tensor2D;
}

/** Numbers that are activated together: with what is made of them on the way they stay in a core's cache. */
const TILE = 1 << 16;

/** What `activation` makes of s = (x·wᵀ + b)/√2, each [N, O]. */
function fusedDenseGelu(activation: Graph, x: tf.Tensor2D, w: tf.Tensor2D, b: tf.Tensor1D): tf.Tensor2D[] {
  const [N, O] = [x.shape[0], w.shape[0]];
  const [s] = runGraph(SCALED_DENSE, [viewed(x), viewed(w), viewed(b)], [[N, O]]);
  const outputs = Object.keys(activation.outputs).map(() => takeArray(N * O));
  const rows = Math.max(1, Math.floor(TILE / O));
  for (let begin = 0; begin < N; begin += rows) {
    const end = Math.min(N, begin + rows);
    const tile = (values: Float32Array): Values => ({ values: values.subarray(begin * O, end * O), shape: [end - begin, O] });
    runGraphInto(activation, [tile(s!)], outputs.map(tile));
  }
  if (isPooled(s!.length)) returnArray(s!);
  return outputs.map((values) => owned<tf.Tensor2D>(values, [N, O]));
}

function gelu<T extends tf.Tensor>(u: T): T {
  return tf.mul(u, tf.add(tf.mul(tf.erf(tf.mul(u, Math.SQRT1_2)), 0.5), 0.5));
}
