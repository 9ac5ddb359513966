/** What of WebGPU is no operator. */
import { expect, it, vi } from 'vitest';
import { largestBuffer, probeBackends, requireBuffer, tf } from '../../src/backend/index.js';
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
