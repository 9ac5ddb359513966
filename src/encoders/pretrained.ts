/** Checkpoints as the start of training: a folder, file or hub id for both towers, or one each; their config.json, tokenizer and weights. */
import fs from 'node:fs';
import path from 'node:path';
import type { PretrainedInit } from '../config/schema.js';
import { concatenated } from '../core/arrays.js';
import { UserError } from '../core/errors.js';
import { readJson } from '../core/files.js';
import type { Reporter } from '../core/reporter.js';
import { type ConfigJson, publishedName, readArchitecture } from './architectures.js';
import { type EncoderShape, SIDES, type Side, towerSpecs } from './dualEncoder.js';
import type { NamedArray } from './formats/safetensors.js';
import { type Modules, readModules } from './formats/sentenceTransformers.js';
import { readWeightFiles } from './formats/weightFiles.js';
import { resolveWeights } from './hub.js';
import { modelIn, towerFolder } from './modelFolder.js';
import { initialParameters } from './parameters.js';
import { hasTwoTowers, towerTensors, unusedLine } from './towerTensors.js';
import type { DropoutRates, TransformerShape } from './transformer.js';
import { flatParameters, namedTensors } from './weights.js';

/** Where one tower's weights come from. */
interface Source {
  /** As in the job file. */
  readonly name: string;
  /** The folder or file on this machine. */
  readonly place: string;
}

export interface Pretrained {
  readonly transformer: TransformerShape;
  readonly dropout: DropoutRates;
  /** Folder with the tokenizer's files. */
  readonly tokenizerFolder: string;
  /** What the passage tower's modules.json says; undefined where there is none. */
  readonly modules: Modules | undefined;
  /** Initial parameters [P] of the whole encoder, and the SHA-256 of the files they were read from. */
  parameters(shape: EncoderShape, seed: number, reporter: Reporter): Promise<{ flat: Float32Array<ArrayBuffer>; sha256: string }>;
}

/** Finds the files (downloads them from the hub) and reads what says how to compute with them; weights are read by `parameters`. */
export async function openPretrained(init: PretrainedInit, reporter: Reporter): Promise<Pretrained> {
  const places: Record<string, string> = {};
  const resolve = async (name: string) => {
    places[name] ??= modelIn(await resolveWeights(name, { namedBy: 'encoder.init', reporter }));
    return places[name];
  };
  const sourceOf = async (side: Side): Promise<Source> => {
    const name = (init.weights ?? init[side])!;
    return { name, place: towerFolder(await resolve(name), side) };
  };
  const sources: Record<Side, Source> = { query: await sourceOf('query'), passage: await sourceOf('passage') };
  const home = init.config ? towerFolder(await resolve(init.config), 'passage') : folderOf(sources.passage);
  const configFile = path.join(home, 'config.json');
  if (!fs.existsSync(configFile)) {
    throw new UserError(
      `${home}: no config.json; expected one beside the weights. Name a folder or hub id that has it and the tokenizer with encoder.init.config.`,
    );
  }
  const config = readJson(configFile, 'Get the file again.') as ConfigJson;
  const { shape, dropout } = readArchitecture(config, configFile);
  if (sources.query.place !== sources.passage.place) await requireSameShape(shape, sources.query, configFile);
  return {
    transformer: shape,
    dropout: { hidden: init.dropout ?? dropout.hidden, attention: init.attentionDropout ?? dropout.attention },
    tokenizerFolder: home,
    modules: await readModules(home),
    parameters: (encoder, seed, said) => readParameters(init, sources, encoder, seed, said),
  };
}

const folderOf = ({ place }: Source): string => (fs.statSync(place).isDirectory() ? place : path.dirname(place));

/** Two checkpoints make one encoder only if they compute alike. */
async function requireSameShape(shape: TransformerShape, source: Source, file: string): Promise<void> {
  const other = path.join(folderOf(source), 'config.json');
  if (!fs.existsSync(other)) return;
  const { shape: found } = readArchitecture(readJson(other, 'Get the file again.') as ConfigJson, other);
  for (const key of Object.keys(shape) as (keyof TransformerShape)[]) {
    if (found[key] !== shape[key])
      throw new UserError(
        `${other}: ${key} ${found[key]}; expected ${shape[key]}, as in ${file}. Towers must be of one shape: take others.`,
      );
  }
}

async function readParameters(
  init: PretrainedInit,
  sources: Record<Side, Source>,
  encoder: EncoderShape,
  seed: number,
  reporter: Reporter,
): Promise<{ flat: Float32Array<ArrayBuffer>; sha256: string }> {
  const read = new Map<string, Awaited<ReturnType<typeof readWeightFiles>>>();
  const parts: Float32Array[] = [];
  for (const side of encoder.towers === 'shared' ? (['passage'] as const) : SIDES) {
    const { name, place } = sources[side];
    const files = read.get(place) ?? (await readWeightFiles(place));
    read.set(place, files);
    const layout = { architecture: encoder.transformer.architecture, ...init };
    if (encoder.towers === 'shared' && (sources.query.place !== place || hasTwoTowers(files.tensors, layout)))
      throw new UserError(`${name}: two towers; encoder.towers is shared, expected separate. Set encoder.towers=separate.`);
    const found = towerTensors(files.tensors, side, layout, files.file);
    if (found.unused.length > 0) reporter.line(unusedLine(name, found.unused));
    for (const tensor of (await readModules(folderOf(sources[side])))?.tensors ?? []) found.tensors.set(tensor.name, tensor);
    parts.push(towerParameters(encoder, found.tensors, files.file, seed, (line) => reporter.line(`${name}: ${line}`)));
  }
  return { flat: concatenated(Float32Array, parts), sha256: [...read.values()].map(({ sha256 }) => sha256).join(' ') };
}

/** One tower's parameters; a projection that the file lacks starts from random weights, and one that it has must be asked for. */
function towerParameters(
  encoder: EncoderShape,
  tensors: Map<string, NamedArray>,
  file: string,
  seed: number,
  say: (line: string) => void,
): Float32Array {
  const published = (name: string) => tensors.get(name)?.name ?? publishedName(encoder.transformer.architecture, name);
  const dense = tensors.get('projection.dense.weight');
  const layerNorm = tensors.has('projection.LayerNorm.weight');
  const { projection } = encoder;
  if (dense && (!projection || projection.width !== dense.shape[0] || projection.layerNorm !== layerNorm)) {
    throw new UserError(
      `${file}: projection of width ${dense.shape[0]}${layerNorm ? ' with LayerNorm' : ''} (${dense.name}); encoder.projection is ` +
        `${JSON.stringify(projection ?? 'none')}. Set encoder.projection={width: ${dense.shape[0]}, layerNorm: ${layerNorm}}.`,
    );
  }
  if (!dense && projection) {
    say(`no projection in it: the one of width ${projection.width} starts from random weights`);
    const specs = towerSpecs('', encoder).filter(({ name }) => name.startsWith('projection.'));
    for (const tensor of namedTensors(specs, initialParameters(specs, seed))) tensors.set(tensor.name, tensor);
  }
  return flatParameters(towerSpecs('', encoder), tensors, file, '', published);
}
