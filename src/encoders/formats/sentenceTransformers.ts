/** The files by which sentence-transformers knows what follows the transformer: pooling, dense layers, normalisation, prompts. */
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '../../core/errors.js';
import { readJson, writeJson } from '../../core/files.js';
import type { EncoderShape, Pooling, Projection } from '../dualEncoder.js';
import { readTokenizerFiles } from '../tokenizer/files.js';
import { lowercases } from '../tokenizerFolder.js';
import { type NamedArray, writeSafetensors } from './safetensors.js';
import { readWeightFiles } from './weightFiles.js';

/** What a folder's modules.json describes, as far as an encoder here can be like it. */
export interface Modules {
  readonly pooling: Pooling;
  readonly projection?: Projection | undefined;
  readonly normalised: boolean;
  /** Names as ours: projection.dense.weight, …; empty where there is no projection. */
  readonly tensors: NamedArray[];
  /** Text put before queries and passages. */
  readonly prompts: { readonly query: string; readonly passage: string };
}

const ADVICE = 'Get the file again.';
const POOLING_KEYS: Readonly<Record<Pooling, string>> = {
  cls: 'pooling_mode_cls_token',
  mean: 'pooling_mode_mean_tokens',
  last: 'pooling_mode_lasttoken',
};
const TYPES = {
  transformer: 'sentence_transformers.models.Transformer',
  pooling: 'sentence_transformers.models.Pooling',
  dense: 'sentence_transformers.models.Dense',
  layerNorm: 'sentence_transformers.models.LayerNorm',
  normalize: 'sentence_transformers.models.Normalize',
};

/** Undefined where the folder has no modules.json. A module that encoders here do not have is a UserError naming it. */
export async function readModules(folder: string): Promise<Modules | undefined> {
  const file = path.join(folder, 'modules.json');
  if (!fs.existsSync(file)) return undefined;
  const modules = readJson(file, ADVICE) as { path: string; type: string }[];
  const tensors: NamedArray[] = [];
  const found: { pooling?: Pooling; normalised: boolean; projection?: Projection } = { normalised: false };
  const prompts = readPrompts(folder);
  refuseLowerCase(folder);
  for (const { type, path: place } of modules) {
    const inside = path.join(folder, place);
    // Releases 5 and later name modules by where their code moved: the last word stays.
    const kind = type.split('.').at(-1);
    if (kind === 'Transformer') continue;
    if (kind === 'Normalize') found.normalised = true;
    // What stands behind a Normalize has vectors of length 1 for its input: encoders here normalise last.
    else if (kind === 'Pooling' && !found.normalised) found.pooling = readPooling(path.join(inside, 'config.json'), prompts);
    else if (kind === 'Dense' && found.pooling && !found.projection && !found.normalised) {
      tensors.push(...(await readDense(inside)));
      found.projection = { width: tensors[0]!.shape[0]!, layerNorm: false };
    } else if (kind === 'LayerNorm' && found.projection?.layerNorm === false && !found.normalised) {
      tensors.push(...(await renamed(inside, 'norm', 'projection.LayerNorm')));
      found.projection = { ...found.projection, layerNorm: true };
    } else
      throw new UserError(
        `${file}: module ${place} (${type}); expected Transformer, Pooling, one Dense at most, with or without a LayerNorm behind it, and Normalize, in this order. Take another encoder.`,
      );
  }
  return { ...found, pooling: found.pooling ?? 'mean', tensors, prompts };
}

/** Lower case before the tokenizer, which releases before 6 ask for beside it. */
function refuseLowerCase(folder: string): void {
  const name = 'sentence_bert_config.json';
  if (readKeys(folder, name).do_lower_case !== true || lowercases(readTokenizerFiles(folder).json.normalizer)) return;
  throw new UserError(
    `${path.join(folder, name)}: do_lower_case is true with a tokenizer that keeps case; expected one that lowercases. Save the model with sentence-transformers 6, which puts it there.`,
  );
}

function readPooling(file: string, prompts: Modules['prompts']): Pooling {
  const config = readJson(file, ADVICE) as Record<string, unknown>;
  if (config.include_prompt === false && (prompts.query !== '' || prompts.passage !== ''))
    throw new UserError(`${file}: include_prompt is false; expected true, for prompts are pooled here. Take another encoder.`);
  const modes = Object.keys(config).filter((key) => key.startsWith('pooling_mode_') && config[key] === true);
  const named = config.pooling_mode as string | undefined; // the newer way to say it
  const pooling = (Object.keys(POOLING_KEYS) as Pooling[]).find(
    (name) =>
      (modes.length === 1 && modes[0] === POOLING_KEYS[name]) || (modes.length === 0 && (named === name || named === `${name}token`)),
  );
  if (pooling) return pooling;
  throw new UserError(
    `${file}: pooling ${[...modes, named ?? ''].join(' ').trim() || 'none'}; expected cls, mean or last. Take another encoder.`,
  );
}

