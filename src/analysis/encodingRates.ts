/** How fast this machine turns passages of one length into vectors, by what computes them: what a refresh of a corpus beyond the job's own takes. */
import os from 'node:os';
import { type BackendProbe, probeBackends, tf } from '../backend/index.js';
import { deriveKey, integer } from '../core/random.js';
import type { Reporter } from '../core/reporter.js';
import type { TokenTable } from '../data/types.js';
import { tableOf } from '../encoders/batching.js';
import { createDualEncoder, type EncoderShape } from '../encoders/dualEncoder.js';
import { forwardFlops } from '../encoders/flops.js';
import { INFERENCE_PRECISIONS } from '../encoders/onnx/inferenceModel.js';
import { initialParameters } from '../encoders/parameters.js';
import { type EncodedTower, onnxruntimeEncoder, type TableEncoder, tensorflowEncoder } from '../index/tableEncoder.js';
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
  const parameters = initialParameters(createDualEncoder(shape).specs, 1);
  const tower: EncodedTower = { shape, parameters, side: 'passage', padId: 0 };
  for (const precision of INFERENCE_PRECISIONS) {
    const encoder = await onnxruntimeEncoder({ ...tower, precision, threads });
    add({ provider: `onnxruntime, ${precision}`, threads, rate: await rateOf(shape, encoder, tokens) });
  }
  for (const probe of others) add(await backendRate(tower, probe, tokens));
  if (active) await tf.setBackend(active);
  phase.end();
  return { tokens, rates };
}

async function backendRate(tower: EncodedTower, { name, usable, whyNot }: BackendProbe, tokens: number): Promise<EncodingRate> {
  if (!usable) return { provider: name, threads: 1, whyNot: whyNot!.split(';')[0]! };
  await tf.setBackend(name);
  return { provider: name, threads: 1, rate: await rateOf(tower.shape, tensorflowEncoder(tower), tokens) };
}

/**
 * Passages of `tokens` tokens a second: by as many as fill SECONDS, or by the operations of a short one where a whole one takes longer. Closes the encoder.
 */
async function rateOf(shape: EncoderShape, encoder: TableEncoder, tokens: number): Promise<number> {
  const seconds = async (count: number, length: number) => {
    const table = passagesOf(shape, count, length);
    return (await timed(() => encoder.encode(table)))[1];
  };
  const short = Math.min(SHORT, tokens);
  await seconds(1, short); // compiles the kernels
  let rate = forwardFlops(shape, 1, short) / forwardFlops(shape, 1, tokens) / (await seconds(1, short));
  if (rate * SECONDS >= 1) {
    await seconds(Math.ceil(rate), tokens); // warms up
    for (const wanted of [1, SECONDS]) {
      const count = Math.ceil(wanted * rate);
      rate = count / (await seconds(count, tokens));
    }
  }
  encoder.close();
  return rate;
}

/** Of random tokens. */
function passagesOf({ transformer }: EncoderShape, count: number, tokens: number): TokenTable {
  const key = deriveKey(1, 'encoding rates');
  return tableOf(
    Array.from({ length: count }, (_, row) => Int32Array.from({ length: tokens }, (_, i) => integer(key, row, i, transformer.vocabulary))),
  );
}
