/**
 * One replica of the retriever. All divide the rows of a command among themselves: encoding and searching take shards in turn, a training step splits
 * the batch by length and exchanges vectors, so that every query meets the passages of all replicas.
 */
import type { tf } from '../../backend/index.js';
import { span } from '../../core/spans.js';
import { createDualEncoder, type DualEncoder, type Side } from '../../encoders/dualEncoder.js';
import { createInference } from '../../encoders/inference.js';
import { encodeRows, rowsOfShard } from '../../index/encode.js';
import { ExactIndex, queryBlock, rowsAmong } from '../../index/exact.js';
import { writeVectorShard } from '../../index/vectorShards.js';
import { gathered, type Vectors } from '../../index/vectors.js';
import type { GradientSums } from '../group/gradientSums.js';
import { Member } from '../group/member.js';
import type { Command, EncodeTask, SearchTask, SharedMemory, StepBatch } from './sharedMemory.js';
import { computeStep } from './step.js';

export class Replica extends Member<StepBatch, Command> {
  readonly encoder: DualEncoder;

  constructor(
    private readonly shared: SharedMemory,
    number: number,
  ) {
    const encoder = createDualEncoder(shared.encoder);
    super(shared, number, encoder.specs);
    this.encoder = encoder;
  }

  /** Of all texts of a side, in the memory that the replicas share. */
  vectorsOf(side: Side): Vectors {
    return { values: this.shared.vectors[side], width: this.encoder.width };
  }

  /** Encodes shards until none is left; `onShards` hears how many of them this replica knows to be taken. */
  async encode({ side, rows, shards, keptIn }: EncodeTask, onShards?: (taken: number) => void): Promise<void> {
    const { tokens, padId } = this.shared;
    const all = this.vectorsOf(side);
    const inference = createInference(this.encoder, this.weights, side);
    await this.takeShards(shards.length, 1, async (place, end) => {
      const shard = shards[place]!;
      const own = rowsOfShard(rows, shard);
      await span('encode', () => encodeRows(inference, tokens[side], own, padId, all));
      if (keptIn) writeVectorShard(keptIn, shard, gathered(all, own), all.width);
      onShards?.(end);
    });
  }

  async search(task: SearchTask, onBlock?: (queriesTaken: number) => void): Promise<void> {
    const { logitScale } = this.encoder;
    const [queries, all] = [this.vectorsOf('query'), this.vectorsOf('passage')];
    const index = new ExactIndex(task.among ? { values: gathered(all, task.among), width: all.width } : all);
    await this.takeShards(task.queryRows.length, queryBlock(task.depth), async (begin, end) => {
      const rows = task.queryRows.subarray(begin, end);
      const hits = await span('search', () => index.search(queries, rows, task.depth, logitScale));
      task.passages.set(task.among ? rowsAmong(hits.passages, task.among) : hits.passages, begin * task.depth);
      task.scores.set(hits.scores, begin * task.depth);
      onBlock?.(end);
    });
  }

  /** Forward, exchange, loss, backward of this replica's share of the batch. */
  protected override accumulate(batch: StepBatch, sums: GradientSums): tf.Scalar {
    const { shared, number, encoder, weights, barrier } = this;
    return computeStep({ shared, number, encoder, weights, barrier, sums }, batch);
  }

  protected override runOwn(command: Command): Promise<void> {
    return command.kind === 'encode' ? this.encode(command) : this.search(command);
  }

  private async takeShards(total: number, size: number, work: (begin: number, end: number) => Promise<void>): Promise<void> {
    for (;;) {
      const begin = Atomics.add(this.shared.cursor, 0, 1) * size;
      if (begin >= total) break;
      await work(begin, Math.min(total, begin + size));
    }
    this.barrier.wait();
  }
}
