/** The figures of the encoders: parity with PyTorch and with `tokenizers`, exactness and cost of GradCache. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { createFlatMemory, FlatVectors, selectBackend, tf } from '../dist/backend/index.js';
import { silentReporter } from '../dist/core/reporter.js';
import { bertShape } from '../dist/encoders/architectures.js';
import { createDualEncoder } from '../dist/encoders/dualEncoder.js';
import { readSafetensors } from '../dist/encoders/formats/safetensors.js';
import { createWeights, disposeWeights, forEachSlice, initialParameters } from '../dist/encoders/parameters.js';
import { openPretrained } from '../dist/encoders/pretrained.js';
import { loadTokenizer } from '../dist/encoders/tokenizer/tokenizer.js';
import { towerTensors } from '../dist/encoders/towerTensors.js';
import { flatParameters } from '../dist/encoders/weights.js';
import { contrastiveLoss } from '../dist/train/step/contrastive.js';
import { Replicas } from '../dist/train/step/replicas.js';
import { createSharedMemory } from '../dist/train/step/sharedMemory.js';
import { hashOf, TEXTS, textOf } from '../tests/encoders/tokenizer/texts.mjs';
import { inTemporaryFolder, ROOT } from './processes.mjs';

/** @typedef {Record<string, import('./verdicts.mjs').Measured>} Figures */
/** @typedef {import('../dist/encoders/dualEncoder.js').EncoderShape} EncoderShape */
/** @typedef {import('../dist/train/step/sharedMemory.js').StepBatch} StepBatch */

const GOLDEN = path.join(ROOT, 'tests', 'golden');
const ARCHITECTURES = ['bert', 'bert-gelu-new', 'ernie', 'roberta', 'xlm-roberta', 'distilbert', 'electra', 'dpr', 'dpr-projection'];
const PRECISIONS = ['bert-fp16', 'bert-bf16-sharded', 'bert-onnx'];

/** [CLS] and mean vectors, loss and gradients of tiny checkpoints against PyTorch's (scripts/make_encoder_golden.py). @returns {Promise<Figures>} */
export async function measureParity() {
  await selectBackend('onnx');
  let gradients = 0;
  /** @type {string[]} */
  const table = [];
  let largest = 0;
  for (const name of [...ARCHITECTURES, ...PRECISIONS]) {
    let own = 0;
    let slope = 0;
    for (const pooling of /** @type {const} */ (['cls', 'mean'])) {
      const found = await againstPytorch(name, pooling);
      own = Math.max(own, found.vectors);
      slope = Math.max(slope, found.gradients);
    }
    table.push(`${name} ${own.toExponential(1)}${PRECISIONS.includes(name) ? '' : ` (gradients ${slope.toExponential(1)})`}`);
    largest = Math.max(largest, own);
    gradients = Math.max(gradients, slope);
  }
  return {
    'encoders.parity': { value: largest, note: table.join(', ') },
    'encoders.gradients': { value: gradients, note: 'relative, the worst parameter' },
  };
}

/** @param {string} name @param {'cls' | 'mean'} pooling */
async function againstPytorch(name, pooling) {
  const folder = path.join(GOLDEN, 'encoders', name);
  const pretrained = await openPretrained({ weights: folder }, silentReporter);
  /** @type {EncoderShape} */
  const shape = {
    transformer: pretrained.transformer,
    towers: 'shared',
    pooling,
    ...(name === 'dpr-projection' && { projection: { width: 6, layerNorm: false } }),
    similarity: 'dot',
    dropout: pretrained.dropout,
    frozen: { embeddings: false, layers: 0 },
  };
  const { flat } = await pretrained.parameters(shape, 1, silentReporter);
  const golden = readSafetensors(path.join(folder, 'golden.safetensors')).tensors;
  const encoder = createDualEncoder(shape);
  const weights = createWeights(encoder.specs, flat);
  const ids = /** @type {Int32Array} */ (golden.get('ids')?.values);
  const lengths = /** @type {Int32Array} */ (golden.get('lengths')?.values);
  const batch = { ids, lengths, tokens: ids.length / lengths.length, rows: Int32Array.from(lengths, (_, row) => row) };
  const vectors = encoder.encode(weights, 'query', batch);
  const expected = /** @type {Float32Array} */ (golden.get(pooling)?.values);
  const difference = /** @type {Float32Array} */ (vectors.dataSync()).reduce(
    (most, value, i) => Math.max(most, Math.abs(value - expected[i])),
    0,
  );
  vectors.dispose();
  const gradients = PRECISIONS.includes(name) ? 0 : gradientError(golden, encoder, weights, batch, pooling);
  disposeWeights(weights);
  return { vectors: difference, gradients };
}

