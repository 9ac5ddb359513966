/**
 * An encoder as a folder that others load: Hugging Face's config.json, weights and tokenizer, and the files of sentence-transformers; separate towers
 * are query/ and passage/. simans.json beside them says what those formats cannot: both lengths, prefixes, temperature, what of a passage is read.
 */
import fs from 'node:fs';
import path from 'node:path';
import { concatenated } from '../core/arrays.js';
import { UserError } from '../core/errors.js';
import { bytesOf, readJson, sha256, writeFileAtomic, writeFolderAtomic, writeJson } from '../core/files.js';
import type { Reporter } from '../core/reporter.js';
import { type ConfigJson, configOf, publishedName, readArchitecture } from './architectures.js';
import { createDualEncoder, type DualEncoder, type EncoderShape, SIDES, type Side, towerSpecs } from './dualEncoder.js';
import { type NamedArray, writeSafetensors } from './formats/safetensors.js';
import { longestSequence, readModules, writeModules } from './formats/sentenceTransformers.js';
import { readWeightFiles } from './formats/weightFiles.js';
import { resolveWeights } from './hub.js';
import { encodePortableModel, type Precision } from './onnx/portableModel.js';
import { loadTokenizer, type Tokenizer } from './tokenizer/tokenizer.js';
import { writeTokenizer } from './tokenizerFolder.js';
import { towerTensors, unusedLine } from './towerTensors.js';
import { flatParameters, namedTensors } from './weights.js';

/** What becomes of a text before its ids are encoded. */
export interface TextSettings {
  /** Longest sequence, special tokens included. */
  readonly maxTokens: Readonly<Record<Side, number>>;
  readonly prefixes: Readonly<Record<Side, string>>;
  /** What of a passage is read, in the words of data sets (Dataset.policy); absent where the model says nothing of it. */
  readonly reads?: string | undefined;
}

export interface ModelToWrite extends TextSettings {
  readonly encoder: DualEncoder;
  /** [P] */
  readonly parameters: Float32Array;
  readonly tokenizer: Pick<Tokenizer, 'json' | 'padId'>;
  /** Where the tokenizer's other files lie. */
  readonly tokenizerFolder: string;
  /** README.md: what the model is. */
  readonly card: string;
}

const SETTINGS = 'simans.json';
const PROJECTION = 'projection.';
const CLASSIFIER = /(^|\.)classifier\./;
/** Where transformers.js looks for them. */
const ONNX_FILES: Readonly<Record<Precision, string>> = {
  fp32: 'onnx/model.onnx',
  fp16: 'onnx/model_fp16.onnx',
  int8: 'onnx/model_quantized.onnx',
};

/** Writes into an existing folder, with an ONNX model a tower in each precision asked for; the caller makes it whole or absent. */
export function writeModelFolder(folder: string, model: ModelToWrite, precisions: readonly Precision[] = []): void {
  const { encoder, parameters, maxTokens, prefixes, reads } = model;
  const { shape } = encoder;
  for (const { place, tensors, sides } of towersOf(encoder, parameters)) {
    const home = path.join(folder, place);
    writeTower(home, tensors, Math.max(...sides.map((side) => maxTokens[side])), model);
    const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    for (const precision of precisions)
      writeFileAtomic(path.join(home, ONNX_FILES[precision]), encodePortableModel(shape, byName, precision));
  }
  writeJson(settingsFile(folder), { shape, maxTokens, prefixes, reads });
  writeFileAtomic(path.join(folder, 'README.md'), model.card);
}

/** Each tower with its own tensors: by BERT's names, and the folder that it is written to. */
export function towersOf(
  { shape, specs }: DualEncoder,
  parameters: Float32Array,
): { place: string; sides: readonly Side[]; tensors: NamedArray[] }[] {
  const tensors = namedTensors(specs, parameters);
  if (shape.towers === 'shared') return [{ place: '', sides: SIDES, tensors }];
  return SIDES.map((side) => ({
    place: side,
    sides: [side],
    tensors: tensors.filter(({ name }) => name.startsWith(`${side}.`)).map((one) => ({ ...one, name: one.name.slice(side.length + 1) })),
  }));
}

function writeTower(folder: string, tensors: readonly NamedArray[], maxTokens: number, model: ModelToWrite): void {
  const { shape } = model.encoder;
  const { transformer, dropout } = shape;
  const published = tensors
    .filter(({ name }) => !name.startsWith(PROJECTION))
    .map((tensor) => ({ ...tensor, name: publishedName(transformer.architecture, tensor.name) }));
  writeSafetensors(path.join(folder, 'model.safetensors'), published, { format: 'pt' });
  writeJson(path.join(folder, 'config.json'), configOf(transformer, dropout, model.tokenizer.padId));
  writeTokenizer(folder, model, transformer);
  writeModules(folder, { shape, tensors, prompts: model.prefixes, maxTokens });
}

/** An encoder read from a folder. */
export interface OpenedModel extends TextSettings {
  readonly shape: EncoderShape;
  /** [P] of createDualEncoder(shape). */
  readonly parameters: Float32Array<ArrayBuffer>;
  /** SHA-256 of what its vectors follow from: weights, those of a projection too, what is computed with them, and the tokenizer. */
  readonly sha256: string;
  readonly tokenizer: Tokenizer;
  readonly tokenizerFolder: string;
  /** Names of tensors in its files that an encoder has no use for, such as those of heads. */
  readonly unused: readonly string[];
}

