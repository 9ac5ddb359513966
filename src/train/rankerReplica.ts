/** One replica of the ranker: a thread with its own weights. All run the same command and divide its pairs among themselves. */
import { hostValues, tf } from '../backend/index.js';
import { rowsIn } from '../encoders/batching.js';
import { type CrossEncoder, createCrossEncoder } from '../encoders/crossEncoder.js';
import { type PairTable, pairChunks } from '../encoders/pairs.js';
import { assignWeights, createWeights, disposeWeights, type Weights } from '../encoders/parameters.js';
import { Barrier } from './barrier.js';
import { computeRankerStep, type RankerBatch, type SharedRanker } from './rankerStep.js';
import { publishShare } from './replica.js';
import type { SharedFloats } from './sharedMemory.js';
import type { StepResult } from './step.js';

export type RankerCommand =
  | ({ readonly kind: 'rankerStep' } & RankerBatch)
  | { readonly kind: 'rankerScore'; readonly pairs: PairTable; readonly scores: SharedFloats };

/** Padded tokens of one scoring pass: its activations stay in a core's cache. */
const CHUNK_TOKENS = 2048;

export class RankerReplica {
  readonly encoder: CrossEncoder;
  private readonly weights: Weights;
  private readonly barrier: Barrier;

  constructor(
    private readonly shared: SharedRanker,
    private readonly number: number,
  ) {
    this.encoder = createCrossEncoder(shared.shape);
    this.weights = createWeights(this.encoder.specs, shared.parameters);
    this.barrier = new Barrier(shared.barrier, shared.replicas);
  }

  /** Takes the parameters from a tensor [P] that the caller owns. */
  assign(parameters: tf.Tensor1D): void {
    assignWeights(this.encoder.specs, this.weights, parameters);
  }

  /** A command that came from the first replica: with the parameters of shared memory. */
  run(command: RankerCommand): void {
    const flat = tf.tensor1d(this.shared.parameters.slice());
    this.assign(flat);
    flat.dispose();
    if (command.kind === 'rankerScore') this.score(command.pairs, command.scores);
    else tf.tidy(() => this.publish(this.step(command)));
  }

  /** Writes the logits of this replica's share of the pairs to `scores`. */
  score(pairs: PairTable, scores: SharedFloats): void {
    const rows = Int32Array.from({ length: rowsIn(pairs) }, (_, row) => row);
    pairChunks(pairs, rows, CHUNK_TOKENS, this.shared.padId).forEach(({ places, batch }, chunk) => {
      if (chunk % this.shared.replicas !== this.number) return;
      const logits = this.encoder.score(this.weights, batch); // [B]
      const values = hostValues(logits); // scores end in host memory: this is the output, not a stop on the way
      places.forEach((place, i) => {
        scores[place] = values[i]!;
      });
      logits.dispose();
    });
    this.barrier.wait();
  }

  step(batch: RankerBatch): StepResult {
    return computeRankerStep({ shared: this.shared, number: this.number, encoder: this.encoder, weights: this.weights }, batch);
  }

  publish(result: StepResult): void {
    publishShare(this.shared, this.number, result);
    this.barrier.wait();
  }

  fail(): void {
    this.barrier.fail();
  }

  dispose(): void {
    disposeWeights(this.weights);
  }
}