/**
 * The largest relative difference of a parameter's gradient, of the loss of four queries against their passages.
 * @param {ReturnType<typeof readSafetensors>['tensors']} golden
 * @param {ReturnType<typeof createDualEncoder>} encoder
 * @param {ReturnType<typeof createWeights>} weights
 * @param {import('../dist/encoders/transformer.js').TokenBatch} batch
 * @param {string} pooling
 */
function gradientError(golden, encoder, weights, batch, pooling) {
  const prefix = `gradient.${pooling}.`;
  const published = new Map(
    [...golden.values()].filter(({ name }) => name.startsWith(prefix)).map((one) => [one.name.slice(prefix.length), one]),
  );
  const { architecture } = encoder.shape.transformer;
  const expected = flatParameters(encoder.specs, towerTensors(published, 'query', { architecture }, 'golden').tensors, 'golden');
  const variables = encoder.specs.map(({ name }) => weights[name]);
  const contrast = { target: Int32Array.of(0, 1, 2, 3), mask: new Float32Array(16) };
  const { value, grads } = tf.variableGrads(() => {
    const custom = tf.customGrad((...given) => {
      const [x, save] = /** @type {[tf.Tensor2D, tf.GradSaveFunc]} */ (/** @type {unknown} */ (given));
      const [queries, passages] = /** @type {tf.Tensor2D[]} */ (tf.split(x, 2));
      const { loss, queryGradient, passageGradient } = contrastiveLoss(queries, passages, contrast, {
        loss: { kind: 'softmax' },
        logitScale: 1,
      });
      save([tf.concat2d([queryGradient, passageGradient], 0)]);
      return { value: loss, gradFunc: (dy, saved) => tf.mul(/** @type {tf.Tensor[]} */ (saved)[0], dy) };
    });
    return /** @type {tf.Scalar} */ (custom(encoder.encode(weights, 'query', batch)));
  }, variables);
  let worst = 0;
  forEachSlice(encoder.specs, ({ name }, begin, end) => {
    const theirs = expected.subarray(begin, end);
    const ours = grads[weights[name].name]?.dataSync() ?? new Float32Array(theirs.length);
    const norm = Math.hypot(...theirs);
    // Where the true gradient is zero, rounding is all there is.
    if (norm > 1e-3) worst = Math.max(worst, Math.hypot(...theirs.map((one, i) => one - ours[i])) / norm);
  });
  tf.dispose([value, ...Object.values(grads)]);
  return worst;
}

/** Texts whose ids differ from those of Hugging Face's `tokenizers`, of 10,000 a kind of tokenizer. @returns {Promise<Figures>} */
export async function measureTokenizers() {
  const home = path.join(GOLDEN, 'tokenizers');
  const kinds = ['bert-uncased', 'bert-cased', 'roberta', 'xlm-roberta'];
  const different = await inTemporaryFolder(async (folder) => {
    let count = 0;
    for (const kind of kinds) {
      const { hashes } = JSON.parse(fs.readFileSync(path.join(home, `${kind}.golden.json`), 'utf8'));
      fs.writeFileSync(path.join(folder, 'tokenizer.json'), zlib.gunzipSync(fs.readFileSync(path.join(home, `${kind}.json.gz`))));
      const tokenizer = await loadTokenizer(folder);
      for (let i = 0; i < TEXTS; i++) if (hashOf(tokenizer.encode(textOf(i), 1e9)) !== hashes.slice(8 * i, 8 * i + 8)) count++;
    }
    return count;
  });
  return { 'encoders.tokenizers': { value: different, note: `of ${TEXTS.toLocaleString('en')} texts each through ${kinds.join(', ')}` } };
}

