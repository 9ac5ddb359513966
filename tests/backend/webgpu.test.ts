/** What of WebGPU needs no adapter. */
import { expect, it } from 'vitest';
import { deviceLost } from '../../src/backend/index.js';
import { watchDevice } from '../../src/backend/webgpu/adapter.js';
import { UserError } from '../../src/core/errors.js';

it('a lost device rejects what waits for it, with what to do', async () => {
  let lose = (_: { message: string }) => {};
  const lost = new Promise<{ message: string }>((resolve) => {
    lose = resolve;
  });
  watchDevice({ lost });
  const waiting = deviceLost();
  lose({ message: 'it fell off the bus' });
  await expect(waiting).rejects.toThrow(UserError);
  await expect(deviceLost()).rejects.toThrow(
    'webgpu: the device was lost: it fell off the bus. What was saved is whole: go on with --resume.',
  );
});
