/** The matrix products of a training step alone, in its order, through the onnxruntime sessions that the step uses. */
import { graph, node } from '../dist/backend/onnx/graph.js';
import { isPooled, returnArray } from '../dist/backend/onnx/pool.js';
import { runGraph } from '../dist/backend/onnx/session.js';
import { WIDE, weightGradient } from '../dist/backend/operators/dense.js';
import { deriveKey, uniform } from '../dist/core/random.js';
import { productsOf } from './shapes.mjs';

/** @typedef {import('../dist/backend/onnx/session.js').Values} Values */
/** @typedef {() => void} Product */

const gemm = (/** @type {Record<string, number>} */ transposed) =>
  graph('', { a: 2, b: 2 }, { c: 2 }, [node('c', 'Gemm', ['a', 'b'], transposed)]);
const batched = (/** @type {Record<string, number>} */ transposed) =>
  graph('', { a: 3, b: 3 }, { c: 3 }, [node('c', 'FusedMatMul', ['a', 'b'], transposed)]);

const weight = (/** @type {boolean} */ wide) => graph('', { dy: 2, x: 2 }, { dw: 2 }, weightGradient('dy', wide));

const DENSE = { plain: gemm({}), transB: gemm({ transB: 1 }), narrowWeight: weight(false), wideWeight: weight(true) };
const BATCHED = { plain: batched({}), transA: batched({ transA: 1 }), transB: batched({ transB: 1 }) };

/**
 * A function that runs every product of one step, forward and backward, once. Operands are made once; each layer has
 * weights of its own, as in the encoder, and results go back to the pool at once.
 * @param {import('./shapes.mjs').StepShape} shape
 * @returns {() => void}
 */
export function productsAlone(shape) {
  /** @type {Product[]} */
  const forward = [];
  /** @type {Product[]} */
  const backward = [];
  for (const { dense, batched: inBatches } of productsOf(shape)) {
    for (const product of dense) addDense(product, forward, backward);
    for (const product of inBatches) addBatched(product, forward, backward);
  }
  const products = [...forward, ...backward.reverse()];
  return () => {
    for (const run of products) run();
  };
}

/** @param {{ rows: number, into: number, out: number }} product @param {Product[]} forward @param {Product[]} backward */
function addDense({ rows, into, out }, forward, backward) {
  const x = operand([rows, into]);
  const w = operand([out, into]);
  const dy = operand([rows, out]);
  forward.push(() => run(DENSE.transB, x, w, [rows, out]));
  backward.push(
    () => run(DENSE.plain, dy, w, [rows, into]),
    () => run(into < WIDE ? DENSE.narrowWeight : DENSE.wideWeight, dy, x, [out, into]),
  );
}

/** @param {{ batch: number, rows: number, inner: number, columns: number }} product @param {Product[]} forward @param {Product[]} backward */
function addBatched({ batch, rows, inner, columns }, forward, backward) {
  const a = operand([batch, rows, inner]);
  const b = operand([batch, inner, columns]);
  const dc = operand([batch, rows, columns]);
  forward.push(() => run(BATCHED.plain, a, b, dc.shape));
  backward.push(
    () => run(BATCHED.transB, dc, b, a.shape),
    () => run(BATCHED.transA, a, dc, b.shape),
  );
}

/** @param {import('../dist/backend/onnx/graph.js').Graph} product @param {Values} a @param {Values} b @param {readonly number[]} shape */
function run(product, a, b, shape) {
  const [result] = runGraph(product, [a, b], [shape]);
  if (isPooled(result.length)) returnArray(result);
}

/** @param {number[]} shape @returns {Values} */
function operand(shape) {
  const key = deriveKey(0, 'bench operand', ...shape);
  const size = shape.reduce((product, n) => product * n, 1);
  return { values: Float32Array.from({ length: size }, (_, i) => uniform(key, 0, i) - 0.5), shape };
}
