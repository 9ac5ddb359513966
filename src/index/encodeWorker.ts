/** A thread of tableEncoder.ts. */
import { type Inference, openInference } from '../encoders/inference.js';
import { encodeRows } from './encode.js';
import type { EncodeMessage, TableTask } from './tableEncoder.js';
import { serve } from './threadPool.js';

/** Rows that a thread takes at a time. */
const SLICE_ROWS = 16;

let opened: { readonly inference: Inference; readonly padId: number } | undefined;

serve((message: EncodeMessage) => {
  switch (message.kind) {
    case 'open':
      return open(message);
    case 'encode':
      return encodeSlices(message.task);
    case 'close':
      opened = undefined;
      return undefined;
  }
});

async function open({ shape, model, padId }: EncodeMessage & { kind: 'open' }): Promise<void> {
  opened = { inference: openInference(shape, model, 1), padId };
}

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
