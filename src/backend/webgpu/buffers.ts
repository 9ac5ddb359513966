/**
 * The buffers of TensorFlow.js' WebGPU backend. It keeps each that is released for the next tensor of exactly that size, and gives none
 * back: where lengths differ from step to step, each step would leave the memory of its own sizes. Here the longest unused are given back
 * as soon as all together are a quarter more than the most that were in use at once; of steps of one shape all are used again.
 */
import { tf } from '../tf.js';
import { webgpuIsActive } from './kernel.js';

interface Buffer {
  readonly size: number;
  readonly usage: number;
  destroy(): void;
}

/** TensorFlow.js'. */
export interface BufferManager {
  readonly freeBuffers: Map<string, Buffer[]>;
  numFreeBuffers: number;
  readonly numBytesUsed: number;
  numBytesAllocated: number;
  acquireBuffer(size: number, usage: number, mappedAtCreation?: boolean, reuse?: boolean): Buffer;
  releaseBuffer(buffer: Buffer, reuse?: boolean): void;
}

/** By the most in use at once. */
const MOST_KEPT = 1.25;
/** Likewise, of what was given back and the device may still be reading. */
const MOST_PENDING = 0.25;

/** Bytes in use at most, and those given back since the device was last waited for, by the backend's manager. */
const watched = new WeakMap<BufferManager, { most: number; pending: number }>();

/** Has the manager keep no more than that. */
export function limitBuffers(manager: BufferManager): void {
  if (watched.has(manager)) return;
  const bytes = { most: 0, pending: 0 };
  watched.set(manager, bytes);
  const unused = new Set<Buffer>(); // the longest first
  const [acquire, release] = [manager.acquireBuffer.bind(manager), manager.releaseBuffer.bind(manager)];
  manager.acquireBuffer = (size, usage, mappedAtCreation, reuse) => {
    const buffer = acquire(size, usage, mappedAtCreation, reuse);
    unused.delete(buffer);
    bytes.most = Math.max(bytes.most, manager.numBytesUsed);
    for (const one of unused) {
      if (manager.numBytesAllocated <= MOST_KEPT * bytes.most) break;
      unused.delete(one);
      giveBack(manager, one);
      bytes.pending += one.size;
    }
    return buffer;
  };
  manager.releaseBuffer = (buffer, reuse = true) => {
    release(buffer, reuse);
    if (reuse) unused.add(buffer);
    else bytes.pending += buffer.size;
  };
}

/** What uses it was submitted before it was released, so that it may go; its memory goes when the device is done with it. */
function giveBack(manager: BufferManager, buffer: Buffer): void {
  const alike = manager.freeBuffers.get(`${buffer.size}_${buffer.usage}`)!;
  alike.splice(alike.indexOf(buffer), 1);
  manager.numFreeBuffers--;
  manager.numBytesAllocated -= buffer.size;
  buffer.destroy();
}

interface WebgpuBackend {
  readonly bufferManager: BufferManager;
  readonly queue: { onSubmittedWorkDone(): Promise<void> };
}

/** Waits for the device where much that was given back waits for it: the host is faster, and would fill the memory. */
export async function roomOnDevice(): Promise<void> {
  if (!webgpuIsActive()) return;
  const { bufferManager, queue } = tf.backend() as unknown as WebgpuBackend;
  const bytes = watched.get(bufferManager)!;
  if (bytes.pending <= MOST_PENDING * bytes.most) return;
  bytes.pending = 0;
  await queue.onSubmittedWorkDone();
}
