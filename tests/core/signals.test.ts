import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { isBeforeSignal } from '../../src/core/signals.js';

const never = new Promise(() => {});

describe('isBeforeSignal', () => {
  it('is true of what is done, and passes on what fails', async () => {
    const { signal } = new AbortController();
    expect(await isBeforeSignal(Promise.resolve(), signal)).toBe(true);
    expect(await isBeforeSignal(Promise.resolve(), undefined)).toBe(true);
    await expect(isBeforeSignal(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('is false where the signal comes first, or came before', async () => {
    const controller = new AbortController();
    const waiting = isBeforeSignal(never, controller.signal);
    controller.abort();
    expect(await waiting).toBe(false);
    expect(await isBeforeSignal(never, controller.signal)).toBe(false);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });
});
