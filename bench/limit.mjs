/** The limit of a training step on a CPU: its matrix products alone (products.mjs), a part in every thread at once. */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { productsAlone } from './products.mjs';
import { partOf } from './shapes.mjs';

if (!isMainThread && workerData?.limit) {
  const run = productsAlone(workerData.limit);
  run();
  const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
  port.on('message', () => {
    run();
    port.postMessage('done');
  });
  port.postMessage('ready');
}

/**
 * A function that runs them once; the threads live until the process ends.
 * @param {import('./shapes.mjs').StepShape} shape @param {number} threads
 * @returns {Promise<() => Promise<void>>}
 */
export async function openLimit(shape, threads) {
  const part = partOf(shape, threads);
  const workers = Array.from({ length: threads - 1 }, () => new Worker(new URL(import.meta.url), { workerData: { limit: part } }));
  const heard = (/** @type {Worker} */ worker) => new Promise((resolve) => worker.once('message', resolve));
  await Promise.all(workers.map(heard));
  for (const worker of workers) worker.unref();
  const own = productsAlone(part);
  own();
  return async () => {
    const others = workers.map((worker) => {
      const done = heard(worker);
      worker.postMessage('run');
      return done;
    });
    own();
    await Promise.all(others);
  };
}
