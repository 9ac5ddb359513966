/** The end of an encoder's ONNX graph: hidden states to vectors, in fp32. */
import { type EncoderShape, PROJECTION_EPSILON } from '../dualEncoder.js';
import { FLOAT, type OnnxNodes } from './nodes.js';

/** Hidden states [b, s, D] pooled, projected and normalised: [b, W]. `mask` [b, s] is 1 where there is a token. */
export function vectorsOf(nodes: OnnxNodes, { pooling, projection, similarity }: EncoderShape, hidden: string, mask: () => string): string {
  let y = pooled(nodes, pooling, hidden, mask); // [b, D]
  if (projection)
    y = nodes.op('Add', [nodes.op('MatMul', [y, nodes.transposed('projection.dense.weight')]), nodes.parameter('projection.dense.bias')]);
  if (projection?.layerNorm) {
    const weights = ['weight', 'bias'].map((part) => nodes.parameter(`projection.LayerNorm.${part}`));
    y = nodes.op('LayerNormalization', [y, ...weights], { axis: -1, epsilon: PROJECTION_EPSILON });
  }
  if (similarity === 'dot') return y;
  const squares = nodes.op('ReduceSum', [nodes.op('Mul', [y, y]), nodes.ints([1])], { keepdims: 1 });
  return nodes.op('Div', [y, nodes.op('Sqrt', [nodes.op('Add', [squares, nodes.float(1e-12)])])]);
}

function pooled(nodes: OnnxNodes, pooling: EncoderShape['pooling'], hidden: string, mask: () => string): string {
  if (pooling === 'cls') return nodes.op('Gather', [hidden, nodes.int(0)], { axis: 1 });
  const tokens = mask();
  const lengths = nodes.op('ReduceSum', [tokens, nodes.ints([1])], { keepdims: 1 }); // [b, 1]
  const isLast = () => nodes.op('Cast', [nodes.op('Equal', [nodes.op('CumSum', [tokens, nodes.int(1)]), lengths])], { to: FLOAT });
  // Padding behind the last token has the same running sum: the mask takes it away.
  const shares = pooling === 'mean' ? nodes.op('Div', [tokens, lengths]) : nodes.op('Mul', [tokens, isLast()]);
  const weighted = nodes.op('Mul', [hidden, nodes.op('Unsqueeze', [shares, nodes.ints([2])])]);
  return nodes.op('ReduceSum', [weighted, nodes.ints([1])], { keepdims: 0 });
}
