/** What is timed: the shape of an encoder and of the batch of one training step. */

import { deriveKey, normal } from '../dist/core/random.js';
import { forwardFlops, productsOf as productsOfPass } from '../dist/encoders/flops.js';

/**
 * @typedef {object} StepShape
 * @property {number} layers
 * @property {number} width D
 * @property {number} heads
 * @property {number} feedForward F
 * @property {number} vocabulary V
 * @property {Rows} queries
 * @property {Rows} passages the first ones are the queries' own
 */

/** Sequences of `tokens` each; with a `spread`, of lengths whose median that is. @typedef {{ sequences: number, tokens: number, spread?: number }} Rows */

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

/** Texts as they come: queries, and four passages each, of lengths that are log-normal. @type {Readonly<Record<string, StepShape>>} */
export const MIXED = {
  'MiniLM-L6 16+64 mixed': mixedOf('MiniLM-L6', 16, 64),
  'BERT-base 8+16 mixed': mixedOf('BERT-base', 8, 16),
};

/** @param {keyof typeof MODELS} model @param {number} queries @param {number} passages @returns {StepShape} */
function mixedOf(model, queries, passages) {
  const spread = 0.45;
  return { ...MODELS[model], queries: { sequences: queries, tokens: 12, spread }, passages: { sequences: passages, tokens: 70, spread } };
}

/** Of which a step takes a CPU minutes. @type {Readonly<Record<string, StepShape>>} */
const LARGE = { 'BERT-base 32×128': stepOf('BERT-base', 16, 128, 128) };

/** @param {string} name @returns {StepShape} */
export function shapeOf(name) {
  const shapes = { ...SHAPES, ...MIXED, ...LARGE };
  const shape = shapes[name];
  if (!shape) throw new Error(`--shape ${name}; expected one of ${Object.keys(shapes).join(', ')}`);
  return shape;
}

/** Of each sequence; those of a spread are drawn under a key of their own. @param {Rows} rows @returns {number[]} */
export function lengthsOf({ sequences, tokens, spread = 0 }) {
  const key = deriveKey(1, 'bench lengths', sequences);
  return Array.from({ length: sequences }, (_, i) => Math.max(1, Math.round(tokens * Math.exp(spread * normal(key, 0, i)))));
}

/** @param {StepShape} shape */
export const longestOf = ({ queries, passages }) => Math.max(...[queries, passages].flatMap(lengthsOf));

/** @param {StepShape} shape */
export const isMixed = ({ queries, passages }) => [queries, passages].some(({ spread }) => spread !== undefined);

/** The passes of a step: sides of one length are one, and so is every length of those that mix them. @param {StepShape} shape @returns {Rows[]} */
function passesOf(shape) {
  const { queries, passages } = shape;
  if (isMixed(shape)) return [queries, passages].flatMap(lengthsOf).map((tokens) => ({ sequences: 1, tokens }));
  return queries.tokens === passages.tokens
    ? [{ sequences: queries.sequences + passages.sequences, tokens: queries.tokens }]
    : [queries, passages];
}

/** The products of one step's forward pass, by pass and layer. @param {StepShape} shape */
export function productsOf(shape) {
  return passesOf(shape).flatMap(({ sequences, tokens }) => productsOfPass({ transformer: shape, pooling: 'cls' }, sequences, tokens));
}

/** Floating-point operations of the products of one step: forward, and two as large backward. @param {StepShape} shape */
export function flopsOf(shape) {
  return (
    3 *
    passesOf(shape).reduce((sum, { sequences, tokens }) => sum + forwardFlops({ transformer: shape, pooling: 'cls' }, sequences, tokens), 0)
  );
}

/** Every `parts`-th part of a batch, or at least one sequence a side. @param {StepShape} shape @param {number} parts @returns {StepShape} */
export function partOf(shape, parts) {
  const part = (/** @type {Rows} */ rows) => ({ ...rows, sequences: Math.max(1, Math.round(rows.sequences / parts)) });
  return { ...shape, queries: part(shape.queries), passages: part(shape.passages) };
}

/** @param {StepShape} shape */
export const sequencesOf = ({ queries, passages }) => queries.sequences + passages.sequences;
