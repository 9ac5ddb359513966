/** What the replicas of a job share beside their parameters: tokens and vectors, and the commands they run. */
import type { TokenTable } from '../../data/types.js';
import { createDualEncoder, type EncoderShape, type Side } from '../../encoders/dualEncoder.js';
import { createSharedGroup, type SharedFloats, type SharedGroup, sharedFloats, sharedInts } from '../group/member.js';
import type { Contrast } from './contrastive.js';
import type { LossConfig } from './losses.js';

/** How a step's activations are kept (step.ts). */
export interface MemoryPlan {
  /** All at once; in chunks by GradCache; or, where queries compete for their own passages alone, a few queries at a time. */
  readonly kind: 'whole' | 'gradCache' | 'accumulation';
  /** Queries, with their passages, whose activations are in memory at once. */
  readonly microBatch: number;
  /** Sequences of a GradCache chunk: what microBatch queries and their passages are. */
  readonly chunkRows: number;
  /** Layers keep their input alone and are computed again in the backward pass. */
  readonly recompute: boolean;
}

/** What all replicas see. Vectors are [rows, D], row after row. */
export interface SharedMemory extends SharedGroup {
  readonly seed: number;
  readonly padId: number;
  readonly encoder: EncoderShape;
  readonly memory: MemoryPlan;
  readonly loss: LossConfig;
  readonly tokens: Record<Side, TokenTable>;
  readonly vectors: Record<Side, SharedFloats>;
  /** The vectors of one step, [rows, D]. */
  readonly stepVectors: SharedFloats;
  /** The next shard that nobody has taken. */
  readonly cursor: Int32Array<SharedArrayBuffer>;
}

/** One training step's batch, the same for every replica: queries, then passages. */
export interface StepBatch {
  readonly step: number;
  readonly queries: TokenTable;
  readonly passages: TokenTable;
  readonly contrast: Contrast;
}

export interface EncodeTask {
  readonly side: Side;
  readonly rows: Int32Array;
  /** Which shards of the rows, each SHARD_ROWS of them: what a shard's vectors are depends on its rows alone. */
  readonly shards: Int32Array;
  /** The folder in which each shard's vectors are written down as soon as they are made. */
  readonly keptIn?: string | undefined;
}

export interface SearchTask {
  readonly queryRows: Int32Array;
  readonly depth: number;
  /** The passage rows that are searched, ascending; all where absent. */
  readonly among?: Int32Array | undefined;
  /** [queryRows · depth] */
  readonly passages: Int32Array<SharedArrayBuffer>;
  readonly scores: SharedFloats;
}

/** Beside what every group is told. */
export type Command = ({ readonly kind: 'encode' } & EncodeTask) | ({ readonly kind: 'search' } & SearchTask);

/** Of replicas that encode and search alone: no step is taken. */
export const NO_STEP: { readonly memory: MemoryPlan; readonly maxStepRows: number } = {
  memory: { kind: 'whole', microBatch: 1, chunkRows: 1, recompute: false },
  maxStepRows: 1,
};

export function createSharedMemory(
  settings: Pick<SharedMemory, 'replicas' | 'seed' | 'padId' | 'encoder' | 'memory' | 'loss'> & { readonly maxStepRows: number },
  tokens: Record<Side, TokenTable>,
): SharedMemory {
  const { replicas, seed, padId, encoder, memory, loss, maxStepRows } = settings;
  const { width, specs } = createDualEncoder(encoder);
  const vectors = (table: TokenTable) => sharedFloats((table.offsets.length - 1) * width);
  return {
    ...createSharedGroup(replicas, specs),
    seed,
    padId,
    encoder,
    memory,
    loss,
    tokens: { query: shareTokens(tokens.query), passage: shareTokens(tokens.passage) },
    vectors: { query: vectors(tokens.query), passage: vectors(tokens.passage) },
    stepVectors: sharedFloats(maxStepRows * width),
    cursor: sharedInts(1),
  };
}

function shareTokens(table: TokenTable): TokenTable {
  const ids = sharedInts(table.ids.length);
  ids.set(table.ids);
  const offsets = new Uint32Array(new SharedArrayBuffer(table.offsets.byteLength));
  offsets.set(table.offsets);
  return { ids, offsets };
}
