/** A vector engine over the network: for corpora that outgrow one machine. Its scores are never used: what it finds is scored from the stored vectors. */
import { UserError } from '../../core/errors.js';
import type { Phase } from '../../core/reporter.js';
import type { VectorRows } from '../storedVectors.js';
import type { Vectors } from '../vectors.js';
import { MILVUS_VARIABLE, openMilvus } from './milvus.js';
import { openPgvector, PGVECTOR_VARIABLE } from './pgvector.js';

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
  /** Of tables, views, collections and aliases, so that several corpora share a server. */
  readonly name: string;
  /** Of the engine's graph. */
  readonly connectivity: number;
  readonly addExpansion: number;
  readonly searchExpansion: number;
  /** To each server at the same time. */
  readonly connections: number;
}

/** By the variable of the environment that names the servers, and how they are logged in to: neither stands in a job file. */
const ENGINES = { [PGVECTOR_VARIABLE]: openPgvector, [MILVUS_VARIABLE]: openMilvus };

/** The engine whose variable is set. Throws a UserError where none or both are, or a server cannot be reached. */
export async function openEngine(options: EngineOptions): Promise<VectorEngine> {
  const named = Object.entries(ENGINES).filter(([variable]) => process.env[variable]?.trim());
  if (named.length !== 1)
    throw new UserError(
      `environment: found ${named.length === 0 ? 'neither' : 'both'} ${PGVECTOR_VARIABLE} ${named.length === 0 ? 'nor' : 'and'} ${MILVUS_VARIABLE}; expected one of them: the connection strings of PostgreSQL servers with pgvector, separated by spaces, such as postgresql://user:password@host:5432/database, or the address of Milvus, such as http://user:password@host:19530/database`,
    );
  return named[0]![1](options);
}