/** GradCache, accumulation and gradient checkpointing against the step in one piece, dropout on. @returns {Promise<Figures>} */
export async function measureExactness() {
  await selectBackend('onnx');
  /** @type {EncoderShape} */
  const shape = {
    transformer: bertShape({ layers: 2, width: 32, heads: 4, feedForward: 64, vocabulary: 100, positions: 20 }),
    towers: 'shared',
    pooling: 'cls',
    similarity: { cosine: { temperature: 0.1 } },
    dropout: { hidden: 0.2, attention: 0.2 },
    frozen: { embeddings: false, layers: 0 },
  };
  const rows = (/** @type {number} */ count, /** @type {number} */ shift) => {
    const sequences = Array.from({ length: count }, (_, row) =>
      Array.from({ length: 3 + ((row * 5 + shift) % 15) }, (_, i) => (row * 31 + i * 7 + shift) % 100),
    );
    const offsets = Uint32Array.from([0, ...sequences.map((sequence) => sequence.length)]);
    for (let i = 1; i < offsets.length; i++) offsets[i] += offsets[i - 1];
    return { ids: Int32Array.from(sequences.flat()), offsets };
  };
  const Q = 13;
  const own = Float32Array.from({ length: Q * 2 * Q }, (_, i) => (Math.floor(i / (2 * Q)) === Math.floor((i % (2 * Q)) / 2) ? 0 : -1e9));
  /** @type {(mask: Float32Array) => StepBatch} */
  const batch = (mask) => ({
    step: 3,
    queries: rows(Q, 1),
    passages: rows(2 * Q, 2),
    contrast: { target: Int32Array.from({ length: Q }, (_, i) => 2 * i), mask },
  });
  const plans = [
    { kind: 'gradCache', chunkRows: 5, recompute: false, mask: new Float32Array(Q * 2 * Q) },
    { kind: 'accumulation', chunkRows: 5, recompute: false, mask: own },
    { kind: 'whole', chunkRows: 5, recompute: true, mask: own },
    { kind: 'gradCache', chunkRows: 5, recompute: true, mask: own },
  ];
  let worst = 0;
  for (const { mask, ...plan } of plans) {
    const expected = await lossAndGradient(shape, { kind: 'whole', chunkRows: 5, recompute: false }, batch(mask));
    const found = await lossAndGradient(shape, plan, batch(mask));
    const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]) / scale), worst);
  }
  return {
    'gradcache.equality': {
      value: worst,
      note: 'loss and gradient; GradCache, accumulation, gradient checkpointing; 13 queries in chunks of 5 sequences',
    },
  };
}

/** @param {EncoderShape} shape @param {{ kind: string, chunkRows: number, recompute: boolean }} plan @param {StepBatch} batch */
async function lossAndGradient(shape, plan, batch) {
  const memory = /** @type {import('../dist/train/step/sharedMemory.js').MemoryPlan} */ ({ microBatch: 3, ...plan });
  const settings = {
    replicas: 1,
    seed: 1,
    padId: 0,
    encoder: shape,
    memory,
    loss: /** @type {const} */ ({ kind: 'softmax' }),
    maxStepRows: 64,
  };
  const replicas = await Replicas.create(createSharedMemory(settings, { query: batch.queries, passage: batch.passages }), 'onnx');
  const parameters = initialParameters(createDualEncoder(shape).specs, 3);
  const flat = createFlatMemory(parameters.length, 1);
  replicas.begin(flat);
  replicas.assign(parameters);
  const { loss } = await replicas.step(batch);
  const gradient = new Float32Array(parameters.length);
  new FlatVectors(flat, 0).read('gradient 0', gradient);
  await replicas.dispose();
  return [loss, ...gradient];
}

/** 1,024 pairs of 64 tokens in MiniLM's shape, and what GradCache costs on 64 of them. @returns {Figures} */
export function measureGradcache() {
  const { large, whole, cached, overhead } = JSON.parse(
    execFileSync(process.execPath, [path.join(ROOT, 'bench', 'gradcache.mjs')], { encoding: 'utf8' }),
  );
  const gigabytes = (/** @type {number} */ bytes) => `${(bytes / 1e9).toFixed(2)} GB`;
  return {
    'gradcache.memory': {
      value: large.peakBytes / 1e9,
      note: `${large.seconds.toFixed(0)} s a step; ${gigabytes(large.predictedBytes)} predicted, ${gigabytes(large.measuredBytes)} more than before`,
    },
    'gradcache.overhead': {
      value: overhead,
      note: `64 pairs: ${cached.seconds.toFixed(2)} s and ${gigabytes(cached.measuredBytes)} against ${whole.seconds.toFixed(2)} s and ${gigabytes(whole.measuredBytes)} in one piece`,
    },
  };
}
