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

/** About a step of configs/quickstart.yaml: short texts, a small encoder. @type {StepShape} */
export const QUICKSTART = { layers: 2, width: 128, heads: 4, feedForward: 512, vocabulary: 8000, sequences: 128, tokens: 16 };

/**
 * The products of one step, by kind, as the encoder computes them: all layers see all tokens, but in the last one only
 * [CLS] asks, so that its query, output and feed-forward products have one row a sequence.
 * `dense`: x [rows, into] · wᵀ [into, out]; `attention`: queries of `asking` tokens against T tokens, B·H of them.
 * @param {StepShape} shape
 */
export function productsOf({ layers, width: D, heads, feedForward: F, sequences: B, tokens: T }) {
  return Array.from({ length: layers }, (_, layer) => {
    const asking = layer === layers - 1 ? 1 : T;
    return {
      dense: [
        { rows: B * asking, into: D, out: D }, // query
        { rows: B * T, into: D, out: 2 * D }, // key and value
        { rows: B * asking, into: D, out: D }, // attention output
        { rows: B * asking, into: D, out: F },
        { rows: B * asking, into: F, out: D },
      ],
      attention: { batch: B * heads, asking, tokens: T, headWidth: D / heads },
    };
  });
}

/**
 * Floating-point operations of the products of one step: forward, and two as large backward.
 * @param {StepShape} shape
 */
export function flopsOf(shape) {
  let forward = 0;
  for (const { dense, attention } of productsOf(shape)) {
    for (const { rows, into, out } of dense) forward += 2 * rows * into * out;
    forward += 2 * 2 * attention.batch * attention.asking * attention.tokens * attention.headWidth;
  }
  return 3 * forward;
}
