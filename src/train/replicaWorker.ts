/** The thread of a replica other than the first: runs the commands that the first one sends. */
import { parentPort } from 'node:worker_threads';
import { selectBackend, tf } from '../backend/index.js';
import { UserError } from '../core/errors.js';
import { OtherThreadFailed } from './barrier.js';
import { Replica } from './replica.js';
import type { OpenMessage, Reply } from './replicaThread.js';
import type { Command } from './sharedMemory.js';

const port = parentPort!;
const reply = (message: Reply) => port.postMessage(message);
let replica: Replica | undefined;

async function handle(message: OpenMessage | { readonly kind: 'close' } | Command): Promise<void> {
  if (message.kind === 'open') {
    await selectBackend(message.backend);
    replica = new Replica(message.shared, message.number);
    return reply({ kind: 'opened' });
  }
  if (message.kind === 'close') {
    replica?.dispose();
    replica = undefined;
    return reply({ kind: 'closed' });
  }
  run(replica!, message);
}

function run(own: Replica, command: Command): void {
  own.pull();
  switch (command.kind) {
    case 'encode':
      own.encode(command);
      break;
    case 'search':
      own.search(command);
      break;
    case 'step':
      tf.tidy(() => own.publish(own.step(command)));
      break;
    default:
      throw new Error(`internal: command ${command satisfies never}`);
  }
}

port.on('message', (message) => {
  handle(message).catch((error: Error) => {
    if (error instanceof OtherThreadFailed) return;
    replica?.fail();
    reply({ kind: 'failed', message: error.message, stack: error.stack ?? '', userError: error instanceof UserError });
  });
});
