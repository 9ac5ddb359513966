/** Multi-head scaled dot-product attention (Vaswani et al. 2017). B sequences, T tokens, D width, H heads, d = D/H. */
import { type Graph, graph, node } from '../onnx/graph.js';
import { onnxIsActive, owned, viewed } from '../onnx/operator.js';
import { takeArray } from '../onnx/pool.js';
import { runGraphInto, type Values } from '../onnx/session.js';
import { tf } from '../tf.js';
import { attentionOnWebgpu } from '../webgpu/attention.js';
import { webgpuIsActive } from '../webgpu/kernel.js';
import { type Dropout, dropoutMask, type MaskShape, maskLayout } from './dropout.js';

/** Sequences of one length T among the rows that attend. */
export interface Attending {
  /** [B, T], added to the logits: 0 for tokens, −1e9 for padding. */
  readonly mask: tf.Tensor2D;
  /** Of the probabilities [B, H, T, T]. */
  readonly dropout?: Dropout | undefined;
}

/**
 * softmax(q·kᵀ/√d + mask)·v for every head, heads merged again, each sequence alone.
 * query [N, D]; keyValue [N, 2·D] with k and v side by side; `parts` have N = Σ B·T rows together, one part after the other → [N, D].
 */
export function attention(query: tf.Tensor2D, keyValue: tf.Tensor2D, parts: readonly Attending[], heads: number): tf.Tensor2D {
  if (onnxIsActive()) return fusedAttention(query, keyValue, parts, heads);
  const sizes = parts.map(({ mask }) => mask.size);
  const [queries, keysValues] = [rowParts(query, sizes), rowParts(keyValue, sizes)];
  return joinedRows(parts.map((part, i) => attentionOfOne(queries[i]!, keysValues[i]!, part, heads)));
}

/** Rows in parts of so many each. */
export const rowParts = (x: tf.Tensor2D, sizes: readonly number[]): tf.Tensor2D[] =>
  sizes.length === 1 ? [x] : (tf.split(x, [...sizes]) as tf.Tensor2D[]);

export const joinedRows = (parts: readonly tf.Tensor2D[]): tf.Tensor2D => (parts.length === 1 ? parts[0]! : tf.concat2d([...parts], 0));

function attentionOfOne(query: tf.Tensor2D, keyValue: tf.Tensor2D, { mask, dropout }: Attending, heads: number): tf.Tensor2D {
  const [B, T] = mask.shape;
  const pairs: MaskShape = [B, heads, T, T];
  if (webgpuIsActive()) return attentionOnWebgpu(query, keyValue, mask, heads, dropout && maskLayout(pairs, dropout));
  return composedAttention(query, keyValue, mask, heads, dropout && (dropoutMask(pairs, dropout) as tf.Tensor4D));
}

/** A part's rows as the graphs see them, where splitting and merging heads is a change of view, not of memory; `of` gives them of an array of all rows. */
interface View {
  readonly begin: number;
  readonly rows: number;
  readonly mask: Values;
  readonly keep: tf.Tensor | undefined;
  readonly asking: number[];
  readonly asked: number[];
  readonly split: number[];
  readonly pairs: number[];
}

function viewsOf(parts: readonly Attending[], heads: number, d: number): View[] {
  let end = 0;
  return parts.map(({ mask, dropout }) => {
    const [B, T] = mask.shape;
    const begin = end;
    end += B * T;
    return {
      ...{ begin, rows: B * T, mask: viewed(mask, [B, 1, 1, 1, T]), keep: dropout && dropoutMask([B, heads, T, T], dropout) },
      ...{ asking: [B, T, 1, heads, d], asked: [B, T, 2, heads, d], split: [B, 1, heads, T, d], pairs: [B, 1, heads, T, T] },
    };
  });
}

/** The part's rows, of `width` numbers, among all. */
const rowsOf = ({ begin, rows }: View, values: Float32Array, width: number, shape: number[]): Values => ({
  values: values.subarray(begin * width, (begin + rows) * width),
  shape,
});

function fusedAttention(query: tf.Tensor2D, keyValue: tf.Tensor2D, parts: readonly Attending[], heads: number): tf.Tensor2D {
  const D = query.shape[1];
  const views = viewsOf(parts, heads, D / heads);
  const graphs = graphsFor(
    D / heads,
    views.some(({ keep }) => keep !== undefined),
  );
  const kept = views.flatMap(({ keep }) => keep ?? []);
  const dropout = (view: View, place: number, masks: readonly tf.Tensor[]) => (view.keep ? [viewed(masks[place]!, view.pairs)] : []);
  return tf.customGrad((...args) => {
    const [q, kv, save] = args as unknown as [tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const [asking, given] = [viewed(q).values, viewed(kv).values];
    const y = takeArray(query.size);
    const saved = views.flatMap((view, place) => {
      const { split, pairs } = view;
      const made = [split, split, split, pairs].map((shape) => ({ values: takeArray(tf.util.sizeFromShape(shape)), shape }));
      const inputs = [
        rowsOf(view, asking, D, view.asking),
        rowsOf(view, given, 2 * D, view.asked),
        view.mask,
        ...dropout(view, place, kept),
      ];
      runGraphInto(graphs.forward, inputs, [rowsOf(view, y, D, view.asking), ...made]);
      return made.map(({ values, shape }) => owned(values, shape));
    });
    save([...saved, ...kept]);
    const gradFunc = (dy: tf.Tensor, all: tf.Tensor[]) => {
      const slopes = viewed(dy).values;
      const [dq, dkv] = [takeArray(query.size), takeArray(keyValue.size)];
      views.forEach((view, place) => {
        const ofPart = all.slice(SAVED * place, SAVED * (place + 1)).map((tensor) => viewed(tensor));
        const inputs = [rowsOf(view, slopes, D, view.asking), ...ofPart, ...dropout(view, place, all.slice(SAVED * views.length))];
        runGraphInto(graphs.backward, inputs, [rowsOf(view, dq, D, view.asking), rowsOf(view, dkv, 2 * D, view.asked)]);
      });
      return [owned(dq, query.shape), owned(dkv, keyValue.shape)];
    };
    return { value: owned(y, query.shape), gradFunc };
  })(query, keyValue) as tf.Tensor2D;
}

/** Tensors that a part leaves for its backward pass. */
const SAVED = 4;

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
 * Splitting k and v before the transposes lets onnxruntime copy whole heads, four times faster than one transpose of
 * both. The axis of size 1 is what Split leaves of theirs.
 */
function buildGraphs(alpha: number, dropout: boolean): AttentionGraphs {
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
