/** What of WebGPU is no operator. */
import { expect, it, vi } from 'vitest';
import { largestBuffer, norm, probeBackends, requireBuffer, tf } from '../../src/backend/index.js';
import { type BufferManager, limitBuffers } from '../../src/backend/webgpu/buffers.js';
import { UserError } from '../../src/core/errors.js';

/** A fresh copy of the module: a device fails once. */
async function watched() {
  vi.resetModules();
  const { watchDevice, deviceFailed } = await import('../../src/backend/webgpu/adapter.js');
  let lose = (_: { message: string }) => {};
  let refuse = (_: { error: { message: string } }) => {};
  watchDevice({
    lost: new Promise((resolve) => {
      lose = resolve;
    }),
    addEventListener: (_, hear) => {
      refuse = hear;
    },
  });
  return { lose, refuse, failure: deviceFailed().catch((error: Error) => `${error.constructor.name}: ${error.message}`) };
}

it('a lost device rejects what waits for it, with what to do', async () => {
  const { lose, failure } = await watched();
  lose({ message: 'it fell off the bus' });
  expect(await failure).toBe(
    'UserError: webgpu: the device was lost: it fell off the bus. What was saved is whole: run the command again, a job of training with --resume.',
  );
});

it('memory that is short is the user’s to change, a kernel that is refused is not', async () => {
  class GPUOutOfMemoryError {
    constructor(readonly message: string) {}
  }
  class GPUValidationError extends GPUOutOfMemoryError {}
  const short = await watched();
  short.refuse({ error: new GPUOutOfMemoryError('4 GB') });
  expect(await short.failure).toMatch(/^UserError: webgpu: the device is out of memory: 4 GB\. .*train\.microBatch/);
  const refused = await watched();
  refused.refuse({ error: new GPUValidationError('a reserved word') });
  expect(await refused.failure).toBe('Error: webgpu refuses what it was asked: a reserved word');
});

it('refuses what no buffer of the adapter holds, and nothing elsewhere', async ({ skip }) => {
  await tf.setBackend('cpu');
  requireBuffer(1e15, 'anything');
  const { usable, whyNot } = (await probeBackends()).find(({ name }) => name === 'webgpu')!;
  if (!usable) return skip(whyNot);
  await tf.setBackend('webgpu');
  const most = largestBuffer() / 4;
  requireBuffer(most, 'embeddings');
  expect(() => requireBuffer(most + 1, 'embeddings')).toThrow(UserError);
  expect(() => requireBuffer(most + 1, 'embeddings')).toThrow(/^backend: embeddings: .* buffers of at most .* GB; take a smaller encoder/);
});

/** What TensorFlow.js' manager does: whatever is released waits for the next of its size. */
function keepingAll() {
  type Held = ReturnType<BufferManager['acquireBuffer']>;
  const manager = {
    freeBuffers: new Map<string, Held[]>(),
    ...{ numFreeBuffers: 0, numBytesUsed: 0, numBytesAllocated: 0, made: 0, destroyed: 0 },
    acquireBuffer: (size: number, usage: number): Held => {
      manager.numBytesUsed += size;
      const known = manager.freeBuffers.get(`${size}_${usage}`)?.pop();
      if (known) return known;
      manager.made++;
      manager.numBytesAllocated += size;
      return { size, usage, destroy: () => manager.destroyed++ };
    },
    releaseBuffer: (buffer: Held): void => {
      manager.numBytesUsed -= buffer.size;
      const key = `${buffer.size}_${buffer.usage}`;
      manager.freeBuffers.set(key, [...(manager.freeBuffers.get(key) ?? []), buffer]);
    },
  };
  limitBuffers(manager);
  const use = (...sizes: number[]) => {
    for (const buffer of sizes.map((size) => manager.acquireBuffer(size, 1))) manager.releaseBuffer(buffer);
  };
  return { manager, use };
}

it('of steps that differ in size memory does not add up; of steps of one size all is used again', () => {
  const { manager, use } = keepingAll();
  for (let step = 0; step < 100; step++) use(1000 + step, 2000 + step, 3000 + step);
  expect(manager.numBytesAllocated).toBeLessThan(1.3 * 6300);
  expect(manager.made - manager.destroyed).toBeLessThan(6);
  const { made } = manager;
  for (let step = 0; step < 100; step++) use(1100, 2100, 3100);
  expect(manager.made - made).toBe(3);
});

it('tensors of ever other sizes leave no memory of their own on the device', async ({ skip }) => {
  const { usable, whyNot } = (await probeBackends()).find(({ name }) => name === 'webgpu')!;
  if (!usable) return skip(whyNot);
  await tf.setBackend('webgpu');
  const allocated = () => (tf.memory() as { numBytesAllocatedInGPU?: number }).numBytesAllocatedInGPU!;
  const before = allocated();
  for (let size = 1e5; size < 1.4e5; size += 1000) {
    const x = tf.tidy(() => tf.neg(tf.square(tf.ones([size]))));
    await x.data();
    x.dispose();
  }
  expect(allocated() - before).toBeLessThan(10 * 4e5); // of 40 sizes
});

it('the length of a long vector is that of sums in 64 bits', async ({ skip }) => {
  const { usable, whyNot } = (await probeBackends()).find(({ name }) => name === 'webgpu')!;
  if (!usable) return skip(whyNot);
  await tf.setBackend('webgpu');
  const values = Float32Array.from({ length: 30_000_001 }, (_, i) => (i % 1009) / 1e6);
  const expected = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  const x = tf.tensor1d(values);
  const length = norm(x);
  expect(Math.abs((await length.data())[0]! / expected - 1)).toBeLessThan(5e-7);
  tf.dispose([x, length]);
});
