/**
 * A TensorFlow.js backend named `onnx`: tensors are typed arrays as in the cpu backend, whose kernels it takes over;
 * the expensive ones run in onnxruntime instead.
 */

import { registerSegmentSum } from '../segmentSum.js';
import { tf } from '../tf.js';
import { OnnxBackend } from './backend.js';
import { registerOnnxKernels } from './kernels.js';
import { loadBinding } from './session.js';

export const ONNX = 'onnx';

/** Makes the backend known to TensorFlow.js (once); throws what the loader throws where onnxruntime has no library for this platform. */
export function registerOnnxBackend(): void {
  if (tf.engine().registryFactory[ONNX]) return;
  loadBinding();
  tf.registerBackend(ONNX, () => new OnnxBackend());
  for (const kernel of tf.getKernelsForBackend('cpu')) {
    tf.registerKernel({ ...kernel, backendName: ONNX, kernelFunc: guarded(kernel.kernelFunc) });
  }
  registerOnnxKernels(ONNX);
  registerSegmentSum(ONNX);
}

/** Some cpu kernels, such as Slice, return a view of their input's memory, which must then not be used again. */
function guarded(kernelFunc: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const outputs = kernelFunc(call);
    const backend = call.backend as OnnxBackend;
    const bufferOf = ({ dataId }: tf.TensorInfo) => backend.valuesOf(dataId)?.buffer;
    const given = Object.values(call.inputs)
      .flat()
      .filter((input) => input != null);
    for (const output of Array.isArray(outputs) ? outputs : [outputs]) {
      const shared = given.find((input) => input.dataId !== output.dataId && bufferOf(input) === bufferOf(output));
      if (shared) backend.keepForever(shared.dataId);
    }
    return outputs;
  };
}
