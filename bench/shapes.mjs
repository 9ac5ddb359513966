/** What is timed: the shape of an encoder and of the batch of one training step. */

/**
 * @typedef {object} StepShape
 * @property {number} layers
 * @property {number} width D
 * @property {number} heads
 * @property {number} feedForward F
 * @property {number} vocabulary V
 * @property {number} sequences B: one query and one passage in turn
 * @property {number} tokens T, of every sequence: no padding
 */

/** The shape of MiniLM-L6, whose vocabulary is BERT's: 16 sequences of 64 tokens. @type {StepShape} */
export const MINI_LM = { layers: 6, width: 384, heads: 12, feedForward: 1536, vocabulary: 30522, sequences: 16, tokens: 64 };

/** About a quarter of a step of configs/quickstart.yaml: short texts, a small encoder. @type {StepShape} */
export const QUICKSTART = { layers: 1, width: 192, heads: 6, feedForward: 768, vocabulary: 1800, sequences: 512, tokens: 20 };

/**
 * The products of one step, by kind, as the encoder computes them: all tokens ask in all layers but the last, where only [CLS]
 * does, so that its query, output and feed-forward products have one row a sequence and no token's key or value is formed.
 * `dense`: x [rows, into] · wᵀ [into, out]; `batched`: `batch` products [rows, inner] · [inner, columns].
 * @param {StepShape} shape
 */
export function productsOf({ layers, width: D, heads: H, feedForward: F, sequences: B, tokens: T }) {
  return Array.from({ length: layers }, (_, layer) => {
    const last = layer === layers - 1;
    const rows = last ? B : B * T;
    const d = D / H;
    return {
      dense: [
        { rows, into: D, out: D }, // query
        ...(last ? [] : [{ rows, into: D, out: 2 * D }]), // key and value
        { rows, into: D, out: D }, // attention output
        { rows, into: D, out: F },
        { rows, into: F, out: D },
      ],
      batched: last
        ? [
            { batch: H, rows: B, inner: d, columns: D }, // Wₖᵀq
            { batch: B, rows: H, inner: D, columns: T }, // with the tokens: logits
            { batch: B, rows: H, inner: T, columns: D }, // Σ p·x
            { batch: H, rows: B, inner: D, columns: d }, // Wᵥ·(Σ p·x)
          ]
        : [
            { batch: B * H, rows: T, inner: d, columns: T }, // q·kᵀ
            { batch: B * H, rows: T, inner: T, columns: d }, // p·v
          ],
    };
  });
}

/**
 * Floating-point operations of the products of one step: forward, and two as large backward.
 * @param {StepShape} shape
 */
export function flopsOf(shape) {
  let forward = 0;
  for (const { dense, batched } of productsOf(shape)) {
    for (const { rows, into, out } of dense) forward += 2 * rows * into * out;
    for (const { batch, rows, inner, columns } of batched) forward += 2 * batch * rows * inner * columns;
  }
  return 3 * forward;
}
