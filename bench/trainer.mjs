/** A group of replicas with an encoder of random weights and a batch of random tokens: what steps are timed on. */
import { createFlatMemory, FlatVectors, isOnDevice, tf } from '../dist/backend/index.js';
import { deriveKey, integer } from '../dist/core/random.js';
import { bertShape } from '../dist/encoders/architectures.js';
import { tableOf } from '../dist/encoders/batching.js';
import { createDualEncoder } from '../dist/encoders/dualEncoder.js';
import { initialParameters } from '../dist/encoders/parameters.js';
import { predictedStepBytes } from '../dist/train/step/memory.js';
import { createOptimizer } from '../dist/train/step/optimizer.js';
import { Replicas } from '../dist/train/step/replicas.js';
import { createSharedMemory } from '../dist/train/step/sharedMemory.js';
import { lengthsOf, longestOf } from './shapes.mjs';

/** @typedef {import('./shapes.mjs').StepShape} StepShape */
/** @typedef {Awaited<ReturnType<typeof openTrainer>>} Trainer */

export const TEMPERATURE = 0.05;
/** Of the updates that are timed: the weights stay, for the loss of one batch soon vanishes. */
export const TIMED_RATE = 0;

/** @param {StepShape} shape @returns {import('../dist/encoders/dualEncoder.js').EncoderShape} */
export function encoderOf(shape) {
  const { layers, width, heads, feedForward, vocabulary } = shape;
  const positions = longestOf(shape);
  return {
    transformer: bertShape({ layers, width, heads, feedForward, vocabulary, positions }),
    towers: 'shared',
    pooling: 'cls',
    similarity: { cosine: { temperature: TEMPERATURE } },
    dropout: { hidden: 0, attention: 0 },
    frozen: { embeddings: false, layers: 0 },
  };
}

/** Token 0 is padding, which PyTorch gives no gradient. @param {StepShape} shape @returns {import('../dist/train/step/sharedMemory.js').StepBatch} */
export function batchOf({ vocabulary, queries, passages }) {
  const key = deriveKey(1, 'bench tokens');
  const table = (/** @type {import('./shapes.mjs').Rows} */ rows, /** @type {number} */ row) => {
    let drawn = 0;
    return tableOf(lengthsOf(rows).map((length) => Int32Array.from({ length }, () => 1 + integer(key, row, drawn++, vocabulary - 1))));
  };
  const Q = queries.sequences;
  return {
    step: 0,
    queries: table(queries, 0),
    passages: table(passages, 1),
    contrast: { target: Int32Array.from({ length: Q }, (_, i) => i), mask: new Float32Array(Q * passages.sequences) },
  };
}

/**
 * Steps on the active backend.
 * @param {StepShape} shape @param {number} replicas @param {import('../dist/backend/index.js').BackendName} backend
 */
export async function openTrainer(shape, replicas, backend) {
  const encoder = encoderOf(shape);
  const { specs } = createDualEncoder(encoder);
  const batch = batchOf(shape);
  const Q = shape.queries.sequences;
  const rows = Q + shape.passages.sequences;
  const memory = { kind: /** @type {const} */ ('whole'), microBatch: Q, chunkRows: rows, recompute: false };
  const settings = {
    ...{ replicas, seed: 1, padId: 0, encoder, maxStepRows: rows },
    memory,
    loss: { kind: /** @type {const} */ ('softmax') },
  };
  const shared = createSharedMemory(settings, { query: batch.queries, passage: batch.passages });
  const group = await Replicas.create(shared, backend);
  const parameters = initialParameters(specs, 1);
  const optimizer = createOptimizer(group, { parameters }, { optimizer: 'adamw', weightDecay: 0.01, clipNorm: 1, averageDecay: 0 });
  const passages = Int32Array.from({ length: shape.passages.sequences }, (_, row) => row);
  let step = 0;
  return {
    specs,
    batch,
    parameters,
    predictedBytes: predictedStepBytes(encoder, batch, memory, { replicas, averaged: false }),
    /** One update. @param {number} [learningRate] */
    update: async (learningRate = 1e-5) => {
      await optimizer.step(batch, step++, learningRate);
      await optimizer.totals(); // waits for a device
    },
    /** Forward and backward alone. */
    gradient: async () => {
      if (!isOnDevice()) return void (await group.step(batch));
      const { loss, gradient } = group.first.gradient(batch);
      const sum = tf.sum(gradient);
      await Promise.all([loss.data(), sum.data()]); // waits for the device
      tf.dispose([loss, gradient, sum]);
    },
    /** Loss and gradient at other parameters; the optimizer's are left for good. @param {Float32Array} at */
    at: async (at) => {
      if (isOnDevice()) {
        group.assign(at);
        return readBoth(group.first.gradient(batch));
      }
      const memory = createFlatMemory(at.length, replicas);
      group.begin(memory);
      group.assign(at);
      const { loss } = await group.step(batch);
      const gradient = new Float32Array(at.length);
      new FlatVectors(memory, 0).read('gradient 0', gradient);
      return { loss, gradient };
    },
    /** The vectors of the batch's passages, to this process. */
    encode: () => group.encode('passage', passages),
    read: () => optimizer.read(),
    dispose: async () => {
      optimizer.dispose();
      await group.dispose();
    },
  };
}

/** @param {{ loss: tf.Scalar, gradient: tf.Tensor1D }} tensors */
async function readBoth({ loss, gradient }) {
  const [value, values] = await Promise.all([loss.data(), gradient.data()]);
  tf.dispose([loss, gradient]);
  return { loss: value[0], gradient: Float32Array.from(values) };
}

/** The parameters after each of `count` updates. @param {Trainer} trainer @param {number} count @param {number} learningRate */
export async function statesOf(trainer, count, learningRate) {
  const states = [];
  for (let i = 0; i < count; i++) {
    await trainer.update(learningRate);
    states.push((await trainer.read()).parameters);
  }
  return states;
}

/** @typedef {{ loss: number, gradient: Float32Array }} Gradient */

/**
 * The largest relative differences of the loss, and of any parameter's gradient, from those expected of each state.
 * @param {Trainer} trainer @param {Float32Array[]} states @param {(parameters: Float32Array, place: number) => Promise<Gradient>} expectedOf
 */
export async function largestDifferences(trainer, states, expectedOf) {
  let [loss, gradient] = [0, 0];
  for (const [place, parameters] of states.entries()) {
    const own = await trainer.at(parameters);
    const expected = await expectedOf(parameters, place);
    loss = Math.max(loss, Math.abs(own.loss - expected.loss) / Math.max(1e-3, Math.abs(expected.loss)));
    gradient = Math.max(gradient, largestDifference(trainer.specs, own.gradient, expected.gradient));
  }
  return { states: states.length, loss, gradient };
}

/**
 * The largest relative difference of any parameter's gradient: the length of the difference by the gradient's.
 * @param {Trainer['specs']} specs @param {Float32Array} own @param {Float32Array} expected
 */
function largestDifference(specs, own, expected) {
  const all = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0));
  let [begin, most] = [0, 0];
  for (const { shape } of specs) {
    const end = begin + tf.util.sizeFromShape(shape);
    let [difference, length] = [0, 0];
    for (let i = begin; i < end; i++) {
      difference += (own[i] - expected[i]) ** 2;
      length += expected[i] ** 2;
    }
    // A gradient that is nothing but rounding (softmax takes away what the keys' bias adds) is held to the whole's length.
    most = Math.max(most, Math.sqrt(difference) / Math.max(Math.sqrt(length), 1e-4 * all));
    begin = end;
  }
  return most;
}
