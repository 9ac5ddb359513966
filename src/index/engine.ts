/** A vector engine over the network: for corpora that outgrow one machine. Its scores are never used: what it finds is scored from the stored vectors. */
import type { Phase } from '../core/reporter.js';
import { openPgvector } from './pgvector.js';
import type { VectorRows } from './storedVectors.js';
import type { Vectors } from './vectors.js';

export interface VectorEngine {
  /**
   * Loads the vectors as a generation and serves it in place of the one before, which is dropped. A load that was interrupted goes on; one that was
   * finished is not done again. Returns whether it was there already.
   */
  load(vectors: VectorRows, generation: string, phase: Phase): Promise<boolean>;
  /** Whether the generation is loaded whole and served. */
  holds(generation: string): Promise<boolean>;
  /** Of each query row about the k nearest of the generation by inner product, or more, in no order. */
  search(generation: string, queries: Vectors, queryRows: Int32Array, k: number): Promise<Int32Array[]>;
  close(): Promise<void>;
}

export interface EngineOptions {
  /** Of tables and views, so that several corpora share a server. */
  readonly name: string;
  /** Of the engine's graph. */
  readonly connectivity: number;
  readonly addExpansion: number;
  readonly searchExpansion: number;
  /** To each server at the same time. */
  readonly connections: number;
}

/** Throws a UserError where the environment names no server, or one cannot be reached. */
export const openEngine = (options: EngineOptions): Promise<VectorEngine> => openPgvector(options);