async function readDense(folder: string): Promise<NamedArray[]> {
  const config = readJson(path.join(folder, 'config.json'), ADVICE) as Record<string, unknown>;
  const { activation_function: activation = '', use_residual: residual = false } = config as {
    activation_function?: string;
    use_residual?: boolean;
  };
  if (residual) throw new UserError(`${folder}: use_residual is true; expected false. Take another encoder.`);
  if (!activation.endsWith('Identity'))
    throw new UserError(`${folder}: activation ${activation}; expected torch.nn.modules.linear.Identity. Take another encoder.`);
  const tensors = await renamed(folder, 'linear', 'projection.dense');
  if (tensors.length === 2) return tensors;
  const [weight] = tensors; // a dense layer without bias is one with zeros
  return [weight!, { name: 'projection.dense.bias', shape: [weight!.shape[0]!], values: new Float32Array(weight!.shape[0]!) }];
}

async function renamed(folder: string, from: string, to: string): Promise<NamedArray[]> {
  const { tensors } = await readWeightFiles(folder);
  return ['weight', 'bias'].flatMap((part) => {
    const tensor = tensors.get(`${from}.${part}`);
    return tensor ? [{ ...tensor, name: `${to}.${part}` }] : [];
  });
}

function readPrompts(folder: string): Modules['prompts'] {
  const prompts = (readKeys(folder, 'config_sentence_transformers.json').prompts ?? {}) as Record<string, string>;
  return { query: prompts.query ?? '', passage: prompts.document ?? prompts.passage ?? '' };
}

/** The longest sequence that the files name, as sentence-transformers takes it: before release 6 it wrote a key of its own. */
export function longestSequence(folder: string): number {
  const found = [
    readKeys(folder, 'sentence_bert_config.json').max_seq_length,
    readKeys(folder, 'tokenizer_config.json').model_max_length,
  ].find((value) => typeof value === 'number');
  return (found as number | undefined) ?? Number.POSITIVE_INFINITY;
}

/** Empty where there is no such file. */
function readKeys(folder: string, name: string): Record<string, unknown> {
  const file = path.join(folder, name);
  return fs.existsSync(file) ? (readJson(file, ADVICE) as Record<string, unknown>) : {};
}

/** What is written beside a transformer's config.json and weights. */
export interface ModulesToWrite {
  readonly shape: EncoderShape;
  /** projection.dense.weight, …; none without a projection. */
  readonly tensors: readonly NamedArray[];
  readonly prompts: { readonly query: string; readonly passage: string };
  readonly maxTokens: number;
}

/** Writes modules.json, the folders it names and the two configuration files. */
export function writeModules(folder: string, { shape, tensors, prompts, maxTokens }: ModulesToWrite): void {
  const { pooling, projection, similarity, transformer } = shape;
  const modules = [
    { kind: 'transformer', place: '' },
    { kind: 'pooling', place: '1_Pooling' },
  ];
  writeJson(path.join(folder, '1_Pooling', 'config.json'), {
    word_embedding_dimension: transformer.width,
    ...Object.fromEntries(Object.entries(POOLING_KEYS).map(([name, key]) => [key, name === pooling])),
    pooling_mode_max_tokens: false,
    pooling_mode_mean_sqrt_len_tokens: false,
    pooling_mode_weightedmean_tokens: false,
    include_prompt: true,
  });
  const part = (from: string, to: string) =>
    tensors.filter(({ name }) => name.startsWith(from)).map((tensor) => ({ ...tensor, name: tensor.name.replace(from, to) }));
  if (projection) {
    modules.push({ kind: 'dense', place: '2_Dense' });
    writeJson(path.join(folder, '2_Dense', 'config.json'), {
      in_features: transformer.width,
      out_features: projection.width,
      bias: true,
      activation_function: 'torch.nn.modules.linear.Identity',
    });
    writeSafetensors(path.join(folder, '2_Dense', 'model.safetensors'), part('projection.dense.', 'linear.'), { format: 'pt' });
  }
  if (projection?.layerNorm) {
    modules.push({ kind: 'layerNorm', place: '3_LayerNorm' });
    writeJson(path.join(folder, '3_LayerNorm', 'config.json'), { dimension: projection.width });
    writeSafetensors(path.join(folder, '3_LayerNorm', 'model.safetensors'), part('projection.LayerNorm.', 'norm.'), { format: 'pt' });
  }
  if (similarity !== 'dot') modules.push({ kind: 'normalize', place: `${modules.length}_Normalize` });
  writeJson(
    path.join(folder, 'modules.json'),
    modules.map(({ kind, place }, idx) => ({ idx, name: String(idx), path: place, type: TYPES[kind as keyof typeof TYPES] })),
  );
  writeJson(path.join(folder, 'sentence_bert_config.json'), { max_seq_length: maxTokens, do_lower_case: false });
  writeJson(path.join(folder, 'config_sentence_transformers.json'), {
    prompts: { query: prompts.query, document: prompts.passage },
    default_prompt_name: null,
    similarity_fn_name: similarity === 'dot' ? 'dot' : 'cosine',
  });
}
