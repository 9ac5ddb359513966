/** The mean of each sequence's tokens. B sequences, T tokens, D width. */
import { graph, node } from '../onnx/graph.js';
import { onnxIsActive } from '../onnx/operator.js';
import { tf } from '../tf.js';
import { byParts } from './partGraphs.js';
import { inOrder, joinedRows, rowParts } from './parts.js';

/** Sequences of one length T, padded. */
export interface Padded {
  /** [B] */
  readonly lengths: Int32Array;
  /** T */
  readonly tokens: number;
}

/** x [R, D], R = Σ B·T, one part after the other → [S, D], S = Σ B */
export const tokenMean = (x: tf.Tensor2D, parts: readonly Padded[]): tf.Tensor2D => (onnxIsActive() ? fusedMean : composedMean)(x, parts);

function composedMean(x: tf.Tensor2D, parts: readonly Padded[]): tf.Tensor2D {
  const D = x.shape[1];
  const sizes = parts.map(({ lengths, tokens }) => lengths.length * tokens);
  const means = rowParts(x, sizes).map((rows, i) => {
    const [B, T] = shapeOf(parts[i]!);
    return tf.matMul(tf.tensor3d(sharesOf(parts[i]!), [B, 1, T]), tf.reshape(rows, [B, T, D])); // [B, 1, D]
  });
  return joinedRows(means.map((mean) => tf.reshape(mean, [-1, D])));
}

function fusedMean(x: tf.Tensor2D, parts: readonly Padded[]): tf.Tensor2D {
  const D = x.shape[1];
  const places = inOrder(parts, shapeOf).map(({ part, B, T, sequences, rows }) => ({
    inputs: [{ begin: rows * D, shape: [B, T, D] }],
    constants: [{ values: sharesOf(part), shape: [B, 1, T] }],
    output: { begin: sequences * D, shape: [B, 1, D] },
    left: [],
  }));
  return byParts(GRAPHS, places, [x], [parts.reduce((sum, { lengths }) => sum + lengths.length, 0), D]);
}

const shapeOf = ({ lengths, tokens }: Padded) => [lengths.length, tokens] as const;

/** [B·T]: 1/length on a sequence's tokens, 0 on padding. */
function sharesOf({ lengths, tokens: T }: Padded): Float32Array {
  const shares = new Float32Array(lengths.length * T);
  lengths.forEach((length, row) => shares.fill(1 / length, row * T, row * T + length));
  return shares;
}

const GRAPHS = {
  forward: graph('mean of tokens', { x: 3, shares: 3 }, { y: 3 }, [node('y', 'MatMul', ['shares', 'x'])]),
  backward: graph('mean of tokens, gradient', { dy: 3, shares: 3 }, { dx: 3 }, [
    node('dx', 'FusedMatMul', ['shares', 'dy'], { transA: 1 }),
  ]),
};