export const settingsFile = (folder: string): string => path.join(folder, SETTINGS);

/** What simans.json says; undefined of a folder that simans did not write. */
export function readSettings(folder: string): (TextSettings & { shape: EncoderShape }) | undefined {
  const file = settingsFile(folder);
  return fs.existsSync(file) ? (readJson(file, 'Export the model again.') as TextSettings & { shape: EncoderShape }) : undefined;
}

/** Whether simans wrote the folder, as a retriever's. */
export const isRetriever = (folder: string): boolean => fs.existsSync(settingsFile(folder));

/** Where the model of a job's folder lies; any other folder is a model itself. */
export function modelIn(folder: string): string {
  const inside = path.join(folder, 'model');
  return isRetriever(inside) ? inside : folder;
}

/** Where the files of a side's tower lie: in a folder of its own where the model's towers are separate. */
export function towerFolder(folder: string, side: Side): string {
  const own = path.join(folder, side);
  return fs.existsSync(path.join(own, 'config.json')) ? own : folder;
}

/** Reads a folder that simans wrote, or any of Hugging Face's or sentence-transformers' whose encoder is of BERT's kind. */
export async function openModelFolder(folder: string): Promise<OpenedModel> {
  const own = readSettings(folder);
  const separate = own?.shape.towers === 'separate';
  const homes = separate ? SIDES.map((side) => towerFolder(folder, side)) : [folder];
  const described = own ?? (await describe(folder));
  const parts: Float32Array[] = [];
  const hashes: string[] = [];
  const left: string[] = [];
  for (const home of homes) {
    const files = await readWeightFiles(home);
    const { architecture } = described.shape.transformer;
    const { tensors, unused } = towerTensors(files.tensors, 'passage', { architecture }, files.file);
    for (const tensor of (await readModules(home))?.tensors ?? []) {
      tensors.set(tensor.name, tensor);
      hashes.push(sha256(bytesOf(tensor.values)));
    }
    const published = (name: string) => tensors.get(name)?.name ?? publishedName(architecture, name);
    parts.push(flatParameters(towerSpecs('', described.shape), tensors, files.file, '', published));
    hashes.push(files.sha256);
    left.push(...unused);
  }
  const parameters = concatenated(Float32Array, parts);
  const tokenizerFolder = homes[0]!;
  const tokenizer = await loadTokenizer(tokenizerFolder);
  const identity = sha256(JSON.stringify([hashes, computation(described.shape), tokenizer.fingerprint]));
  return { ...described, parameters, sha256: identity, tokenizer, tokenizerFolder, unused: left };
}

/** What of the shape vectors follow from: neither dropout nor a temperature. */
const computation = ({ transformer, pooling, projection, similarity }: EncoderShape): unknown[] => [
  Object.entries(transformer).sort(),
  pooling,
  projection?.layerNorm,
  similarity !== 'dot',
];

/** The folder of the model that a user names: of a job or of a model, or a hub id. */
export const resolveModel = async (name: string, reporter: Reporter): Promise<string> =>
  modelIn(await resolveWeights(name, { namedBy: 'the name of the model', reporter }));

/** Opens it; what of it is left out is said. */
export async function openModel(name: string, reporter: Reporter): Promise<{ model: OpenedModel; folder: string }> {
  const folder = await resolveModel(name, reporter);
  const model = await openModelFolder(folder);
  if (model.unused.length > 0) reporter.line(unusedLine(name, model.unused));
  if (model.unused.some((tensor) => CLASSIFIER.test(tensor)))
    reporter.line(`note: ${name} is read as an encoder; if it is a cross-encoder, it scores pairs with simans rerank`);
  return { model, folder };
}

/** What config.json and modules.json say of an encoder. */
async function describe(folder: string): Promise<TextSettings & { shape: EncoderShape }> {
  const file = path.join(folder, 'config.json');
  if (!fs.existsSync(file))
    throw new UserError(
      `${file}: found no such file; expected the folder of a model. That of a finished job is made again by: simans train JOB/config.yaml --resume`,
    );
  const { shape: transformer, dropout } = readArchitecture(readJson(file, 'Name the folder of a model.') as ConfigJson, file);
  const modules = await readModules(folder);
  const longest = Math.min(longestSequence(folder), transformer.positions - transformer.firstPosition);
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

/** Reads a model and writes it anew. An existing folder is a UserError. */
export async function exportModel(name: string, to: string, precisions: readonly Precision[], reporter: Reporter): Promise<void> {
  if (fs.existsSync(to)) throw new UserError(`${to} exists already; expected a new folder. Choose another name or remove it.`);
  const { model, folder: place } = await openModel(name, reporter);
  const card = path.join(place, 'README.md');
  const encoder = createDualEncoder(model.shape);
  writeFolderAtomic(to, (temporary) =>
    writeModelFolder(
      temporary,
      { ...model, encoder, card: fs.existsSync(card) ? fs.readFileSync(card, 'utf8') : `# ${path.basename(to)}\n` },
      precisions,
    ),
  );
}
