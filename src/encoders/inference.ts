/** Vectors without gradients: by the fused graph of onnx/inferenceModel.ts where onnxruntime computes, by the encoder itself on other backends. */
import { hostValues, isOnDevice, type ModelInput, type ModelSession, openModelSession, tf } from '../backend/index.js';
import { type DualEncoder, type EncoderShape, type Side, towerPrefix, vectorWidth } from './dualEncoder.js';
import { encodeInferenceModel, type InferenceModel } from './onnx/inferenceModel.js';
import type { Weights } from './parameters.js';
import { mostTokens, type TokenBatch } from './transformer.js';
import { namedParts } from './weights.js';

export interface Inference {
  /** The vectors [B, W] of a batch, in host memory. */
  (batch: TokenBatch): Promise<Float32Array>;
  /** Padded tokens that a batch is best given at most. */
  readonly passTokens: number;
}

/** Of a pass on a CPU: its activations stay in a core's cache. */
const HOST_TOKENS = 512;
/** Of a pass on a device, which is given enough to do. */
const DEVICE_TOKENS = 16_384;

/** Padded tokens of a forward pass on the active backend. */
export const passTokens = ({ transformer }: Pick<EncoderShape, 'transformer'>): number =>
  isOnDevice() ? Math.min(DEVICE_TOKENS, mostTokens(transformer)) : HOST_TOKENS;

/** One thread on the active backend, with the weights as they are now. */
export function createInference(encoder: DualEncoder, weights: Weights, side: Side): Inference {
  if (tf.getBackend() === 'onnx') return withGivenWeights(encoder, weights, side);
  const infer = async (batch: TokenBatch) => {
    const encoded = encoder.encode(weights, side, batch); // [B, W]
    const values = (await encoded.data()) as Float32Array;
    encoded.dispose();
    return values;
  };
  return Object.assign(infer, { passTokens: passTokens(encoder.shape) });
}

/** A model of encodeInferenceModel with its weights, which onnxruntime lays out anew: a little faster, in twice the memory. */
export const openInference = (shape: EncoderShape, model: Uint8Array, threads: number): Inference =>
  runner(openModelSession(model, threads), shape, {});

/** By what the graph depends on. */
const sessions = new Map<string, ModelSession>();

function withGivenWeights({ shape, specs }: DualEncoder, weights: Weights, side: Side): Inference {
  const prefix = towerPrefix(shape.towers, side);
  const parts = specs
    .filter(({ name }) => name.startsWith(prefix))
    .flatMap((spec) => namedParts(spec, hostValues(weights[spec.name]!)))
    .map((part) => [part.name.slice(prefix.length), part] as const);
  const built = encodeInferenceModel(shape, new Map(parts), 'fp32', 'inputs');
  const { transformer, pooling, projection, similarity } = shape;
  const key = JSON.stringify({ transformer, pooling, projection, cosine: similarity !== 'dot' });
  let session = sessions.get(key);
  if (!session) {
    session = openModelSession(built.model, 1);
    sessions.set(key, session);
  }
  return runner(session, shape, givenInputs(built));
}

const givenInputs = ({ weights }: InferenceModel): Record<string, ModelInput> =>
  Object.fromEntries(
    weights.map(({ name, type, shape, values }) => [name, { type: type === 'float' ? ('float32' as const) : type, shape, values }]),
  );

function runner(session: ModelSession, shape: EncoderShape, given: Record<string, ModelInput>): Inference {
  const width = vectorWidth(shape);
  const infer = async ({ ids, lengths, tokens }: TokenBatch) => {
    const B = lengths.length;
    const inputs: Record<string, ModelInput> = {
      input_ids: { type: 'int32', values: ids, shape: [B, tokens] },
      lengths: { type: 'int32', values: lengths, shape: [B] },
    };
    return session.run({ ...given, ...inputs }, 'vectors', [B, width]);
  };
  return Object.assign(infer, { passTokens: HOST_TOKENS });
}
