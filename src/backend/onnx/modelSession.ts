/** A whole model of an .onnx file in onnxruntime, for inference. */
import { span } from '../../core/spans.js';
import { loadBinding, type NativeTensor } from './session.js';

/** Values with their shape; whole numbers may be int64 in the model (`long`). */
export interface ModelInput {
  readonly type: 'float32' | 'int8' | 'int32' | 'int64';
  readonly values: Float32Array | Int8Array | Int32Array;
  readonly shape: readonly number[];
}

export interface ModelSession {
  /** Runs the model and writes one float output; `shape` is its shape. */
  run(inputs: Readonly<Record<string, ModelInput>>, output: string, shape: readonly number[]): Float32Array;
}

/** A session of `threads` threads; the bytes are copied. The binding frees it when it is collected, not before. */
export function openModelSession(model: Uint8Array, threads: number): ModelSession {
  const session = new (loadBinding().InferenceSession)();
  const bytes = model.buffer instanceof ArrayBuffer ? model : Uint8Array.from(model); // the binding takes no shared memory
  session.loadModel(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  });
  return {
    run: (inputs, output, shape) => {
      const data = new Float32Array(shape.reduce((size, dim) => size * dim, 1));
      const feeds = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, native(input)]));
      span('fused encoder', () => session.run(feeds, { [output]: { type: 'float32', data, dims: shape } }, {}));
      return data;
    },
  };
}

const native = ({ type, values, shape }: ModelInput): NativeTensor => ({
  type,
  data: type === 'int64' ? BigInt64Array.from(values, BigInt) : values,
  dims: shape,
});
