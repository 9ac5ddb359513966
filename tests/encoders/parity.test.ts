/** Tiny checkpoints of every architecture against PyTorch transformers (scripts/make_encoder_golden.py): vectors, loss and gradients. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { selectBackend, tf } from '../../src/backend/index.js';
import { createDualEncoder, type EncoderShape, type Pooling } from '../../src/encoders/dualEncoder.js';
import { type NamedArray, readSafetensors } from '../../src/encoders/formats/safetensors.js';
import { createWeights, disposeWeights, forEachSlice, type Weights } from '../../src/encoders/parameters.js';
import { openPretrained } from '../../src/encoders/pretrained.js';
import { towerTensors } from '../../src/encoders/towerTensors.js';
import type { TokenBatch } from '../../src/encoders/transformer.js';
import { flatParameters } from '../../src/encoders/weights.js';
import { contrastiveLoss } from '../../src/train/step/contrastive.js';

const FOLDER = fileURLToPath(new URL('../golden/encoders/', import.meta.url));
const WITH_GRADIENTS = ['bert', 'bert-gelu-new', 'ernie', 'roberta', 'xlm-roberta', 'distilbert', 'electra', 'dpr', 'dpr-projection'];
const PRECISIONS = ['bert-fp16', 'bert-bf16-sharded', 'bert-onnx'];
const quiet = { line: () => {}, phase: () => ({ update: () => {}, end: () => {} }) };

interface Loaded {
  readonly shape: EncoderShape;
  readonly flat: Float32Array;
  readonly golden: Map<string, NamedArray>;
}

/** Through what `simans train` calls. */
async function load(name: string, pooling: Pooling): Promise<Loaded> {
  const folder = path.join(FOLDER, name);
  const pretrained = await openPretrained({ weights: folder }, quiet);
  const shape: EncoderShape = {
    transformer: pretrained.transformer,
    towers: 'shared',
    pooling,
    ...(name === 'dpr-projection' && { projection: { width: 6, layerNorm: false } }),
    similarity: 'dot',
    dropout: pretrained.dropout,
    frozen: { embeddings: false, layers: 0 },
  };
  const { flat } = await pretrained.parameters(shape, 1, quiet);
  return { shape, flat, golden: readSafetensors(path.join(folder, 'golden.safetensors')).tensors };
}

function batchOf(golden: Map<string, NamedArray>): TokenBatch {
  const lengths = golden.get('lengths')!.values as Int32Array;
  const ids = golden.get('ids')!.values as Int32Array;
  return { ids, lengths, tokens: ids.length / lengths.length, rows: Int32Array.from(lengths, (_, row) => row) };
}

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);

/** Loss of four queries against their passages, in PyTorch's order of rows, and its flat gradient. */
function lossAndGradient({ shape, golden }: Loaded, weights: Weights): { loss: number; gradient: Float32Array } {
  const encoder = createDualEncoder(shape);
  return tf.tidy(() => {
    const variables = encoder.specs.map(({ name }) => weights[name]!);
    const contrast = { target: Int32Array.from([0, 1, 2, 3]), mask: new Float32Array(16) };
    const f = () => {
      const vectors = encoder.encode(weights, 'query', batchOf(golden));
      return tf.customGrad((x, save) => {
        const [queries, passages] = tf.split(x as tf.Tensor2D, 2) as [tf.Tensor2D, tf.Tensor2D];
        const { loss, queryGradient, passageGradient } = contrastiveLoss(queries, passages, contrast, {
          loss: { kind: 'softmax' },
          logitScale: 1,
        });
        (save as (tensors: tf.Tensor[]) => void)([tf.concat2d([queryGradient, passageGradient], 0)]);
        return { value: loss, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(saved[0]!, dy) };
      })(vectors) as tf.Scalar;
    };
    const { value, grads } = tf.variableGrads(f, variables);
    const parts = variables.map((variable) => grads[variable.name] ?? tf.zerosLike(variable));
    return { loss: value.dataSync()[0]!, gradient: tf.concat1d(parts.map((part) => tf.reshape(part, [-1]))).dataSync() as Float32Array };
  });
}

/** PyTorch's gradients, laid out as our parameters; what it gives none for is zero. */
function goldenGradient({ shape, golden }: Loaded, pooling: Pooling): Float32Array {
  const prefix = `gradient.${pooling}.`;
  const published = new Map(
    [...golden.values()].filter(({ name }) => name.startsWith(prefix)).map((one) => [one.name.slice(prefix.length), one]),
  );
  const { tensors } = towerTensors(published, 'query', { architecture: shape.transformer.architecture }, 'golden');
  return flatParameters(createDualEncoder(shape).specs, tensors, 'golden');
}

describe.each(['cpu', 'onnx'] as const)('on %s', (backend) => {
  let tensors = 0;
  beforeAll(async () => {
    await selectBackend(backend);
    tensors = tf.memory().numTensors;
  });
  afterAll(() => expect(tf.memory().numTensors).toBe(tensors));

  it.each([...WITH_GRADIENTS, ...PRECISIONS].flatMap((name) => (['cls', 'mean'] as const).map((pooling) => [name, pooling] as const)))(
    '%s, %s: vectors within 1e-4 of PyTorch’s',
    async (name, pooling) => {
      const loaded = await load(name, pooling);
      const encoder = createDualEncoder(loaded.shape);
      const weights = createWeights(encoder.specs, loaded.flat);
      const values = tf.tidy(() => encoder.encode(weights, 'query', batchOf(loaded.golden)).dataSync());
      expect(largestDifference(values, loaded.golden.get(pooling)!.values)).toBeLessThan(1e-4);
      disposeWeights(weights);
    },
  );

  it.each(WITH_GRADIENTS.flatMap((name) => (['cls', 'mean'] as const).map((pooling) => [name, pooling] as const)))(
    '%s, %s: the gradient of every parameter within 1e-3 of PyTorch’s',
    async (name, pooling) => {
      const loaded = await load(name, pooling);
      const { specs } = createDualEncoder(loaded.shape);
      const weights = createWeights(specs, loaded.flat);
      const { loss, gradient } = lossAndGradient(loaded, weights);
      disposeWeights(weights);
      expect(Math.abs(loss - loaded.golden.get(`loss.${pooling}`)!.values[0]!)).toBeLessThan(1e-4);
      const expected = goldenGradient(loaded, pooling);
      forEachSlice(specs, (spec, begin, end) => {
        const theirs = expected.subarray(begin, end);
        const norm = Math.hypot(...theirs);
        const difference = Math.hypot(...theirs.map((value, i) => value - gradient[begin + i]!));
        // Where the true gradient is zero (the keys' bias cancels in softmax), rounding is all there is.
        expect(difference, spec.name).toBeLessThan(1e-3 * norm + 1e-6);
      });
    },
  );
});
