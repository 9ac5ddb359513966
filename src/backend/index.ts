/** The backends of TensorFlow.js, and the transformer's operators fused where the backend `onnx` runs. */

export { productGflops, recordKernels } from './kernelSpans.js';
export { type Node, node } from './onnx/graph.js';
export { registerOnnxBackend } from './onnx/index.js';
export { type ElementType, encodeModel, type Initializer, type Port, readNamedWeights, TRANSPOSED } from './onnx/modelFile.js';
export { type ModelInput, type ModelSession, openModelSession } from './onnx/modelSession.js';
export { fillTensor, hostValues, isOnDevice } from './onnx/operator.js';
export type { Values } from './onnx/session.js';
export { type AdamwResult, type AdamwSettings, type AdamwUpdate, adamw } from './operators/adamw.js';
export { attention } from './operators/attention.js';
export { crossEntropy } from './operators/crossEntropy.js';
export { dense, denseGelu } from './operators/dense.js';
export { type Dropout, dropoutMask } from './operators/dropout.js';
export { embedding, type RowListener, variableGradsHeard } from './operators/embedding.js';
export { firstTokenAttention } from './operators/firstTokenAttention.js';
export { createFlatMemory, type FlatMemory, type FlatRow, FlatVectors } from './operators/flatUpdate.js';
export { lamb } from './operators/lamb.js';
export { layerNorm, residualLayerNorm } from './operators/layerNorm.js';
export { type Attending, joinedRows } from './operators/parts.js';
export { productRows, productsInto } from './operators/products.js';
export { recomputed } from './operators/recomputed.js';
export { tokenMean } from './operators/tokenMean.js';
export type { BackendName, BackendProbe } from './prepare.js';
export { activeBackend, type BackendReport, type Precision, probeBackends, selectBackend } from './select.js';
export { tf } from './tf.js';
export { BestProducts } from './webgpu/bestProducts.js';
export { computeInHalves } from './webgpu/half.js';
export { largestBuffer, requireBuffer, webgpuIsActive } from './webgpu/kernel.js';
