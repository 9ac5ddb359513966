/**
 * Attention in which each sequence's first token alone asks, as in the last layer of a [CLS] encoder. The products are
 * associated so that no key and no value of a token is ever formed: q·(Wₖx) = (Wₖᵀq)·x, and Σ p·(Wᵥx) = Wᵥ·(Σ p·x). The same
 * function as `attention` of projected tokens at 2·H·D instead of 2·D² multiplications a token (32 × fewer at D = 192, H = 6).
 * S sequences in parts of B with T tokens each, D width, H heads, d = D/H.
 */
import { graph, node } from '../onnx/graph.js';
import { onnxIsActive, viewed } from '../onnx/operator.js';
import { tf } from '../tf.js';
import { dropoutMask, dropoutValues } from './dropout.js';
import { byParts, cachedGraphs, type PartGraphs } from './partGraphs.js';
import { type Attending, inOrder, joinedRows, rowParts } from './parts.js';

/**
 * softmax(q·kᵀ/√d + mask)·v for every head, heads merged again, where k and v are the dense maps of x.
 * query [S, D], S = Σ B; x [R, D], R = Σ B·T, one part after the other; weight [2·D, D] and bias [2·D], those of k above those of v → [S, D]. Dropout is
 * that of the probabilities [B, H, 1, T].
 * The keys' bias adds the same number to all logits of a query, which softmax takes away again: it is not read.
 */
export function firstTokenAttention(
  query: tf.Tensor2D,
  x: tf.Tensor2D,
  weight: tf.Tensor2D,
  bias: tf.Tensor1D,
  parts: readonly Attending[],
  heads: number,
): tf.Tensor2D {
  const [S, D] = query.shape;
  const d = D / heads;
  const [keyWeight, valueWeight] = tf.split(weight, 2) as [tf.Tensor2D, tf.Tensor2D]; // [D, D] each
  const valueMap = tf.concat2d([tf.transpose(valueWeight), tf.reshape(tf.slice(bias, [D], [D]), [1, D])], 0); // [D + 1, H·d]

  const asking = tf.mul(swapped(tf.reshape(query, [S, heads, d])), 1 / Math.sqrt(d)); // [H, S, d]
  const asked = swapped(tf.matMul(asking, tf.reshape(keyWeight, [heads, d, D]))); // Wₖᵀq: [S, H, D]
  const mixed = (onnxIsActive() ? fusedMix : composedMix)(tf.reshape(asked, [S, heads * D]), x, parts, heads); // [S, H·(D + 1)]
  const ofHeads = swapped(tf.reshape(mixed, [S, heads, D + 1])); // [H, S, D + 1]
  const context = tf.matMul(ofHeads, swapped(tf.reshape(valueMap, [D + 1, heads, d]))); // Wᵥ·(Σ p·x) + (Σ p)·bᵥ: [H, S, d]
  return tf.reshape(swapped(context), [S, D]);
}

/** [B, H, …] ↔ [H, B, …] */
const swapped = (tensor: tf.Tensor): tf.Tensor => tf.transpose(tensor, [1, 0, 2]);

/** Of asked [S, H·D] and x [R, D]: Σ p·x of every head, and behind it Σ p, 1 unless dropout changed it → [S, H·(D + 1)]. */
type Mix = (asked: tf.Tensor2D, x: tf.Tensor2D, parts: readonly Attending[], heads: number) => tf.Tensor2D;

