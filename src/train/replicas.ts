/** The group of replicas as the loop sees it: the first one lives in this thread, the others in workers. */
import { type BackendName, hostValues, tf } from '../backend/index.js';
import type { Phase } from '../core/reporter.js';
import type { Side } from '../encoders/dualEncoder.js';
import { Replica, summedStep } from './replica.js';
import { closeThread, openThread, type ReplicaThread, runAll } from './replicaThread.js';
import { type Command, type SharedMemory, type StepBatch, sharedFloats, sharedInts } from './sharedMemory.js';
import type { StepResult } from './step.js';

export class Replicas {
  private constructor(
    readonly shared: SharedMemory,
    readonly first: Replica,
    private readonly workers: ReplicaThread[],
  ) {}

  static async create(shared: SharedMemory, backend: BackendName): Promise<Replicas> {
    const workers = await Promise.all(
      Array.from({ length: shared.replicas - 1 }, (_, i) => openThread({ shared, number: i + 1, backend })),
    );
    return new Replicas(shared, new Replica(shared, 0), workers);
  }

  /** Gives all replicas the parameters [P]. */
  assign(parameters: tf.Tensor1D): void {
    this.first.assign(parameters);
    if (this.workers.length > 0) this.shared.parameters.set(hostValues(parameters)); // CPU backends only, see replica.ts
  }

  async encode(side: Side, rows: Int32Array, phase?: Phase): Promise<void> {
    await this.all({ kind: 'encode', side, rows }, () => this.first.encode(side, rows, (taken) => phase?.update(taken)));
  }

  /** Top `depth` passages of the query rows. */
  async search(queryRows: Int32Array, depth: number, phase?: Phase): Promise<{ passages: Int32Array; scores: Float32Array }> {
    const task = { queryRows, depth, passages: sharedInts(queryRows.length * depth), scores: sharedFloats(queryRows.length * depth) };
    await this.all({ kind: 'search', ...task }, () => this.first.search(task, (taken) => phase?.update(taken)));
    return { passages: task.passages, scores: task.scores };
  }

  /** The loss of one step, and the flat gradient [P] of all replicas; the caller disposes both. */
  async step(batch: StepBatch): Promise<StepResult> {
    return this.all({ kind: 'step', ...batch }, () => {
      const own = this.first.step(batch);
      if (this.workers.length === 0) return own;
      this.first.publish(own);
      tf.dispose([own.loss, own.gradient]);
      return summedStep(this.shared);
    });
  }

  async dispose(): Promise<void> {
    this.first.dispose();
    await Promise.all(this.workers.map(closeThread));
  }

  private async all<T>(command: Command, own: () => T): Promise<T> {
    Atomics.store(this.shared.cursor, 0, 0);
    return runAll(this.workers, command, this.first, own);
  }
}
