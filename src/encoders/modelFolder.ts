/**
 * An encoder as a folder that others load: Hugging Face's config.json, weights and tokenizer, and the files of sentence-transformers; separate towers
 * are query/ and passage/. simans.json beside them says what those formats cannot: both lengths, prefixes, temperature.
 */
import fs from 'node:fs';
import path from 'node:path';
import { readJson, writeFileAtomic, writeJson } from '../core/files.js';
import { type ConfigJson, configOf, publishedName, readArchitecture } from './architectures.js';
import { type DualEncoder, type EncoderShape, SIDES, type Side, towerSpecs } from './dualEncoder.js';
import { type NamedArray, writeSafetensors } from './formats/safetensors.js';
import { readModules, writeModules } from './formats/sentenceTransformers.js';
import { readWeightFiles } from './formats/weightFiles.js';
import { loadTokenizer, type Tokenizer } from './tokenizer/tokenizer.js';
import { towerTensors } from './towerTensors.js';
import { flatParameters, namedTensors } from './weights.js';

/** What becomes of a text before its ids are encoded. */
export interface TextSettings {
  /** Longest sequence, special tokens included. */
  readonly maxTokens: Readonly<Record<Side, number>>;
  readonly prefixes: Readonly<Record<Side, string>>;
}

export interface ModelToWrite extends TextSettings {
  readonly encoder: DualEncoder;
  /** [P] */
  readonly parameters: Float32Array;
  /** Folder with tokenizer.json and what belongs to it. */
  readonly tokenizerFolder: string;
  readonly padId: number;
  /** README.md: what the model is. */
  readonly card: string;
  readonly version: string;
}

const SETTINGS = 'simans.json';
const PROJECTION = 'projection.';
const TOKENIZER_CLASSES = {
  bert: 'BertTokenizer',
  ernie: 'BertTokenizer',
  roberta: 'RobertaTokenizer',
  'xlm-roberta': 'XLMRobertaTokenizer',
  distilbert: 'DistilBertTokenizer',
  electra: 'ElectraTokenizer',
} as const;

/** Writes into an existing folder; the caller makes it whole or absent. */
export function writeModelFolder(folder: string, model: ModelToWrite): void {
  const { encoder, parameters, maxTokens, prefixes } = model;
  const tensors = namedTensors(encoder.specs, parameters);
  if (encoder.shape.towers === 'shared') writeTower(folder, tensors, Math.max(maxTokens.query, maxTokens.passage), model);
  else {
    for (const side of SIDES) {
      const own = tensors
        .filter(({ name }) => name.startsWith(`${side}.`))
        .map((one) => ({ ...one, name: one.name.slice(side.length + 1) }));
      writeTower(path.join(folder, side), own, maxTokens[side], model);
    }
  }
  writeJson(path.join(folder, SETTINGS), { shape: encoder.shape, maxTokens, prefixes });
  writeFileAtomic(path.join(folder, 'README.md'), model.card);
}

function writeTower(folder: string, tensors: readonly NamedArray[], maxTokens: number, model: ModelToWrite): void {
  const { shape } = model.encoder;
  const { transformer, dropout } = shape;
  const published = tensors
    .filter(({ name }) => !name.startsWith(PROJECTION))
    .map((tensor) => ({ ...tensor, name: publishedName(transformer.architecture, tensor.name) }));
  writeSafetensors(path.join(folder, 'model.safetensors'), published, { format: 'pt' });
  writeJson(path.join(folder, 'config.json'), configOf(transformer, dropout, model.padId));
  for (const name of fs.readdirSync(model.tokenizerFolder)) {
    writeFileAtomic(path.join(folder, name), fs.readFileSync(path.join(model.tokenizerFolder, name)));
  }
  if (!fs.existsSync(path.join(folder, 'tokenizer_config.json'))) {
    writeJson(path.join(folder, 'tokenizer_config.json'), {
      tokenizer_class: TOKENIZER_CLASSES[transformer.architecture],
      do_lower_case: true,
      model_max_length: transformer.positions - transformer.firstPosition,
    });
  }
  writeModules(folder, { shape, tensors, prompts: model.prefixes, maxTokens, version: model.version });
}

/** An encoder read from a folder. */
export interface OpenedModel extends TextSettings {
  readonly shape: EncoderShape;
  /** [P] of createDualEncoder(shape). */
  readonly parameters: Float32Array<ArrayBuffer>;
  /** SHA-256 of the files of weights. */
  readonly sha256: string;
  readonly tokenizer: Tokenizer;
}

/** Reads a folder that simans wrote, or any of Hugging Face's or sentence-transformers' whose encoder is of BERT's kind. */
export async function openModelFolder(folder: string): Promise<OpenedModel> {
  const settings = path.join(folder, SETTINGS);
  const own = fs.existsSync(settings)
    ? (readJson(settings, 'Export the model again.') as TextSettings & { shape: EncoderShape })
    : undefined;
  const separate = own?.shape.towers === 'separate';
  const homes = separate ? SIDES.map((side) => path.join(folder, side)) : [folder];
  const described = own ?? describe(folder);
  const parts: Float32Array[] = [];
  const hashes: string[] = [];
  for (const home of homes) {
    const files = await readWeightFiles(home);
    const { architecture } = described.shape.transformer;
    const { tensors } = towerTensors(files.tensors, 'passage', { architecture }, files.file);
    for (const tensor of readModules(home)?.tensors ?? []) tensors.set(tensor.name, tensor);
    const published = (name: string) => tensors.get(name)?.name ?? publishedName(architecture, name);
    parts.push(flatParameters(towerSpecs('', described.shape), tensors, files.file, '', published));
    hashes.push(files.sha256);
  }
  const parameters = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => {
    parameters.set(part, at);
    return at + part.length;
  }, 0);
  return { ...described, parameters, sha256: hashes.join(' '), tokenizer: await loadTokenizer(homes[0]!) };
}

/** What config.json and modules.json say of an encoder. */
function describe(folder: string): TextSettings & { shape: EncoderShape } {
  const file = path.join(folder, 'config.json');
  const { shape: transformer, dropout } = readArchitecture(readJson(file, 'Name the folder of a model.') as ConfigJson, file);
  const modules = readModules(folder);
  const longest = Math.min(modules?.maxTokens ?? 512, transformer.positions - transformer.firstPosition);
  return {
    shape: {
      transformer,
      towers: 'shared',
      pooling: modules?.pooling ?? 'cls',
      ...(modules?.projection && { projection: modules.projection }),
      similarity: modules?.normalised ? { cosine: { temperature: 1 } } : 'dot',
      dropout,
      frozen: { embeddings: false, layers: 0 },
    },
    maxTokens: { query: longest, passage: longest },
    prefixes: modules?.prompts ?? { query: '', passage: '' },
  };
}
