/** Inner products of two sets of vectors, for a search. */
import { graph, node } from '../onnx/graph.js';
import { onnxIsActive } from '../onnx/operator.js';
import { runGraphInto, type Values } from '../onnx/session.js';
import { tf } from '../tf.js';

const PRODUCTS = graph('products', { a: 2, b: 2 }, { y: 2 }, [node('y', 'Gemm', ['a', 'b'], { transB: 1 })]);

/** Rows of b that a product is best given at once: with their products they stay in a core's cache, or they are worth a call to a device. */
export const productRows = (): number => (onnxIsActive() ? 256 : 4096);

/** Writes a·bᵀ to the begin of `into`: a [M, D], b [N, D] → M·N numbers. */
export async function productsInto(into: Float32Array, a: Values, b: Values): Promise<void> {
  const shape = [a.shape[0]!, b.shape[0]!];
  if (onnxIsActive()) {
    runGraphInto(PRODUCTS, [a, b], [{ values: into.subarray(0, shape[0]! * shape[1]!), shape }]);
    return;
  }
  // Copies: a backend may keep an array, and these are written again.
  const [left, right] = [a, b].map(({ values, shape }) => tf.tensor2d(values.slice(), shape as [number, number]));
  const products = tf.matMul(left!, right!, false, true);
  into.set((await products.data()) as Float32Array);
  tf.dispose([left!, right!, products]);
}
