/**
 * Threads that wait for each other on shared memory. A thread that fails raises the flag, and the others stop waiting
 * with an error instead of for ever.
 */
import { span } from '../../core/spans.js';

const ARRIVED = 0;
const GENERATION = 1;
const FAILED = 2;
const POLL_MILLISECONDS = 1000; // how soon a failure elsewhere is noticed if its wake-up was missed

export const createBarrierMemory = (): Int32Array<SharedArrayBuffer> => new Int32Array(new SharedArrayBuffer(12));

/** Thrown to those who wait for a thread that failed: what it failed with is the thread's own to say. */
export class OtherThreadFailed extends Error {}

export class Barrier {
  constructor(
    private readonly memory: Int32Array<SharedArrayBuffer>,
    private readonly threads: number,
  ) {}

  /** Returns when all threads have called it. Throws OtherThreadFailed when one of them has failed. */
  wait(): void {
    span('wait for other replicas', () => this.meet());
  }

  fail(): void {
    Atomics.store(this.memory, FAILED, 1);
    Atomics.notify(this.memory, GENERATION);
  }

  private meet(): void {
    const generation = Atomics.load(this.memory, GENERATION);
    if (Atomics.add(this.memory, ARRIVED, 1) + 1 === this.threads) {
      Atomics.store(this.memory, ARRIVED, 0);
      Atomics.add(this.memory, GENERATION, 1);
      Atomics.notify(this.memory, GENERATION);
      return;
    }
    while (Atomics.load(this.memory, GENERATION) === generation) {
      if (Atomics.load(this.memory, FAILED)) throw new OtherThreadFailed('another member failed');
      Atomics.wait(this.memory, GENERATION, generation, POLL_MILLISECONDS);
    }
  }
}
