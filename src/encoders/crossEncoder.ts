/**
 * The cross-encoder (reranker): query and passage are read as one sequence, and the first token's vector gives the score of the pair. Slower than two
 * towers and better, for every token of the one sees those of the other. The head is that of Hugging Face's …ForSequenceClassification with
 * one label: a dense layer with an activation, then one output.
 */
import path from 'node:path';
import { dense, denseGelu, tf } from '../backend/index.js';
import { readJson } from '../core/files.js';
import type { Reporter } from '../core/reporter.js';
import { type ConfigJson, publishedName, readArchitecture } from './architectures.js';
import { readWeightFiles } from './formats/weightFiles.js';
import { resolveWeights } from './hub.js';
import { densePair, denseSpecs, initialParameters, type ParameterSpec, type Tensors } from './parameters.js';
import { towerTensors } from './towerTensors.js';
import {
  type Architecture,
  type DropoutRates,
  type Pass,
  type Training,
  type TransformerShape,
  transformer,
  transformerSpecs,
} from './transformer.js';
import { flatParameters } from './weights.js';

export interface CrossEncoder {
  readonly shape: TransformerShape;
  readonly specs: ParameterSpec[];
  /** Scores (logits) [B] of pairs of texts, padded sequences with `seconds`; differentiable. */
  score(weights: Tensors, pass: Pass, training?: Training): tf.Tensor1D;
}

type Activation = 'tanh' | 'relu' | 'gelu';

interface Head {
  readonly activation: Activation;
  /** Published names of head.dense and head.out. */
  readonly names: readonly [dense: string, out: string];
}

const POOLER: Head = { activation: 'tanh', names: ['pooler.dense', 'classifier'] };
const HEADS: Readonly<Record<Architecture, Head>> = {
  bert: POOLER,
  ernie: POOLER,
  roberta: { activation: 'tanh', names: ['classifier.dense', 'classifier.out_proj'] },
  'xlm-roberta': { activation: 'tanh', names: ['classifier.dense', 'classifier.out_proj'] },
  distilbert: { activation: 'relu', names: ['pre_classifier', 'classifier'] },
  electra: { activation: 'gelu', names: ['classifier.dense', 'classifier.out_proj'] },
};

export function createCrossEncoder(shape: TransformerShape): CrossEncoder {
  const { activation } = HEADS[shape.architecture];
  return {
    shape,
    specs: [
      ...transformerSpecs('', shape),
      ...denseSpecs('head.dense', shape.width, shape.width),
      ...denseSpecs('head.out', 1, shape.width),
    ],
    score: (weights, pass, training) =>
      tf.tidy(() => {
        const first = transformer(weights, '', shape, pass, 'first', training); // [B, D]
        const hidden = hiddenOf(activation, first, ...densePair(weights, 'head.dense')); // [B, D]
        return tf.reshape(dense(hidden, ...densePair(weights, 'head.out')), [-1]) as tf.Tensor1D; // [B]
      }),
  };
}

/** A cross-encoder from a folder or a hub id; the head, where the checkpoint has none, starts from random weights, and that is said. */
export async function openCrossEncoder(
  name: string,
  seed: number,
  reporter: Reporter,
): Promise<{ encoder: CrossEncoder; parameters: Float32Array<ArrayBuffer>; dropout: DropoutRates; folder: string }> {
  const { folder } = await resolveWeights(name, { reporter });
  const configFile = path.join(folder, 'config.json');
  const { shape, dropout } = readArchitecture(readJson(configFile, 'Name the folder of a model.') as ConfigJson, configFile);
  const encoder = createCrossEncoder(shape);
  const { tensors: all, file } = await readWeightFiles(folder);
  const { tensors, unused } = towerTensors(all, 'passage', { architecture: shape.architecture }, file);
  const heads = encoder.specs.filter((spec) => spec.name.startsWith('head.'));
  const published = (inner: string) => publishedHeadName(shape.architecture, publishedName(shape.architecture, inner));
  const found = heads.map(({ name: inner }) => unused.find((one) => one === published(inner) || one.endsWith(`.${published(inner)}`)));
  heads.forEach((spec, i) => {
    const values = found.every(Boolean) ? all.get(found[i]!)! : { shape: spec.shape, values: initialParameters([spec], seed) };
    tensors.set(spec.name, { ...values, name: spec.name });
  });
  if (!found.every(Boolean))
    reporter.line(
      `${name}: no head of a cross-encoder in it (${heads.map((spec) => published(spec.name)).join(', ')}): it starts from random weights`,
    );
  return { encoder, parameters: flatParameters(encoder.specs, tensors, file, '', published), dropout, folder };
}

/** The published name of a head's tensor: head.dense.weight → pooler.dense.weight. */
export function publishedHeadName(architecture: Architecture, name: string): string {
  const [inner, out] = HEADS[architecture].names;
  return name.replace(/^head\.dense/, inner).replace(/^head\.out/, out);
}

/** The head's dense layer with its activation: [B, D] → [B, D] */
function hiddenOf(activation: Activation, x: tf.Tensor2D, w: tf.Tensor2D, b: tf.Tensor1D): tf.Tensor2D {
  if (activation === 'gelu') return denseGelu(x, w, b);
  return activation === 'tanh' ? tf.tanh(dense(x, w, b)) : tf.relu(dense(x, w, b));
}
