/** Requests to a server that may be away for a moment. */
import pRetry, { AbortError } from 'p-retry';
import { messageOf, UserError } from '../../core/errors.js';
import type { Phase } from '../../core/reporter.js';

export interface Attempts {
  /** The server, as messages call it: never by what logs in to it. */
  readonly label: string;
  /** The environment variable that names it. */
  readonly variable: string;
  /** Attempts in all; the waits between them are 0.2, 0.4 … s. */
  readonly count: number;
  /** Whether it may be different in a moment. */
  isPassing(error: unknown): boolean;
}

/** Does `work` again where what it threw may pass; at once a UserError that names the server for what another attempt will not mend. */
export async function attempted<T>({ label, variable, count, isPassing }: Attempts, work: (attempt: number) => Promise<T>): Promise<T> {
  const once = async (attempt: number): Promise<T> => {
    try {
      return await work(attempt);
    } catch (error) {
      throw isPassing(error) ? error : new AbortError(error instanceof Error ? error : new Error(String(error)));
    }
  };
  try {
    return await pRetry(once, { retries: count - 1, minTimeout: 200, factor: 2 });
  } catch (error) {
    throw new UserError(
      `${label}: ${messageOf(error)}; check the server and ${variable}; what was loaded is kept, run the same command again`,
    );
  }
}

/** At most `atATime` at once, begun in their order. */
export async function inTurns<T>(items: readonly T[], atATime: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items[Symbol.iterator]();
  const worker = async () => {
    for (let next = waiting.next(); !next.done; next = waiting.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: Math.min(atATime, items.length) }, worker));
}

/** Rows of a part of a load. */
export const PART_ROWS = 1000;
/** Queries of a request. */
export const REQUEST_QUERIES = 32;

/** Where parts of `each` begin, of `size` in all. */
export const beginsOf = (size: number, each: number): number[] => Array.from({ length: Math.ceil(size / each) }, (_, part) => part * each);

/** Tells the phase of rows that have arrived, part by part. */
export function countingRows(phase: Phase): (rows: number) => void {
  let arrived = 0;
  return (rows) => {
    arrived += rows;
    phase.update(arrived);
  };
}
