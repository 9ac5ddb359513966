/** One replica of the ranker. All divide the pairs of a command among themselves. */
import type { tf } from '../../backend/index.js';
import { rowsIn } from '../../encoders/batching.js';
import { type CrossEncoder, createCrossEncoder } from '../../encoders/crossEncoder.js';
import { type PairTable, pairChunks } from '../../encoders/pairs.js';
import type { GradientSums } from '../group/gradientSums.js';
import { Member, type SharedFloats } from '../group/member.js';
import { computeRankerStep, type RankerBatch, type SharedRanker } from './rankerStep.js';

/** Beside what every group is told. */
export type RankerCommand = { readonly kind: 'score'; readonly pairs: PairTable; readonly scores: SharedFloats };

/** Padded tokens of one scoring pass: its activations stay in a core's cache. */
const CHUNK_TOKENS = 2048;

export class RankerReplica extends Member<RankerBatch, RankerCommand> {
  readonly encoder: CrossEncoder;

  constructor(
    private readonly shared: SharedRanker,
    number: number,
  ) {
    const encoder = createCrossEncoder(shared.shape);
    super(shared, number, encoder.specs);
    this.encoder = encoder;
  }

  /** Writes the logits of this replica's share of the pairs to `scores`. */
  async score(pairs: PairTable, scores: SharedFloats): Promise<void> {
    const rows = Int32Array.from({ length: rowsIn(pairs) }, (_, row) => row);
    const { replicas, padId } = this.shared;
    const own = pairChunks(pairs, rows, { tokens: CHUNK_TOKENS }, padId).filter((_, chunk) => chunk % replicas === this.number);
    for (const { places, batch } of own) {
      const logits = this.encoder.score(this.weights, batch); // [B]
      const values = await logits.data();
      places.forEach((place, i) => {
        scores[place] = values[i]!;
      });
      logits.dispose();
    }
    this.barrier.wait();
  }

  protected override accumulate(batch: RankerBatch, sums: GradientSums): tf.Scalar {
    const { shared, number, encoder, weights } = this;
    return computeRankerStep({ shared, number, encoder, weights, sums }, batch);
  }

  protected override runOwn({ pairs, scores }: RankerCommand): Promise<void> {
    return this.score(pairs, scores);
  }
}
