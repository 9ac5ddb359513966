/** The group of replicas as the loop sees it: the first one lives in this thread, the others in workers. */
import { type BackendName, hostValues, tf } from '../backend/index.js';
import type { Phase } from '../core/reporter.js';
import type { Side } from '../encoders/dualEncoder.js';
import { shardsOf } from '../index/encode.js';
import { Replica, summedStep } from './replica.js';
import { closeThread, openThread, type ReplicaThread, runAll } from './replicaThread.js';
import { type Command, type EncodeTask, type SharedMemory, type StepBatch, sharedFloats, sharedInts } from './sharedMemory.js';
import type { StepResult } from './step.js';

export interface EncodePart extends Partial<Pick<EncodeTask, 'shards' | 'keptIn'>> {
  /** Hears how many of the shards the first replica knows to be taken. */
  readonly onShards?: (taken: number) => void;
}

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

  /** Encodes the rows, in shards of SHARD_ROWS: all of them, into shared memory, unless `part` says otherwise. */
  async encode(side: Side, rows: Int32Array, part: EncodePart = {}): Promise<void> {
    const task = { side, rows, shards: part.shards ?? shardsOf(rows.length), keptIn: part.keptIn };
    await this.all({ kind: 'encode', ...task }, () => this.first.encode(task, part.onShards));
  }

  /** Top `depth` passages of the query rows; of those in `among`, ascending, where that is given. */
  async search(
    queryRows: Int32Array,
    depth: number,
    { phase, among }: { phase?: Phase; among?: Int32Array | undefined } = {},
  ): Promise<{ passages: Int32Array; scores: Float32Array }> {
    const task = {
      queryRows,
      depth,
      among,
      passages: sharedInts(queryRows.length * depth),
      scores: sharedFloats(queryRows.length * depth),
    };
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
