/**
 * Threads that work for one caller after the other. They are never ended but kept for the next: onnxruntime-node 1.16.3 corrupts the heap of the process
 * when a thread that has loaded it exits.
 */
import { parentPort, type Worker } from 'node:worker_threads';
import { errorOf, type Failure, failureOf } from '../core/errors.js';
import { startThread } from '../core/threads.js';

interface Reply {
  readonly failed?: Failure;
}

export class ThreadPool<Message> {
  private readonly idle: Worker[] = [];

  constructor(private readonly script: URL) {}

  take(threads: number): Worker[] {
    return Array.from({ length: threads }, () => this.idle.pop() ?? startThread(this.script));
  }

  giveBack(workers: readonly Worker[]): void {
    this.idle.push(...workers);
  }

  /** Sends each the message, and waits until all have done it. Throws what the first of them fails with. */
  async everyone(workers: readonly Worker[], message: Message): Promise<void> {
    const outcomes = await Promise.allSettled(
      workers.map(
        (worker) =>
          new Promise<void>((resolve, reject) => {
            worker.ref();
            const settle = (answer: Reply | Error) => {
              worker.off('message', settle).off('error', settle).unref();
              if (answer instanceof Error) reject(answer);
              else if (answer.failed) reject(errorOf(answer.failed));
              else resolve();
            };
            worker.on('message', settle).on('error', settle).postMessage(message);
          }),
      ),
    );
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  /** Sends each the message, which none answers. */
  tell(workers: readonly Worker[], message: Message): void {
    for (const worker of workers) worker.postMessage(message);
  }
}

/** In a thread of a pool: does what it is sent. Where `handle` returns undefined, the message is not answered. */
export function serve<Message>(handle: (message: Message) => Promise<void> | undefined): void {
  const port = parentPort!;
  port.on('message', async (message: Message) => {
    const done = handle(message);
    if (!done) return;
    const reply: Reply = await done.then(
      () => ({}),
      (error: Error) => ({ failed: failureOf(error) }),
    );
    port.postMessage(reply);
  });
}
