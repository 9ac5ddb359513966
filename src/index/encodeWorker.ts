/** A thread of tableEncoder.ts. */
import { parentPort } from 'node:worker_threads';
import { type Inference, openInference } from '../encoders/inference.js';
import { encodeRows } from './encode.js';
import type { EncodeMessage, EncodeReply, TableTask } from './tableEncoder.js';

/** Rows that a thread takes at a time. */
const SLICE_ROWS = 16;

const port = parentPort!;
let opened: { readonly inference: Inference; readonly padId: number } | undefined;

port.on('message', async (message: EncodeMessage) => {
  if (message.kind === 'close') {
    opened = undefined;
    return;
  }
  const reply: { failed?: Error } = {};
  try {
    if (message.kind === 'open') opened = { inference: openInference(message.shape, message.model, 1), padId: message.padId };
    else await encodeSlices(message.task);
  } catch (error) {
    reply.failed = error as Error;
  }
  port.postMessage(reply satisfies EncodeReply);
});

async function encodeSlices({ ids, offsets, rows, cursor, vectors, width }: TableTask): Promise<void> {
  for (;;) {
    const begin = Atomics.add(cursor, 0, SLICE_ROWS);
    if (begin >= rows.length) return;
    await encodeRows(opened!.inference, { ids, offsets }, rows.subarray(begin, begin + SLICE_ROWS), opened!.padId, {
      values: vectors,
      width,
    });
  }
}
