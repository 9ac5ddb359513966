/** The group of the retriever's replicas. */
import type { BackendName } from '../../backend/index.js';
import type { Phase } from '../../core/reporter.js';
import type { Side } from '../../encoders/dualEncoder.js';
import { shardsOf } from '../../index/encode.js';
import { Group, openThreads } from '../group/group.js';
import { sharedFloats, sharedInts } from '../group/member.js';
import { Replica } from './replica.js';
import type { Command, EncodeTask, SharedMemory, StepBatch } from './sharedMemory.js';

export interface EncodePart extends Partial<Pick<EncodeTask, 'shards' | 'keptIn'>> {
  /** Hears how many of the shards the first replica knows to be taken. */
  readonly onShards?: (taken: number) => void;
}

export class Replicas extends Group<StepBatch, Command, Replica> {
  private constructor(
    readonly shared: SharedMemory,
    ...[first, workers]: [Replica, ConstructorParameters<typeof Group>[2]]
  ) {
    super(shared, first, workers);
  }

  static async create(shared: SharedMemory, backend: BackendName): Promise<Replicas> {
    const workers = await openThreads({ retriever: shared }, shared.replicas, backend);
    return new Replicas(shared, new Replica(shared, 0), workers);
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

  /** A command whose rows the replicas take in turn. */
  private all(command: Command, own: () => Promise<void>): Promise<void> {
    Atomics.store(this.shared.cursor, 0, 0);
    return this.run(command, own);
  }
}
