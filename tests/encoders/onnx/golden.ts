/** Encoders with PyTorch's vectors, and how vectors are compared. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { silentReporter } from '../../../src/core/reporter.js';
import { createDualEncoder, type EncoderShape, type Pooling } from '../../../src/encoders/dualEncoder.js';
import { type NamedArray, readSafetensors } from '../../../src/encoders/formats/safetensors.js';
import { openPretrained } from '../../../src/encoders/pretrained.js';
import { namedTensors } from '../../../src/encoders/weights.js';
import { tinyShape } from '../../train/fixtures.js';

const GOLDEN = fileURLToPath(new URL('../../golden/encoders/', import.meta.url));
export const GOLDEN_NAMES = [
  'bert',
  'bert-gelu-new',
  'ernie',
  'roberta',
  'xlm-roberta',
  'distilbert',
  'electra',
  'dpr-projection',
] as const;

export interface GoldenEncoder {
  readonly shape: EncoderShape;
  readonly flat: Float32Array;
  /** [B, T] */
  readonly ids: Int32Array;
  readonly lengths: Int32Array;
  /** [B, W] */
  readonly expected: Float32Array;
}

export async function goldenEncoder(name: (typeof GOLDEN_NAMES)[number], pooling: Pooling): Promise<GoldenEncoder> {
  const place = path.join(GOLDEN, name);
  const pretrained = await openPretrained({ weights: place }, silentReporter);
  const shape: EncoderShape = {
    ...tinyShape(),
    transformer: pretrained.transformer,
    pooling,
    ...(name === 'dpr-projection' && { projection: { width: 6, layerNorm: false } }),
    similarity: 'dot',
  };
  const { flat } = await pretrained.parameters(shape, 1, silentReporter);
  const golden = readSafetensors(path.join(place, 'golden.safetensors')).tensors;
  const [ids, lengths] = ['ids', 'lengths'].map((key) => golden.get(key)!.values as Int32Array) as [Int32Array, Int32Array];
  return { shape, flat, ids, lengths, expected: golden.get(pooling)!.values as Float32Array };
}

export const byName = (shape: EncoderShape, flat: Float32Array) =>
  new Map(namedTensors(createDualEncoder(shape).specs, flat).map((tensor): [string, NamedArray] => [tensor.name, tensor]));

/** The vectors of each row in both. */
export function pairsOf(ours: Float32Array, theirs: Float32Array, rows: number): [Float32Array, Float32Array][] {
  const width = theirs.length / rows;
  const row = (all: Float32Array, i: number) => all.subarray(i * width, (i + 1) * width);
  return Array.from({ length: rows }, (_, i) => [row(ours, i), row(theirs, i)]);
}

export const cosine = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, i) => sum + value * b[i]!, 0) / (Math.hypot(...a) * Math.hypot(...b));
export const difference = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
