/** The time of one training step, forward and backward without dropout, on the active backend. */
import { tf } from '../dist/backend/index.js';
import { deriveKey, integer } from '../dist/core/random.js';
import { bertShape } from '../dist/encoders/architectures.js';
import { createDualEncoder } from '../dist/encoders/dualEncoder.js';
import { createWeights, disposeWeights, initialParameters } from '../dist/encoders/parameters.js';
import { contrastiveLoss } from '../dist/train/contrastive.js';
import { productsAlone } from './products.mjs';
import { flopsOf } from './shapes.mjs';
import { clock, median } from './timing.mjs';

/** @typedef {import('./shapes.mjs').StepShape} StepShape */

/**
 * @typedef {object} StepTiming
 * @property {StepShape} shape as timed: a slow backend gets fewer sequences
 * @property {number} seconds median of a step
 * @property {number} repeats
 * @property {number} gflops 10⁹ floating-point operations of the products a second of the step
 * @property {number} [overProducts] median of the step over median of its products alone; backend onnx only
 * @property {number} [productSeconds]
 */

/** Seconds that one shape may take, warm-up aside. */
const BUDGET = 20;
const MOST_REPEATS = 15;
/** Seconds of a step beyond which two sequences are timed instead, once. */
const SLOW_STEP = 15;

/**
 * Steps and, on the backend `onnx`, their products alone, in turn, so that both meet the same machine. A backend on which a step
 * is slow gets two sequences, once.
 * @param {StepShape} wanted
 * @returns {Promise<StepTiming>}
 */
export async function timeStep(wanted) {
  const pair = { ...wanted, sequences: 2 };
  const small = createStep(pair);
  const pairSeconds = await clock(small.run);
  small.dispose();
  if ((pairSeconds * wanted.sequences) / 2 > SLOW_STEP) return timing(pair, pairSeconds, 1);
  return timeWhole(wanted);
}

/** @param {StepShape} shape @returns {Promise<StepTiming>} */
async function timeWhole(shape) {
  const step = createStep(shape);
  const products = tf.getBackend() === 'onnx' ? productsAlone(shape) : undefined;
  const first = await clock(step.run); // warms up
  products?.();
  const repeats = Math.max(1, Math.min(MOST_REPEATS, Math.floor(BUDGET / first / (products ? 2 : 1))));
  /** @type {number[]} */
  const stepTimes = [];
  /** @type {number[]} */
  const productTimes = [];
  for (let i = 0; i < repeats; i++) {
    if (products) productTimes.push(await clock(products));
    stepTimes.push(await clock(step.run));
  }
  step.dispose();
  const timed = timing(shape, median(stepTimes), repeats);
  if (!products) return timed;
  const productSeconds = median(productTimes);
  return { ...timed, productSeconds, overProducts: timed.seconds / productSeconds };
}

/** @param {StepShape} shape @param {number} seconds @param {number} repeats @returns {StepTiming} */
const timing = (shape, seconds, repeats) => ({ shape, seconds, repeats, gflops: flopsOf(shape) / seconds / 1e9 });

/**
 * One forward and backward pass through the dual encoder and the contrastive loss; half of the sequences are queries.
 * @param {StepShape} shape
 */
function createStep({ layers, width, heads, feedForward, vocabulary, sequences, tokens }) {
  const encoder = createDualEncoder({
    transformer: bertShape({ layers, width, heads, feedForward, vocabulary, positions: tokens }),
    towers: 'shared',
    pooling: 'cls',
    similarity: { cosine: { temperature: 0.05 } },
    dropout: { hidden: 0, attention: 0 },
    frozen: { embeddings: false, layers: 0 },
  });
  const weights = createWeights(encoder.specs, initialParameters(encoder.specs, 1));
  const key = deriveKey(1, 'bench tokens');
  const ids = Int32Array.from({ length: sequences * tokens }, (_, i) => integer(key, 0, i, vocabulary));
  const batch = {
    ids,
    lengths: new Int32Array(sequences).fill(tokens),
    tokens,
    rows: Int32Array.from({ length: sequences }, (_, row) => row),
  };
  const Q = sequences / 2;
  const contrast = { target: Int32Array.from({ length: Q }, (_, i) => i), mask: new Float32Array(Q * Q) };

  const loss = () => {
    const vectors = encoder.encode(weights, 'query', batch); // [B, D]
    const custom = tf.customGrad((...given) => {
      const [all, save] = /** @type {[tf.Tensor2D, tf.GradSaveFunc]} */ (/** @type {unknown} */ (given));
      const queries = tf.slice2d(all, [0, 0], [Q, width]);
      const passages = tf.slice2d(all, [Q, 0], [Q, width]);
      const {
        loss: value,
        queryGradient,
        passageGradient,
      } = contrastiveLoss(queries, passages, contrast, {
        loss: { kind: 'softmax' },
        logitScale: encoder.logitScale,
      });
      save([tf.concat2d([queryGradient, passageGradient], 0)]);
      return { value, gradFunc: (dy, saved) => tf.mul(/** @type {tf.Tensor[]} */ (saved)[0], dy) };
    });
    return /** @type {tf.Scalar} */ (custom(vectors));
  };
  return {
    run: async () => {
      const { value, grads } = tf.variableGrads(loss, Object.values(weights));
      await value.data(); // waits for a GPU
      tf.dispose([value, ...Object.values(grads)]);
    },
    dispose: () => disposeWeights(weights),
  };
}
