/**
 * The threads of a group's members. A thread is never ended but kept for the next group: onnxruntime-node 1.16.3 corrupts the
 * heap of the process when a thread that has loaded it exits.
 */
import type { Worker } from 'node:worker_threads';
import type { BackendName } from '../../backend/index.js';
import { errorOf, type Failure } from '../../core/errors.js';
import { startThread, workerScript } from '../../core/threads.js';
import type { SharedRanker } from '../ranker/rankerStep.js';
import type { SharedMemory } from '../step/sharedMemory.js';
import { OtherThreadFailed } from './barrier.js';

/** What a member of the retriever shares with the others, or of a ranker. */
export type MemberSettings = { readonly retriever: SharedMemory } | { readonly ranker: SharedRanker };

export interface OpenMessage {
  readonly kind: 'open';
  readonly settings: MemberSettings;
  readonly number: number;
  readonly backend: BackendName;
}

export type Reply = { readonly kind: 'opened' | 'closed' } | ({ readonly kind: 'failed' } & Failure);

export interface MemberThread {
  readonly worker: Worker;
  /** What the thread's last command failed with. */
  failure?: Error;
}

const idle: MemberThread[] = [];

/** A thread that holds member `number` of the group. Throws what the thread fails with. */
export async function openThread(message: Omit<OpenMessage, 'kind'>): Promise<MemberThread> {
  const thread = idle.pop() ?? startMember();
  await request(thread, { kind: 'open', ...message });
  return thread;
}

/** Frees the thread's member and keeps the thread. */
export async function closeThread(thread: MemberThread): Promise<void> {
  await request(thread, { kind: 'close' });
  delete thread.failure;
  idle.push(thread);
}

/** Sends the command to the threads, runs this thread's part (`first`), and turns another's failure into its own error. */
export async function runAll<T>(
  threads: readonly MemberThread[],
  command: object,
  first: { fail(): void },
  own: () => T | Promise<T>,
): Promise<T> {
  for (const { worker } of threads) worker.postMessage(command);
  try {
    return await own();
  } catch (error) {
    first.fail();
    if (!(error instanceof OtherThreadFailed)) throw error;
    await new Promise((resolve) => setTimeout(resolve, 100)); // lets the worker's own words arrive
    throw threads.find(({ failure }) => failure)?.failure ?? error;
  }
}

function startMember(): MemberThread {
  const thread: MemberThread = { worker: startThread(workerScript('./worker.js', import.meta.url)) };
  thread.worker.on('error', (error: Error) => {
    thread.failure = error;
  });
  thread.worker.on('message', (reply: Reply) => {
    if (reply.kind === 'failed') thread.failure = errorOf(reply);
  });
  return thread;
}

function request(thread: MemberThread, message: OpenMessage | { readonly kind: 'close' }): Promise<void> {
  return new Promise((resolve, reject) => {
    thread.worker.ref();
    const settle = (answer: Reply | Error) => {
      // Closing a failed group: what its last command failed with may still be on its way, and was reported by another member.
      if (message.kind === 'close' && 'kind' in answer && answer.kind === 'failed') return;
      thread.worker.off('message', settle).off('error', settle).unref();
      if (message.kind === 'open' && thread.failure) reject(thread.failure);
      else if (answer instanceof Error) reject(answer);
      else resolve();
    };
    thread.worker.on('message', settle).on('error', settle).postMessage(message);
  });
}
