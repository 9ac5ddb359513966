/** What is timed: the shape of an encoder and of the batch of one training step. */

/**
 * @typedef {object} StepShape
 * @property {number} layers
 * @property {number} width D
 * @property {number} heads
 * @property {number} feedForward F
 * @property {number} vocabulary V
 * @property {Rows} queries
 * @property {Rows} passages as many as queries
 */

/** Sequences of one length: no padding. @typedef {{ sequences: number, tokens: number }} Rows */

const MODELS = {
  'BERT-mini': { layers: 4, width: 256, heads: 4, feedForward: 1024, vocabulary: 30_522 },
  'MiniLM-L6': { layers: 6, width: 384, heads: 12, feedForward: 1536, vocabulary: 30_522 },
  'BERT-base': { layers: 12, width: 768, heads: 12, feedForward: 3072, vocabulary: 30_522 },
};

/** @param {keyof typeof MODELS} model @param {number} sequences @param {number} queryTokens @param {number} passageTokens @returns {StepShape} */
const stepOf = (model, sequences, queryTokens, passageTokens) => ({
  ...MODELS[model],
  queries: { sequences, tokens: queryTokens },
  passages: { sequences, tokens: passageTokens },
});

/** By name: the model, sequences × tokens of both sides together, or of passages + queries. @type {Readonly<Record<string, StepShape>>} */
export const SHAPES = {
  'BERT-mini 16×64': stepOf('BERT-mini', 8, 64, 64),
  'BERT-mini 32×128+32×16': stepOf('BERT-mini', 32, 16, 128),
  'MiniLM-L6 16×64': stepOf('MiniLM-L6', 8, 64, 64),
  'MiniLM-L6 32×128+32×16': stepOf('MiniLM-L6', 32, 16, 128),
  'BERT-base 8×64': stepOf('BERT-base', 4, 64, 64),
  /** About a quarter of a step of configs/quickstart.yaml: short texts, a small encoder. */
  'quickstart 512×20': {
    ...{ layers: 1, width: 192, heads: 6, feedForward: 768, vocabulary: 1800 },
    queries: { sequences: 256, tokens: 20 },
    passages: { sequences: 256, tokens: 20 },
  },
};

/**
 * The products of one step, by pass and layer, as the encoder computes them: all tokens ask in all layers but the last, where only [CLS] does, so that
 * its query, output and feed-forward products have one row a sequence and no token's key or value is formed. Sides of one length are one pass.
 * `dense`: x [rows, into] · wᵀ [into, out]; `batched`: `batch` products [rows, inner] · [inner, columns].
 * @param {StepShape} shape
 */
export function productsOf(shape) {
  const { queries, passages } = shape;
  const passes =
    queries.tokens === passages.tokens
      ? [{ sequences: queries.sequences + passages.sequences, tokens: queries.tokens }]
      : [queries, passages];
  return passes.flatMap((pass) => productsOfPass(shape, pass));
}

/** @param {StepShape} shape @param {Rows} pass */
function productsOfPass({ layers, width: D, heads: H, feedForward: F }, { sequences: B, tokens: T }) {
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

/** Every `parts`-th part of a batch, or at least one sequence a side. @param {StepShape} shape @param {number} parts @returns {StepShape} */
export function partOf(shape, parts) {
  const part = (/** @type {Rows} */ rows) => ({ ...rows, sequences: Math.max(1, Math.round(rows.sequences / parts)) });
  return { ...shape, queries: part(shape.queries), passages: part(shape.passages) };
}

/** @param {StepShape} shape */
export const sequencesOf = ({ queries, passages }) => queries.sequences + passages.sequences;
