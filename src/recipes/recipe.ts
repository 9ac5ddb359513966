/** A recipe: jobs that run before the one that a file describes, each resumable by itself, and what they leave to it. */
import type { RunConfig } from '../config/schema.js';
import type { Reporter } from '../core/reporter.js';
import type { JobOptions, JobParts } from '../train/job.js';

export interface Stage {
  /** Its folder in the job's, stages/NAME. */
  readonly name: string;
  /** What it does, in a few words. */
  readonly does: string;
  /** Steps of training. */
  readonly steps: number;
  /** The job that it is, where it trains a retriever. */
  readonly config?: RunConfig;
  /** Whether everything that it makes is there. */
  done(): boolean;
  /** Refuses to go on where it was begun with other settings; what was not trained yet is then begun anew. */
  requireSame(reporter: Reporter): void;
  /** Goes on from where it stopped; false where the signal ended it. */
  run(options: JobOptions): Promise<boolean>;
}

export interface Recipe {
  readonly stages: readonly Stage[];
  /** What the job itself does, in a few words. */
  readonly does: string;
  /** What the stages leave to the job. */
  readonly parts: JobParts;
}
