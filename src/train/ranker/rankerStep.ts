/** The ranker's step: pairs of each query with its positive and its negatives, their loss and its gradient. */
import { embedding, tf } from '../../backend/index.js';
import { deriveKey } from '../../core/random.js';
import { passesOf, rowsIn } from '../../encoders/batching.js';
import type { CrossEncoder } from '../../encoders/crossEncoder.js';
import { type PairTable, pairChunks } from '../../encoders/pairs.js';
import type { Weights } from '../../encoders/parameters.js';
import type { DropoutRates, TransformerShape } from '../../encoders/transformer.js';
import type { GradientSums } from '../group/gradientSums.js';
import type { SharedGroup } from '../group/member.js';
import { stepChunk } from '../step/step.js';

/** listwise: softmax over a query's pairs; pointwise: binary cross-entropy of each pair. */
export type RankerLoss = 'listwise' | 'pointwise';

/** What the replicas of a ranker share. */
export interface SharedRanker extends SharedGroup {
  readonly seed: number;
  readonly padId: number;
  readonly shape: TransformerShape;
  readonly dropout: DropoutRates;
  readonly loss: RankerLoss;
  /** Pairs whose activations are in memory at once. */
  readonly microBatch: number;
}

/** Q·group pairs, query after query, the positive first. */
export interface RankerBatch {
  readonly step: number;
  readonly group: number;
  readonly pairs: PairTable;
}

export interface RankerContext {
  readonly shared: SharedRanker;
  readonly number: number;
  readonly encoder: CrossEncoder;
  readonly weights: Weights;
  readonly sums: GradientSums;
}

/** A replica's share of the mean loss over queries; `sums` hears its gradient. Every replicas-th query is its own. */
export function computeRankerStep(context: RankerContext, { step, group, pairs }: RankerBatch): tf.Scalar {
  const { shared, number, sums } = context;
  return tf.tidy(() => {
    const Q = rowsIn(pairs) / group;
    const own = Array.from({ length: Q }, (_, query) => query).filter((query) => query % shared.replicas === number);
    const atOnce = Math.max(1, Math.floor(shared.microBatch / group));
    let total = tf.scalar(0);
    for (let begin = 0; begin < own.length; begin += atOnce) {
      const queries = own.slice(begin, begin + atOnce);
      const loss = sums.add(() => tf.div(lossOf(context, pairs, queries, group, step), Q) as tf.Scalar);
      const next = tf.add(total, loss) as tf.Scalar;
      tf.dispose([total, loss]);
      total = next;
    }
    return total;
  });
}

/** The summed loss of some queries. */
function lossOf(
  { shared, encoder, weights }: RankerContext,
  pairs: PairTable,
  queries: readonly number[],
  group: number,
  step: number,
): tf.Scalar {
  const rows = queries.flatMap((query) => Array.from({ length: group }, (_, i) => query * group + i));
  const training = { key: deriveKey(shared.seed, 'dropout/ranker', step), rates: shared.dropout, recompute: false };
  const limits = stepChunk({ transformer: encoder.shape, pooling: 'cls' });
  const chunks = pairChunks(pairs, rows, limits, shared.padId);
  const at = new Int32Array(rows.length); // where each row's score stands, chunk after chunk
  chunks
    .flatMap(({ places }) => [...places])
    .forEach((place, i) => {
      at[place] = i;
    });
  const scored = tf.concat1d(passesOf(chunks, limits).map((parts) => encoder.score(weights, parts, training))); // [q·group], in the chunks' order
  const scores = tf.reshape(embedding(tf.reshape(scored, [-1, 1]) as tf.Tensor2D, at), [queries.length, group]); // [q, group]
  const positive = tf.slice(scores, [0, 0], [-1, 1]); // [q, 1]
  if (shared.loss === 'listwise') return tf.sub(tf.sum(tf.logSumExp(scores, 1)), tf.sum(positive)) as tf.Scalar; // Σ −log softmax
  return tf.div(tf.sub(tf.sum(tf.softplus(scores)), tf.sum(positive)), group) as tf.Scalar; // −log σ(s) and −log(1 − σ(s))
}
