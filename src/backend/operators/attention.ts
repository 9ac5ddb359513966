/** Multi-head scaled dot-product attention (Vaswani et al. 2017). B sequences, T tokens, D width, H heads, d = D/H. */
import { graph, node } from '../onnx/graph.js';
import { onnxIsActive, viewed } from '../onnx/operator.js';
import { tf } from '../tf.js';
import { attentionOnWebgpu } from '../webgpu/attention.js';
import { webgpuIsActive } from '../webgpu/kernel.js';
import { dropoutMask, dropoutValues, type MaskShape, maskLayout } from './dropout.js';
import { byParts, cachedGraphs, type PartGraphs } from './partGraphs.js';
import { type Attending, inOrder, joinedRows, rowParts } from './parts.js';

/**
 * softmax(q·kᵀ/√d + mask)·v for every head, heads merged again, each sequence alone.
 * query [N, D]; keyValue [N, 2·D] with k and v side by side; `parts` have N = Σ B·T rows together, one part after the other → [N, D]. Dropout is that of the
 * probabilities [B, H, T, T].
 */
export function attention(query: tf.Tensor2D, keyValue: tf.Tensor2D, parts: readonly Attending[], heads: number): tf.Tensor2D {
  if (onnxIsActive()) return fusedAttention(query, keyValue, parts, heads);
  const sizes = parts.map(({ mask }) => mask.size);
  const [queries, keysValues] = [rowParts(query, sizes), rowParts(keyValue, sizes)];
  return joinedRows(parts.map((part, i) => attentionOfOne(queries[i]!, keysValues[i]!, part, heads)));
}

function attentionOfOne(query: tf.Tensor2D, keyValue: tf.Tensor2D, { mask, dropout }: Attending, heads: number): tf.Tensor2D {
  const [B, T] = mask.shape;
  const pairs: MaskShape = [B, heads, T, T];
  if (webgpuIsActive()) return attentionOnWebgpu(query, keyValue, mask, heads, dropout && maskLayout(pairs, dropout));
  return composedAttention(query, keyValue, mask, heads, dropout && (dropoutMask(pairs, dropout) as tf.Tensor4D));
}

/** Splitting and merging heads is a change of the graphs' view, not of memory. */
function fusedAttention(query: tf.Tensor2D, keyValue: tf.Tensor2D, parts: readonly Attending[], heads: number): tf.Tensor2D {
  const D = query.shape[1];
  const d = D / heads;
  const places = inOrder(parts, ({ mask }) => mask.shape).map(({ part: { mask, dropout }, B, T, rows: before }) => {
    const rows = { begin: before * D, shape: [B, T, 1, heads, d] };
    const [split, pairs] = [
      [B, 1, heads, T, d],
      [B, 1, heads, T, T],
    ];
    return {
      inputs: [rows, { begin: before * 2 * D, shape: [B, T, 2, heads, d] }],
      output: rows,
      left: [split, split, split, pairs],
      constants: [viewed(mask, [B, 1, 1, 1, T]), ...(dropout ? [{ values: dropoutValues([B, heads, T, T], dropout), shape: pairs }] : [])],
    };
  });
  return byParts(graphsFor(d, parts[0]!.dropout !== undefined), places, [query, keyValue], query.shape);
}

function composedAttention(query: tf.Tensor2D, keyValue: tf.Tensor2D, mask: tf.Tensor2D, heads: number, keep?: tf.Tensor4D): tf.Tensor2D {
  const [B, T] = mask.shape;
  const [rows, D] = query.shape;
  const ofHeads = (x: tf.Tensor) => tf.transpose(tf.reshape(x, [B, T, heads, D / heads]), [0, 2, 1, 3]); // [B, H, T, d]
  const q = ofHeads(query);
  const k = ofHeads(tf.slice(keyValue, [0, 0], [rows, D]));
  const v = ofHeads(tf.slice(keyValue, [0, D], [rows, D]));
  const logits = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(D / heads)); // [B, H, T, T]
  const probabilities = tf.softmax(tf.add(logits, tf.reshape(mask, [B, 1, 1, T])), 3);
  const context = tf.matMul(keep ? tf.mul(probabilities, keep) : probabilities, v); // [B, H, T, d]
  return tf.reshape(tf.transpose(context, [0, 2, 1, 3]), [rows, D]);
}

/** The scale 1/√d is an attribute, so each head width has its graphs; those with dropout are others than those without. */
const graphsFor = cachedGraphs(buildGraphs);

/**
 * Splitting k and v before the transposes lets onnxruntime copy whole heads, four times faster than one transpose of
 * both. The axis of size 1 is what Split leaves of theirs.
 */
function buildGraphs(headWidth: number, dropout: boolean): PartGraphs {
  const alpha = 1 / Math.sqrt(headWidth);
  const keep: Record<string, number> = dropout ? { keep: 5 } : {};
  const [p, dp] = dropout ? ['dropped', 'ddropped'] : ['p', 'dp'];
  const drop = dropout ? [node('dropped', 'Mul', ['p', 'keep'])] : [];
  const forward = graph('attention', { qRows: 5, kv: 5, mask: 5, ...keep }, { y: 5, q: 5, k: 5, v: 5, p: 5 }, [
    node('kRows vRows', 'Split', ['kv'], { axis: 2 }), // [B, T, 1, H, d]
    ...['q', 'k', 'v'].map((name) => node(name, 'Transpose', [`${name}Rows`], { perm: [0, 2, 3, 1, 4] })), // [B, 1, H, T, d]
    node('scores', 'FusedMatMul', ['q', 'k'], { transB: 1, alpha }),
    node('logits', 'Add', ['scores', 'mask']),
    node('p', 'Softmax', ['logits'], { axis: -1 }), // [B, 1, H, T, T]
    ...drop,
    node('context', 'MatMul', [p, 'v']),
    node('y', 'Transpose', ['context'], { perm: [0, 3, 1, 2, 4] }), // [B, T, 1, H, d]
  ]);
  const backward = graph('attention, gradient', { dy: 5, q: 5, k: 5, v: 5, p: 5, ...keep }, { dqRows: 5, dkv: 5 }, [
    node('dcontext', 'Transpose', ['dy'], { perm: [0, 2, 3, 1, 4] }), // [B, 1, H, T, d]
    ...drop,
    node('dv', 'FusedMatMul', [p, 'dcontext'], { transA: 1 }),
    node(dp, 'FusedMatMul', ['dcontext', 'v'], { transB: 1 }),
    ...(dropout ? [node('dp', 'Mul', ['ddropped', 'keep'])] : []),
    // softmax: dlogits = p·(dp − Σ p·dp)
    node('pdp', 'Mul', ['p', 'dp']),
    node('rowSum', 'ReduceSum', ['pdp', [-1]]),
    node('excess', 'Sub', ['dp', 'rowSum']),
    node('dlogits', 'Mul', ['p', 'excess']),
    node('dq', 'FusedMatMul', ['dlogits', 'k'], { alpha }),
    node('dk', 'FusedMatMul', ['dlogits', 'q'], { transA: 1, alpha }),
    ...['dq', 'dk', 'dv'].map((name) => node(`${name}Rows`, 'Transpose', [name], { perm: [0, 3, 1, 2, 4] })),
    node('dkv', 'Concat', ['dkRows', 'dvRows'], { axis: 2 }), // [B, T, 2, H, d]
  ]);
  return { forward, backward };
}
