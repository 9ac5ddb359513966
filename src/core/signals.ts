/** Whether `done` comes before the signal. Throws what it fails with; leaves no listener behind, of which Node warns from the eleventh on. */
export async function isBeforeSignal(done: Promise<unknown>, signal: AbortSignal | undefined): Promise<boolean> {
  if (signal?.aborted) return false;
  let stop = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  signal?.addEventListener('abort', stop);
  await Promise.race([done, stopped]).finally(() => signal?.removeEventListener('abort', stop));
  return !signal?.aborted;
}
