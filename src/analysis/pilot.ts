/**
 * The gradient pilot (the paper's §3): what gradient a negative of each rank gives to the parameters of the encoder's last layer, over held-out queries.
 * The paper does not define its curves; ours, for a query q with positive d⁺ and its first R other passages:
 *
 *   p = softmax(s) over {d⁺, d_1 … d_R}      ℓ_r = −log(1 − p_r)      g_{q,r} = ∇_θ ℓ_r = Σ_j c_rj ∇_θ s_j,   c_rr = p_r, c_rj = −p_r p_j / (1 − p_r)
 *   mean(r) = (1/Q) Σ_q ‖g_{q,r}‖      variance(r) = (1/Q) Σ_q ‖g_{q,r} − ḡ_r‖² = (1/Q) Σ_q ‖g_{q,r}‖² − ‖ḡ_r‖²
 *
 * c is the closed form of ∂ℓ/∂s; ∇_θ s_j are true gradients, one backward pass each. θ: the last layer of both towers. A sampler's draw has the
 * same figures, with expectations over its law of the first draw as well as over queries; a random passage joins the softmax for its own ℓ.
 */
import { tf } from '../backend/index.js';
import { deriveKey, threefry2x32 } from '../core/random.js';
import type { DualEncoder } from '../encoders/dualEncoder.js';
import type { Weights } from '../encoders/parameters.js';
import type { TokenBatch } from '../encoders/transformer.js';
import { softmax } from '../sampling/simans.js';
import {
  type HiddenPositives,
  hiddenOf,
  type Observed,
  type PilotDraw,
  type PilotRow,
  SKETCH,
  summariseDraws,
  summariseHidden,
  summariseRanks,
} from './pilotFigures.js';

export interface PilotQuery {
  readonly tokens: ArrayLike<number>;
  /** The positive, then the candidates by rank: token ids. */
  readonly passages: readonly ArrayLike<number>[];
  /** Logits of `passages`. */
  readonly scores: Float32Array;
  /** Ranks (from 1) at which a judged positive stands that is treated as a negative. */
  readonly hidden: ReadonlySet<number>;
  /** Of each sampler, p of the candidates by rank; those beyond its end have none. The same samplers in every query. */
  readonly laws: Readonly<Record<string, ArrayLike<number>>>;
  /** A passage drawn evenly from the corpus. */
  readonly random?: { readonly tokens: ArrayLike<number>; readonly score: number };
}

export interface PilotResult {
  readonly queries: number;
  readonly parameters: number;
  readonly rows: readonly PilotRow[];
  /** The same without the hidden positives. */
  readonly withoutHidden: readonly PilotRow[];
  readonly hiddenPositives?: HiddenPositives;
  readonly draws: readonly PilotDraw[];
}

export interface PilotOptions {
  readonly ranks: number;
  readonly seed: number;
  onQuery(done: number): void;
}

