/** A whole model of an .onnx file in onnxruntime, for inference. */
import { loadBinding } from './session.js';

export interface ModelSession {
  /** Runs the model on int64 inputs [B, T] and writes one float output; `shape` is its shape. */
  run(inputs: Readonly<Record<string, Int32Array>>, inputShape: readonly number[], output: string, shape: readonly number[]): Float32Array;
}

/** A session of `threads` threads; the bytes are copied. */
export function openModelSession(model: Uint8Array, threads: number): ModelSession {
  const session = new (loadBinding().InferenceSession)();
  const bytes = model.byteOffset === 0 && model.byteLength === model.buffer.byteLength ? model : model.slice();
  session.loadModel(bytes.buffer, 0, bytes.byteLength, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  });
  return {
    run: (inputs, inputShape, output, shape) => {
      const data = new Float32Array(shape.reduce((size, dim) => size * dim, 1));
      const feeds = Object.fromEntries(
        Object.entries(inputs).map(([name, values]) => [
          name,
          { type: 'int64', data: BigInt64Array.from(values, BigInt), dims: inputShape },
        ]),
      );
      session.run(feeds as never, { [output]: { type: 'float32', data, dims: shape } }, {});
      return data;
    },
  };
}
