/**
 * One replica of the model: a thread with its own weights and its own backend. All replicas run the same command on the
 * same shared memory and divide its rows among themselves: encoding and searching take shards in turn, a training step
 * splits the batch by length and exchanges vectors, so that every query meets the passages of all replicas.
 */
import { hostValues, tf } from '../backend/index.js';
import { createDualEncoder, type DualEncoder } from '../encoders/dualEncoder.js';
import { assignWeights, createWeights, disposeWeights, type Weights } from '../encoders/parameters.js';
import { encodeRows, rowsOfShard } from '../index/encode.js';
import { ExactIndex, gathered, QUERY_BLOCK, rowsAmong } from '../index/exact.js';
import { writeVectorShard } from '../index/vectorShards.js';
import { Barrier } from './barrier.js';
import type { Command, EncodeTask, SearchTask, SharedMemory, StepBatch } from './sharedMemory.js';
import { computeStep, type StepResult } from './step.js';

export class Replica {
  readonly encoder: DualEncoder;
  private readonly weights: Weights;
  private readonly barrier: Barrier;

  constructor(
    private readonly shared: SharedMemory,
    private readonly number: number,
  ) {
    this.encoder = createDualEncoder(shared.encoder);
    this.weights = createWeights(this.encoder.specs, shared.parameters);
    this.barrier = new Barrier(shared.barrier, shared.replicas);
  }

  /** Takes the parameters from a tensor [P] that the caller owns. */
  assign(parameters: tf.Tensor1D): void {
    assignWeights(this.encoder.specs, this.weights, parameters);
  }

  private pull(): void {
    const flat = tf.tensor1d(this.shared.parameters.slice());
    this.assign(flat);
    flat.dispose();
  }

  /** Encodes shards until none is left; `onShards` hears how many of them this replica knows to be taken. */
  encode({ side, rows, shards, keptIn }: EncodeTask, onShards?: (taken: number) => void): void {
    const { tokens, vectors, padId } = this.shared;
    const { width } = this.encoder;
    this.takeShards(shards.length, 1, (place, end) => {
      const shard = shards[place]!;
      const own = rowsOfShard(rows, shard);
      encodeRows(this.encoder, this.weights, side, tokens[side], own, padId, vectors[side]);
      if (keptIn) writeVectorShard(keptIn, shard, gathered({ values: vectors[side], width }, own), width);
      onShards?.(end);
    });
  }

  search(task: SearchTask, onBlock?: (queriesTaken: number) => void): void {
    const { width, logitScale } = this.encoder;
    const all = { values: this.shared.vectors.passage, width };
    const index = new ExactIndex(task.among ? { values: gathered(all, task.among), width } : all);
    this.takeShards(task.queryRows.length, QUERY_BLOCK, (begin, end) => {
      const rows = task.queryRows.subarray(begin, end);
      const hits = index.search({ values: this.shared.vectors.query, width }, rows, task.depth, logitScale);
      task.passages.set(task.among ? rowsAmong(hits.passages, task.among) : hits.passages, begin * task.depth);
      task.scores.set(hits.scores, begin * task.depth);
      onBlock?.(end);
    });
  }

  /** Forward, exchange, loss, backward of this replica's share of the batch. */
  step(batch: StepBatch): StepResult {
    return computeStep(
      { shared: this.shared, number: this.number, encoder: this.encoder, weights: this.weights, barrier: this.barrier },
      batch,
    );
  }

  /** Writes this replica's share of loss and gradient to shared memory and waits for the others'. */
  publish(result: StepResult): void {
    publishShare(this.shared, this.number, result);
    this.barrier.wait();
  }

  /** A command that came from the first replica: with the parameters of shared memory. */
  run(command: Command): void {
    this.pull();
    switch (command.kind) {
      case 'encode':
        this.encode(command);
        break;
      case 'search':
        this.search(command);
        break;
      case 'step':
        tf.tidy(() => this.publish(this.step(command)));
        break;
      default:
        throw new Error(`internal: command ${command satisfies never}`);
    }
  }

  fail(): void {
    this.barrier.fail();
  }

  dispose(): void {
    disposeWeights(this.weights);
  }

  private takeShards(total: number, size: number, work: (begin: number, end: number) => void): void {
    for (;;) {
      const begin = Atomics.add(this.shared.cursor, 0, 1) * size;
      if (begin >= total) break;
      work(begin, Math.min(total, begin + size));
    }
    this.barrier.wait();
  }
}

/** Where replicas leave their shares of a step. */
type Shares = Pick<SharedMemory, 'gradients' | 'losses'>;

export function publishShare(shared: Shares, number: number, { loss, gradient }: StepResult): void {
  shared.gradients[number]!.set(hostValues(gradient)); // replicas live on CPU backends: no device to wait for
  shared.losses[number] = hostValues(loss)[0]!;
}

/** Loss and flat gradient [P] summed over replicas, in their order. */
export function summedStep(shared: Shares): StepResult {
  const sum = Float32Array.from(shared.gradients[0]!);
  for (const gradient of shared.gradients.slice(1)) for (let i = 0; i < sum.length; i++) sum[i]! += gradient[i]!;
  return { loss: tf.scalar(shared.losses.reduce((total, loss) => total + loss, 0)), gradient: tf.tensor1d(sum) };
}
