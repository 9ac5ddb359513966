/** What the fused operators share: whether the onnx backend is active, and a graph as a function of tensors. */
import { tf } from '../tf.js';
import type { OnnxBackend } from './backend.js';
import type { Graph } from './graph.js';
import { runGraph, type Values } from './session.js';

/** Whether fused graphs may be used; elsewhere the operators compose TensorFlow.js' own. */
export function onnxIsActive(): boolean {
  return tf.getBackend() === 'onnx';
}

/** Whether tensors lie in memory that the threads of the CPU cannot share. */
export const isOnDevice = (): boolean => ['webgpu', 'tensorflow'].includes(tf.getBackend());

/** Whether TensorFlow.js is inside a function it will differentiate: what only the backward pass needs is not computed otherwise. */
export function gradientsAreRecorded(): boolean {
  return tf.engine().state.gradientDepth > 0;
}

/** The tensor's values, not copied, with a shape of the same size. */
export function viewed(tensor: tf.Tensor, shape: readonly number[] = tensor.shape): Values {
  return { values: (tf.backend() as OnnxBackend).valuesOf(tensor.dataId), shape };
}

/**
 * The tensor's values on the host, to be read at once: not copied where the backend holds them there, and used again after the
 * tensor is disposed of. For what runs on a CPU alone: a device would be waited for, and WebGPU in Node cannot be.
 */
export function hostValues(tensor: tf.Tensor): Float32Array {
  return onnxIsActive() ? viewed(tensor).values : (tensor.dataSync() as Float32Array);
}

/** Fills a variable anew: `write` is given all its values to write over, in place where the backend holds them on the host. */
export function fillTensor(variable: tf.Variable, write: (values: Float32Array) => void): void {
  if (onnxIsActive()) {
    write(viewed(variable).values);
    return;
  }
  const values = new Float32Array(variable.size);
  write(values);
  tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
}

/** A tensor that owns `values`, an array of `takeArray`, not copied. */
export function owned<T extends tf.Tensor>(values: Float32Array, shape: readonly number[]): T {
  return tf.engine().makeTensorFromTensorInfo((tf.backend() as OnnxBackend).adopt(values, shape)) as T;
}

/** Runs a graph and returns its outputs as tensors; `shapes` are those the graph writes, which a caller may reshape for free. */
export function runOnTensors(graph: Graph, inputs: readonly (tf.Tensor | Values)[], shapes: readonly (readonly number[])[]): tf.Tensor[] {
  const values = inputs.map((input) => (input instanceof tf.Tensor ? viewed(input) : input));
  return runGraph(graph, values, shapes).map((output, i) => owned(output, shapes[i]));
}