export async function pilot(
  encoder: DualEncoder,
  weights: Weights,
  queries: readonly PilotQuery[],
  options: PilotOptions,
): Promise<PilotResult> {
  const last = lastLayer(encoder, weights);
  const size = last.reduce((sum, { size: one }) => sum + one, 0);
  const buckets = sketchOf(size, options.seed);
  const samplers = Object.keys(queries[0]?.laws ?? {});
  const observed: Observed[] = [];
  // Exact sums of g over queries, by rank and then by sampler: what ‖ḡ‖² is of. The second leaves hidden positives out.
  const entries = options.ranks + samplers.length + 1;
  const sums = [new Float32Array(entries * size), new Float32Array(options.ranks * size)] as const;
  for (const [i, query] of queries.entries()) {
    const passages = query.random ? [...query.passages, query.random.tokens] : query.passages;
    const jacobian = await scoreGradients(encoder, weights, last, { ...query, passages }, size); // [1 + R (+ 1), P]
    observed.push(await observe(jacobian, query, samplers, options.ranks, size, sums, buckets));
    options.onQuery(i + 1);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const hiddenPositives = summariseHidden(observed, options.ranks);
  return {
    queries: queries.length,
    parameters: size,
    rows: summariseRanks(observed, sums[0], size, options, false),
    withoutHidden: summariseRanks(observed, sums[1], size, options, true),
    ...(hiddenPositives && { hiddenPositives }),
    draws: summariseDraws(observed, sums[0], size, options, samplers),
  };
}

/** The variables of the last transformer layer, of each tower. */
export function lastLayer({ shape }: DualEncoder, weights: Weights): tf.Variable[] {
  const layer = `encoder.layer.${shape.transformer.layers - 1}.`;
  return Object.entries(weights)
    .filter(([name]) => name.includes(layer))
    .map(([, variable]) => variable);
}

/** ∇_θ s_j of each passage, [n, P] row after row: one backward pass each. */
export async function scoreGradients(
  encoder: DualEncoder,
  weights: Weights,
  last: readonly tf.Variable[],
  query: PilotQuery,
  size: number,
): Promise<Float32Array> {
  const gradients = new Float32Array(query.passages.length * size);
  const asked = batchOf(query.tokens);
  for (const [j, passage] of query.passages.entries()) {
    const read = batchOf(passage);
    const { value, grads } = tf.variableGrads(() => {
      const q = encoder.encode(weights, 'query', asked); // [1, D]
      const d = encoder.encode(weights, 'passage', read); // [1, D]
      return tf.mul(tf.sum(tf.mul(q, d)), encoder.logitScale) as tf.Scalar;
    }, [...last]);
    let at = j * size;
    for (const variable of last) {
      const values = await grads[variable.name]!.data();
      gradients.set(values as Float32Array, at);
      at += values.length;
    }
    tf.dispose([value, ...Object.values(grads)]);
  }
  return gradients;
}

function batchOf(tokens: ArrayLike<number>): TokenBatch {
  const ids = Int32Array.from(tokens);
  return { ids, lengths: Int32Array.of(ids.length), tokens: ids.length, rows: Int32Array.of(0) };
}

/** ∂ℓ_r/∂s_j for the negative at index r: p_r at r itself, −p_r p_j / (1 − p_r) elsewhere. */
export function lossDerivatives(probabilities: ArrayLike<number>, r: number): Float64Array {
  const p = probabilities[r]!;
  let rest = 0; // 1 − p, which the difference makes 0 where the negative is far ahead
  for (let j = 0; j < probabilities.length; j++) if (j !== r) rest += probabilities[j]!;
  return Float64Array.from(probabilities, (other, j) => (j === r ? p : (-p * other) / rest));
}

/** Rows [1 + R + samplers + 1, N] of ∂ℓ/∂s: the gold loss, each rank, each sampler in expectation, the random passage. */
function coefficientsOf(query: PilotQuery, samplers: readonly string[], ranks: number): { rows: Float32Array; width: number } {
  const n = query.passages.length;
  const width = n + (query.random ? 1 : 0);
  const rows = new Float32Array((1 + ranks + samplers.length + 1) * width);
  const p = softmax(query.scores);
  for (let j = 0; j < n; j++) rows[j] = p[j]! - (j === 0 ? 1 : 0); // ∂(−log p₊)/∂s_j = p_j − [j = +]
  const byRank = Array.from({ length: Math.min(ranks, n - 1) }, (_, r) => lossDerivatives(p, r + 1));
  for (const [r, derivatives] of byRank.entries()) rows.set(derivatives, (1 + r) * width);
  for (const [k, sampler] of samplers.entries()) {
    const at = (1 + ranks + k) * width;
    const law = query.laws[sampler]!;
    for (const [r, derivatives] of byRank.entries()) for (let j = 0; j < n; j++) rows[at + j]! += (law[r] ?? 0) * derivatives[j]!;
  }
  if (query.random) rows.set(lossDerivatives(softmax([...query.scores, query.random.score]), n), (1 + ranks + samplers.length) * width);
  return { rows, width };
}

async function observe(
  jacobian: Float32Array,
  query: PilotQuery,
  samplers: readonly string[],
  ranks: number,
  size: number,
  sums: readonly [Float32Array, Float32Array],
  buckets: Int32Array,
): Promise<Observed> {
  const entries = ranks + samplers.length + 1;
  const { rows, width } = coefficientsOf(query, samplers, ranks);
  const product = tf.tidy(() => tf.matMul(tf.tensor2d(rows, [1 + entries, width]), tf.tensor2d(jacobian, [width, size]))); // [1 + E, P]
  const gradients = (await product.data()) as Float32Array;
  product.dispose();
  const goldNorm = Math.sqrt(dot(gradients, 0, gradients, 0, size));
  const [norms, squares, cosines] = [0, 1, 2].map(() => new Float64Array(entries).fill(Number.NaN)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const sketch = new Float32Array(entries * SKETCH);
  const present = (e: number) => (e < ranks ? e + 1 < query.passages.length : e < entries - 1 || query.random !== undefined);
  for (let e = 0; e < entries; e++) {
    if (!present(e)) continue;
    const at = (1 + e) * size;
    squares[e] = dot(gradients, at, gradients, at, size);
    norms[e] = Math.sqrt(squares[e]!);
    cosines[e] = dot(gradients, at, gradients, 0, size) / Math.max(1e-300, norms[e]! * goldNorm);
    const keep = e < ranks && !query.hidden.has(e + 1);
    for (let i = 0; i < size; i++) {
      const value = gradients[at + i]!;
      sums[0][e * size + i]! += value;
      if (keep) sums[1][e * size + i]! += value;
      const bucket = buckets[i]!;
      sketch[e * SKETCH + (bucket >> 1)]! += bucket & 1 ? value : -value;
    }
  }
  // A sampler's row holds E g; its other figures are expectations over its law too.
  for (const [k, sampler] of samplers.entries()) {
    const law = query.laws[sampler]!;
    for (const figures of [norms, squares, cosines]) {
      let expected = 0;
      for (let r = 0; r < Math.min(ranks, law.length, query.passages.length - 1); r++) if (law[r]! > 0) expected += law[r]! * figures[r]!;
      figures[ranks + k] = expected;
    }
  }
  return { norms, squares, cosines, sketch, hidden: query.hidden, hiddenShares: samplers.map((sampler) => hiddenOf(query, sampler)) };
}

function dot(a: Float32Array, aAt: number, b: Float32Array, bAt: number, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += a[aAt + i]! * b[bAt + i]!;
  return sum;
}

/** Of each parameter its bucket, times two, plus its sign. */
function sketchOf(size: number, seed: number): Int32Array {
  const key = deriveKey(seed, 'pilot sketch');
  const words = new Uint32Array(2);
  return Int32Array.from({ length: size }, (_, i) => {
    threefry2x32(key, i, 0, words);
    return (words[0]! % SKETCH) * 2 + (words[1]! & 1);
  });
}
