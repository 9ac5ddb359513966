/** Tensors of whatever holds a checkpoint's weights: safetensors, PyTorch's own files, ONNX; in one file or in several. */
import fs from 'node:fs';
import path from 'node:path';
import { readNamedWeights } from '../../backend/index.js';
import { UserError } from '../../core/errors.js';
import { readJson, sha256OfFile } from '../../core/files.js';
import { type NamedArray, readSafetensors } from './safetensors.js';
import { readTorchCheckpoint } from './torch.js';

export interface WeightFiles {
  /** The one file, or the index of several: what messages name. */
  readonly file: string;
  readonly tensors: Map<string, NamedArray>;
  /** SHA-256 of all files. */
  readonly sha256: string;
}

/** In the order in which they are looked for. */
const NAMES = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
  'onnx/model.onnx',
  'model.onnx',
] as const;
/** The optimizer's moments beside a model's weights, gigabytes that nobody asks for. */
const STATE_OF_TRAINING = /^(optimizer|scheduler|amp|lr_sched)/;

/** Reads a file of weights or those of a folder. Where there are none, a UserError says what was looked for. */
export async function readWeightFiles(place: string): Promise<WeightFiles> {
  const file = fs.statSync(place).isDirectory() ? fileIn(place) : place;
  if (!file.endsWith('.index.json')) return { file, tensors: await readOne(file), sha256: await sha256OfFile(file) };
  const { weight_map: map } = readJson(file, 'Get the file again.') as { weight_map?: Record<string, string> };
  if (!map) throw new UserError(`${file}: found no weight_map; expected the index of a sharded checkpoint. Get the file again.`);
  const shards = [...new Set(Object.values(map))].sort().map((name) => path.join(path.dirname(file), name));
  const tensors = new Map<string, NamedArray>();
  const hashes: string[] = [];
  for (const shard of shards) {
    if (!fs.existsSync(shard)) throw new UserError(`${shard}: not there; expected this shard, for ${file} names it. Get it too.`);
    for (const [name, tensor] of await readOne(shard)) tensors.set(name, tensor);
    hashes.push(await sha256OfFile(shard));
  }
  return { file, tensors, sha256: hashes.join(' ') };
}

function fileIn(folder: string): string {
  const found = NAMES.map((name) => path.join(folder, name)).find((file) => fs.existsSync(file));
  if (found) return found;
  throw new UserError(`${folder}: no weights; expected one of ${NAMES.join(', ')}. Put its weights there, or name another folder.`);
}

async function readOne(file: string): Promise<Map<string, NamedArray>> {
  if (file.endsWith('.safetensors')) return readSafetensors(file).tensors;
  if (file.endsWith('.onnx')) return readNamedWeights(file);
  return readTorchCheckpoint(file, { select: (name) => !STATE_OF_TRAINING.test(name) });
}
