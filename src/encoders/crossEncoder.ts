/**
 * The cross-encoder (reranker): query and passage are read as one sequence, and the first token's vector gives the score of the pair. Slower than two
 * towers and better, for every token of the one sees those of the other. The head is that of Hugging Face's …ForSequenceClassification with
 * one label: a dense layer with an activation, then one output.
 */
import fs from 'node:fs';
import path from 'node:path';
import { dense, denseGelu, tf } from '../backend/index.js';
import { UserError } from '../core/errors.js';
import { readJson } from '../core/files.js';
import { type ConfigJson, publishedName, readArchitecture } from './architectures.js';
import { readWeightFiles } from './formats/weightFiles.js';
import { type Asked, resolveWeights } from './hub.js';
import { isRetriever, modelIn, towerFolder } from './modelFolder.js';
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

/** What a cross-encoder is, for messages. */
const WAYS = 'a …ForSequenceClassification with one label (folder or hub id) or the folder of a job of recipe ar2 or rocketqa';
/** Where a recipe's ranker lies in the folders of its job. */
const RANKERS = ['model', 'ranker/model', 'stages/ranker/model'];

/**
 * The folder of a cross-encoder that is named: a folder, a job's whose recipe has a ranker, or a hub id. `fromEncoder` is for what may start from an
 * encoder too. A folder that is something else is a UserError saying what.
 */
export async function findCrossEncoder(name: string, asked: Asked, fromEncoder = false): Promise<string> {
  const folder = await resolveWeights(name, asked);
  const has = (place: string) => fs.existsSync(path.join(place, 'config.json'));
  if (has(folder)) return folder;
  const ranker = RANKERS.map((place) => path.join(folder, place)).find((place) => has(place) && !isRetriever(place));
  if (ranker) return ranker;
  const model = modelIn(folder);
  const tower = towerFolder(model, 'passage');
  const isJob = model !== folder || fs.existsSync(path.join(folder, 'config.yaml'));
  const towers = tower === model ? 'no config.json' : 'the two towers of a retriever';
  const found = isJob ? 'the folder of a job without a finished ranker' : towers;
  const start = fromEncoder && has(tower) ? `, or ${tower}, to start from that encoder` : '';
  throw new UserError(`${name}: found ${found}; expected a cross-encoder. For ${asked.namedBy} name ${WAYS}${start}.`);
}

export interface OpenedCrossEncoder {
  readonly encoder: CrossEncoder;
  readonly parameters: Float32Array<ArrayBuffer>;
  readonly dropout: DropoutRates;
  readonly folder: string;
}

/** Reads a cross-encoder. One without a head is a UserError, unless there is a seed for a head of random weights: then that is said. */
export async function openCrossEncoder(name: string, asked: Asked, headSeed?: number): Promise<OpenedCrossEncoder> {
  const folder = await findCrossEncoder(name, asked, headSeed !== undefined);
  const configFile = path.join(folder, 'config.json');
  const { shape, dropout } = readArchitecture(readJson(configFile, 'Get the file again.') as ConfigJson, configFile);
  const encoder = createCrossEncoder(shape);
  const { tensors: all, file } = await readWeightFiles(folder);
  const { tensors, unused } = towerTensors(all, 'passage', { architecture: shape.architecture }, file);
  const heads = encoder.specs.filter((spec) => spec.name.startsWith('head.'));
  const published = (inner: string) => publishedHeadName(shape.architecture, publishedName(shape.architecture, inner));
  const found = heads.map(({ name: inner }) => unused.find((one) => one === published(inner) || one.endsWith(`.${published(inner)}`)));
  const complete = found.every(Boolean);
  if (!complete) {
    const lacking = `${name}: no head of a cross-encoder in it (${heads.map((spec) => published(spec.name)).join(', ')})`;
    if (headSeed === undefined)
      throw new UserError(
        `${lacking}; expected one that has learned to score. For ${asked.namedBy} name ${WAYS}; recipe.ranker.init alone starts from an encoder.`,
      );
    asked.reporter.line(`${lacking}: it starts from random weights`);
  }
  heads.forEach((spec, i) => {
    const values = complete ? all.get(found[i]!)! : { shape: spec.shape, values: initialParameters([spec], headSeed!) };
    tensors.set(spec.name, { ...values, name: spec.name });
  });
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
