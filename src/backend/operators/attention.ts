/** Multi-head scaled dot-product attention (Vaswani et al. 2017). B sequences, T tokens, D width, H heads, d = D/H. */
import { type Graph, graph, node } from '../onnx/graph.js';
import { onnxIsActive, runOnTensors, viewed } from '../onnx/operator.js';
import { tf } from '../tf.js';

/**
 * softmax(q·kᵀ/√(D/H) + mask)·v for every head, heads merged again.
 * qkv [B·T, 3·D] with q, k and v side by side; mask [B, T], added to the logits (0 for tokens, −1e9 for padding);
 * keep [B, H, T, T], the dropout mask of the probabilities, already scaled → [B·T, D].
 */
export function attention(qkv: tf.Tensor2D, mask: tf.Tensor2D, heads: number, keep?: tf.Tensor4D): tf.Tensor2D {
  return onnxIsActive() ? fusedAttention(qkv, mask, heads, keep) : composedAttention(qkv, mask, heads, keep);
}

function fusedAttention(qkv: tf.Tensor2D, mask: tf.Tensor2D, heads: number, keep?: tf.Tensor4D): tf.Tensor2D {
  const [B, T] = mask.shape;
  const D = qkv.shape[1] / 3;
  const d = D / heads;
  const graphs = graphsFor(d, keep !== undefined);
  // Shapes as the graphs see them: splitting and merging heads is a change of view, not of memory.
  const split = [B, T, 3, heads, d];
  const context = [B, T, 1, heads, d];
  const head = [B, 1, heads, T, d];
  const square = [B, 1, heads, T, T];
  return tf.customGrad((...args) => {
    const [x, save] = args as unknown as [tf.Tensor, tf.GradSaveFunc];
    const dropout = keep ? [viewed(keep, square)] : [];
    const [y, ...saved] = runOnTensors(
      graphs.forward, [viewed(x, split), viewed(mask, [B, 1, 1, 1, T]), ...dropout], [context, head, head, head, square],
    );
    save(keep ? [...saved, keep] : saved);
    const gradFunc = (dy: tf.Tensor, [q, k, v, p, kept]: tf.Tensor[]) => {
      const dropped = kept ? [viewed(kept, square)] : [];
      const [dqkv] = runOnTensors(graphs.backward, [viewed(dy, context), q, k, v, p, ...dropped], [split]);
      return tf.reshape(dqkv, qkv.shape);
    };
    return { value: tf.reshape(y, [B * T, D]), gradFunc };
  })(qkv) as tf.Tensor2D;
}

function composedAttention(qkv: tf.Tensor2D, mask: tf.Tensor2D, heads: number, keep?: tf.Tensor4D): tf.Tensor2D {
  const [B, T] = mask.shape;
  const D = qkv.shape[1] / 3;
  const ofHeads = (part: number) =>
    tf.transpose(tf.reshape(tf.slice(qkv, [0, part * D], [B * T, D]), [B, T, heads, D / heads]), [0, 2, 1, 3]); // [B, H, T, d]
  const [q, k, v] = [ofHeads(0), ofHeads(1), ofHeads(2)];
  const logits = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(D / heads)); // [B, H, T, T]
  const probabilities = tf.softmax(tf.add(logits, tf.reshape(mask, [B, 1, 1, T])), 3);
  const context = tf.matMul(keep ? tf.mul(probabilities, keep) : probabilities, v); // [B, H, T, d]
  return tf.reshape(tf.transpose(context, [0, 2, 1, 3]), [B * T, D]);
}

interface AttentionGraphs {
  readonly forward: Graph;
  readonly backward: Graph;
}

const cache = new Map<string, AttentionGraphs>();

/** The scale 1/√d is an attribute, so each head width has its graphs; those with dropout are others than those without. */
function graphsFor(headWidth: number, dropout: boolean): AttentionGraphs {
  const key = `${headWidth} ${dropout}`;
  const known = cache.get(key) ?? buildGraphs(1 / Math.sqrt(headWidth), dropout);
  cache.set(key, known);
  return known;
}

/**
 * Splitting q, k and v before the transposes lets onnxruntime copy whole heads, four times faster than one transpose of
 * all three. The axis of size 1 is what Split leaves of theirs.
 */
function buildGraphs(alpha: number, dropout: boolean): AttentionGraphs {
  const keep: Record<string, number> = dropout ? { keep: 5 } : {};
  const [p, dp] = dropout ? ['dropped', 'ddropped'] : ['p', 'dp'];
  const drop = dropout ? [node('dropped', 'Mul', ['p', 'keep'])] : [];
  const forward = graph({ qkv: 5, mask: 5, ...keep }, { y: 5, q: 5, k: 5, v: 5, p: 5 }, [
    node('qRows kRows vRows', 'Split', ['qkv'], { axis: 2 }), // [B, T, 1, H, d]
    ...['q', 'k', 'v'].map((name) => node(name, 'Transpose', [`${name}Rows`], { perm: [0, 2, 3, 1, 4] })), // [B, 1, H, T, d]
    node('scores', 'FusedMatMul', ['q', 'k'], { transB: 1, alpha }),
    node('logits', 'Add', ['scores', 'mask']),
    node('p', 'Softmax', ['logits'], { axis: -1 }), // [B, 1, H, T, T]
    ...drop,
    node('context', 'MatMul', [p, 'v']),
    node('y', 'Transpose', ['context'], { perm: [0, 3, 1, 2, 4] }), // [B, T, 1, H, d]
  ]);
  const backward = graph({ dy: 5, q: 5, k: 5, v: 5, p: 5, ...keep }, { dqkv: 5 }, [
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
    node('dqkv', 'Concat', ['dqRows', 'dkRows', 'dvRows'], { axis: 2 }), // [B, T, 3, H, d]
  ]);
  return { forward, backward };
}