const composedMix: Mix = (asked, x, parts, heads) => {
  const D = x.shape[1];
  const [sequences, sizes] = [parts.map(({ mask }) => mask.shape[0]), parts.map(({ mask }) => mask.size)];
  const [askedParts, xParts] = [rowParts(asked, sequences), rowParts(x, sizes)];
  const mixed = parts.map(({ mask, dropout }, i) => {
    const [B, T] = mask.shape;
    const tokens = tf.reshape(xParts[i]!, [B, T, D]); // [B, T, D]
    const queries = tf.reshape(askedParts[i]!, [B, heads, D]);
    const logits = tf.add(tf.matMul(queries, tokens, false, true), tf.reshape(mask, [B, 1, T])); // [B, H, T]
    const probabilities = tf.softmax(logits, 2); // [B, H, T]
    const kept = dropout ? tf.mul(probabilities, tf.reshape(dropoutMask([B, heads, 1, T], dropout), [B, heads, T])) : probabilities;
    const mix = tf.concat([tf.matMul(kept, tokens), tf.sum(kept, 2, true)], 2); // [B, H, D + 1]
    return tf.reshape(mix, [B, heads * (D + 1)]) as tf.Tensor2D;
  });
  return joinedRows(mixed);
};

const fusedMix: Mix = (asked, x, parts, heads) => {
  const D = x.shape[1];
  const places = inOrder(parts, ({ mask }) => mask.shape).map(({ part: { mask, dropout }, B, T, sequences, rows }) => {
    const pairs = [B, heads, T];
    return {
      inputs: [
        { begin: sequences * heads * D, shape: [B, heads, D] },
        { begin: rows * D, shape: [B, T, D] },
      ],
      output: { begin: sequences * heads * (D + 1), shape: [B, heads, D + 1] },
      left: [pairs],
      constants: [viewed(mask, [B, 1, T]), ...(dropout ? [{ values: dropoutValues([B, heads, 1, T], dropout), shape: pairs }] : [])],
    };
  });
  return byParts(graphsFor(D, parts[0]!.dropout !== undefined), places, [asked, x], [asked.shape[0], heads * (D + 1)]);
};

/** Those of a width; those with dropout are others than those without. */
const graphsFor = cachedGraphs(buildGraphs);

function buildGraphs(D: number, dropout: boolean): PartGraphs {
  const keep: Record<string, number> = dropout ? { keep: 3 } : {};
  const [kept, dkept] = dropout ? ['kept', 'dkept'] : ['p', 'dp'];
  const drop = dropout ? [node('kept', 'Mul', ['p', 'keep'])] : [];
  const forward = graph('attention of first tokens', { asked: 3, x: 3, mask: 3, ...keep }, { y: 3, p: 3 }, [
    node('scores', 'FusedMatMul', ['asked', 'x'], { transB: 1 }), // [B, H, T]
    node('logits', 'Add', ['scores', 'mask']),
    node('p', 'Softmax', ['logits'], { axis: -1 }),
    ...drop,
    node('mix', 'MatMul', [kept, 'x']), // [B, H, D]
    node('share', 'ReduceSum', [kept, [-1]]), // [B, H, 1]
    node('y', 'Concat', ['mix', 'share'], { axis: 2 }),
  ]);
  const backward = graph('attention of first tokens, gradient', { dy: 3, asked: 3, x: 3, p: 3, ...keep }, { dasked: 3, dx: 3 }, [
    node('dmix dshare', 'Split', ['dy', [D, 1]], { axis: 2 }),
    ...drop,
    node('ofMix', 'FusedMatMul', ['dmix', 'x'], { transB: 1 }), // [B, H, T]
    node(dkept, 'Add', ['ofMix', 'dshare']),
    ...(dropout ? [node('dp', 'Mul', ['dkept', 'keep'])] : []),
    // softmax: dlogits = p·(dp − Σ p·dp)
    node('pdp', 'Mul', ['p', 'dp']),
    node('rowSum', 'ReduceSum', ['pdp', [-1]]),
    node('excess', 'Sub', ['dp', 'rowSum']),
    node('dlogits', 'Mul', ['p', 'excess']),
    node('dasked', 'MatMul', ['dlogits', 'x']),
    node('ofLogits', 'FusedMatMul', ['dlogits', 'asked'], { transA: 1 }), // [B, T, D]
    node('ofValues', 'FusedMatMul', [kept, 'dmix'], { transA: 1 }),
    node('dx', 'Add', ['ofLogits', 'ofValues']),
  ]);
  return { forward, backward };
}
