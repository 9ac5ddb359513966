import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import type { tf } from '../tf.js';
import { isPooled, returnArray } from './pool.js';

type DataId = tf.DataId;

/** The cpu backend's tensors, typed arrays; those that graphs wrote go back to the pool when they are disposed of. */
export class OnnxBackend extends MathBackendCPU {
  /** The arrays to return, by the tensor data that alone refers to them. */
  private readonly pooled = new WeakMap<DataId, Float32Array>();

  constructor() {
    super();
    (this as unknown as { firstUse: boolean }).firstUse = false; // no advertisement for tfjs-node
  }

  /** A tensor of values from `takeArray`, not copied. */
  adopt(values: Float32Array, shape: readonly number[]): tf.TensorInfo {
    const info = this.makeTensorInfo([...shape], 'float32', values);
    if (isPooled(values.length)) this.pooled.set(info.dataId, values);
    return info;
  }

  /** The values themselves, valid while the tensor lives. */
  valuesOf(dataId: DataId): Float32Array {
    return this.data.get(dataId).values as Float32Array;
  }

  /** Never returns the tensor's memory: another tensor shares it. */
  keepForever(dataId: DataId): void {
    this.pooled.delete(dataId);
  }

  /** A copy where the array will be used again. */
  override readSync(dataId: DataId): ReturnType<MathBackendCPU['readSync']> {
    return this.pooled.get(dataId)?.slice() ?? super.readSync(dataId);
  }

  override disposeData(dataId: DataId, force = false): boolean {
    const gone = super.disposeData(dataId, force);
    const values = this.pooled.get(dataId);
    if (gone && values) {
      this.pooled.delete(dataId);
      returnArray(values);
    }
    return gone;
  }
}
