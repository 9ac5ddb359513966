/**
 * A TensorFlow.js backend named `onnx`: tensors are typed arrays as in the cpu backend, whose kernels it takes over;
 * the expensive ones run in onnxruntime instead.
 */
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import { registerSegmentSum } from '../segmentSum.js';
import { tf } from '../tf.js';
import { registerOnnxKernels } from './kernels.js';
import { loadBinding } from './session.js';

export const ONNX = 'onnx';

/** Makes the backend known to TensorFlow.js (once); throws what the loader throws where onnxruntime has no library for this platform. */
export function registerOnnxBackend(): void {
  if (tf.engine().registryFactory[ONNX]) return;
  loadBinding();
  tf.registerBackend(ONNX, () => {
    const backend = new MathBackendCPU();
    (backend as unknown as { firstUse: boolean }).firstUse = false; // no advertisement for tfjs-node
    return backend;
  });
  for (const kernel of tf.getKernelsForBackend('cpu')) tf.registerKernel({ ...kernel, backendName: ONNX });
  registerOnnxKernels(ONNX);
  registerSegmentSum(ONNX);
}
