/** How fast this machine turns passages of one length into vectors, by what computes them: what a refresh of a corpus beyond the job's own takes. */
import os from 'node:os';
import { type BackendProbe, probeBackends, tf } from '../backend/index.js';
import { deriveKey, integer } from '../core/random.js';
import type { Reporter } from '../core/reporter.js';
import type { TokenTable } from '../data/types.js';
import { tableOf } from '../encoders/batching.js';
import { createDualEncoder, type EncoderShape } from '../encoders/dualEncoder.js';
import { forwardFlops } from '../encoders/flops.js';
import { createInference } from '../encoders/inference.js';
import { towersOf } from '../encoders/modelFolder.js';
import { encodeInferenceModel, INFERENCE_PRECISIONS } from '../encoders/onnx/inferenceModel.js';
import { createWeights, disposeWeights, initialParameters } from '../encoders/parameters.js';
import { encodeTable } from '../index/encode.js';
import { openTableEncoder } from '../index/tableEncoder.js';
import { timed } from './calibration.js';

export interface EncodingRate {
  readonly provider: string;
  readonly threads: number;
  /** Passages a second; nothing where it does not start here. */
  readonly rate?: number;
  readonly whyNot?: string;
}

export interface EncodingRates {
  /** Of each passage: 128, or what the encoder has positions for. */
  readonly tokens: number;
  readonly rates: readonly EncodingRate[];
}

type Encode = (table: TokenTable) => Promise<unknown>;

const TOKENS = 128;
/** What a provider is timed for. */
const SECONDS = 4;
/** The passage that says how many fill them: slow backends end soon too. */
const SHORT = 16;

/**
 * Of an encoder of this shape, whatever its weights: onnxruntime on all cores, as in a refresh on the backend onnx, and each other backend in one thread.
 * The active backend stays.
 */
export async function encodingRates(shape: EncoderShape, reporter: Reporter): Promise<EncodingRates> {
  const active = tf.getBackend();
  const { positions, firstPosition } = shape.transformer;
  const tokens = Math.min(TOKENS, positions - firstPosition);
  const others = (await probeBackends()).filter(({ name }) => name !== 'onnx');
  const phase = reporter.phase('encode by provider', INFERENCE_PRECISIONS.length + others.length, 'providers');
  const rates: EncodingRate[] = [];
  const add = (rate: EncodingRate) => {
    rates.push(rate);
    phase.update(rates.length);
  };
  const threads = os.availableParallelism();
  for (const precision of INFERENCE_PRECISIONS) {
    const { encode, close } = await onnxruntime(shape, precision, threads);
    add({ provider: `onnxruntime, ${precision}`, threads, rate: await rateOf(shape, encode, tokens) });
    close();
  }
  for (const probe of others) add(await backendRate(shape, probe, tokens));
  if (active) await tf.setBackend(active);
  phase.end();
  return { tokens, rates };
}

function onnxruntime(shape: EncoderShape, precision: (typeof INFERENCE_PRECISIONS)[number], threads: number) {
  const encoder = createDualEncoder(shape);
  const tower = towersOf(encoder, initialParameters(encoder.specs, 1)).find(({ sides }) => sides.includes('passage'))!;
  const { model } = encodeInferenceModel(shape, new Map(tower.tensors.map((tensor) => [tensor.name, tensor])), precision, 'constants');
  return openTableEncoder({ shape, model, padId: 0, threads });
}

async function backendRate(shape: EncoderShape, { name, usable, whyNot }: BackendProbe, tokens: number): Promise<EncodingRate> {
  if (!usable) return { provider: name, threads: 1, whyNot: whyNot!.split(';')[0]! };
  await tf.setBackend(name);
  const encoder = createDualEncoder(shape);
  const weights = createWeights(encoder.specs, initialParameters(encoder.specs, 1));
  const inference = createInference(encoder, weights, 'passage');
  const rate = await rateOf(shape, (table) => encodeTable(inference, table, 0, encoder.width), tokens);
  disposeWeights(weights);
  return { provider: name, threads: 1, rate };
}

/** Passages of `tokens` tokens a second: by as many as fill SECONDS, or by the operations of a short one where a whole one takes longer. */
async function rateOf(shape: EncoderShape, encode: Encode, tokens: number): Promise<number> {
  const short = Math.min(SHORT, tokens);
  await encode(passagesOf(shape, 1, short)); // compiles the kernels
  const [, trial] = await timed(() => encode(passagesOf(shape, 1, short)));
  const rate = forwardFlops(shape, 1, short) / forwardFlops(shape, 1, tokens) / trial;
  if (rate * SECONDS < 1) return rate;
  await encode(passagesOf(shape, Math.ceil(rate), tokens)); // a second's
  const [count, seconds] = await timedPassages(shape, encode, tokens, Math.ceil(rate));
  const [most, all] = await timedPassages(shape, encode, tokens, Math.ceil((SECONDS * count) / seconds));
  return most / all;
}

async function timedPassages(
  shape: EncoderShape,
  encode: Encode,
  tokens: number,
  count: number,
): Promise<[count: number, seconds: number]> {
  const table = passagesOf(shape, count, tokens);
  const [, seconds] = await timed(() => encode(table));
  return [count, seconds];
}

/** Of random tokens. */
function passagesOf({ transformer }: EncoderShape, count: number, tokens: number): TokenTable {
  const key = deriveKey(1, 'encoding rates');
  return tableOf(
    Array.from({ length: count }, (_, row) => Int32Array.from({ length: tokens }, (_, i) => integer(key, row, i, transformer.vocabulary))),
  );
}
