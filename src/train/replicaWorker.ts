/** The thread of a replica other than the first, of the retriever or of a ranker: runs the commands that the first one sends. */
import { parentPort } from 'node:worker_threads';
import { selectBackend } from '../backend/index.js';
import { UserError } from '../core/errors.js';
import { OtherThreadFailed } from './barrier.js';
import { type RankerCommand, RankerReplica } from './rankerReplica.js';
import { Replica } from './replica.js';
import type { OpenMessage, Reply } from './replicaThread.js';
import type { Command } from './sharedMemory.js';

const port = parentPort!;
const reply = (message: Reply) => port.postMessage(message);
let member: Replica | RankerReplica | undefined;

async function handle(message: OpenMessage | { readonly kind: 'close' } | Command | RankerCommand): Promise<void> {
  switch (message.kind) {
    case 'open':
      await selectBackend(message.backend);
      member =
        'ranker' in message.shared ? new RankerReplica(message.shared.ranker, message.number) : new Replica(message.shared, message.number);
      return reply({ kind: 'opened' });
    case 'close':
      member?.dispose();
      member = undefined;
      return reply({ kind: 'closed' });
    default:
      (member as { run(command: typeof message): void }).run(message);
  }
}

port.on('message', (message) => {
  handle(message).catch((error: Error) => {
    if (error instanceof OtherThreadFailed) return;
    member?.fail();
    reply({ kind: 'failed', message: error.message, stack: error.stack ?? '', userError: error instanceof UserError });
  });
});
