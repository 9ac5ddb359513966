/** What a retriever may learn from besides its labels: a ranker that scores the passages of a batch. */
import type { Reporter } from '../../core/reporter.js';
import type { Dataset } from '../../data/types.js';
import type { Tokenizer } from '../../encoders/tokenizer/tokenizer.js';
import type { ResolvedJob } from '../folder/jobFolder.js';
import type { Refresh } from '../refresh/refresh.js';
import type { ServedSteps } from '../refresh/refreshSchedule.js';
import type { BatchRows, BatchSource } from '../step/batch.js';
import { competes } from '../step/losses.js';
import type { StepBatch } from '../step/sharedMemory.js';

export interface Teacher {
  /** Learns before the steps that the refresh serves, from its pools; returns at once where that is done, and early at the signal. */
  learn(refresh: Refresh, served: ServedSteps, signal: AbortSignal): Promise<void>;
  /** Its logits [Q·P] of a batch, 0 where a passage does not compete. */
  logits(batch: StepBatch, rows: BatchRows): Promise<Float32Array>;
  /** Writes what it has become; by name, the folders. */
  write(): Promise<Record<string, string>>;
  dispose(): Promise<void>;
}

/** What a teacher is made from. */
export interface TeacherSource {
  readonly job: ResolvedJob;
  readonly source: BatchSource;
  readonly tokenizer: Tokenizer;
  readonly reporter: Reporter;
}

/** The pairs of a batch that compete, as texts, and where in [Q·P] each stands. */
export function competingPairs(
  { queries, corpus }: Pick<Dataset, 'queries' | 'corpus'>,
  { contrast }: StepBatch,
  rows: BatchRows,
): { texts: [string, string][]; places: number[] } {
  const P = rows.passages.length;
  const places = [...contrast.mask.keys()].filter((place) => competes(contrast.mask[place]!));
  const texts = places.map((place): [string, string] => [
    queries.text(rows.queries[Math.floor(place / P)]!),
    corpus.text(rows.passages[place % P]!),
  ]);
  return { texts, places };
}
