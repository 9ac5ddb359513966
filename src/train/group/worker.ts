/** The thread of a member other than the first, of the retriever or of a ranker: runs the commands that the first one sends. */
import { parentPort } from 'node:worker_threads';
import { selectBackend } from '../../backend/index.js';
import { failureOf } from '../../core/errors.js';
import { RankerReplica } from '../ranker/rankerReplica.js';
import { Replica } from '../step/replica.js';
import { OtherThreadFailed } from './barrier.js';
import type { OpenMessage, Reply } from './thread.js';

/** A command of the group that the thread is a member of. */
interface Command {
  readonly kind: string;
}

const port = parentPort!;
const reply = (message: Reply) => port.postMessage(message);
let member: { run(command: Command): Promise<void>; fail(): void; dispose(): void } | undefined;

async function handle(message: OpenMessage | Command): Promise<void> {
  switch (message.kind) {
    case 'open': {
      const { settings, number, backend } = message as OpenMessage;
      await selectBackend(backend);
      const opened = 'ranker' in settings ? new RankerReplica(settings.ranker, number) : new Replica(settings.retriever, number);
      member = opened as unknown as typeof member;
      return reply({ kind: 'opened' });
    }
    case 'close':
      member?.dispose();
      member = undefined;
      return reply({ kind: 'closed' });
    default:
      await member!.run(message);
  }
}

/** What came first ends first. */
let last = Promise.resolve();
port.on('message', (message) => {
  last = last
    .then(() => handle(message))
    .catch((error: Error) => {
      if (error instanceof OtherThreadFailed) return;
      member?.fail();
      reply({ kind: 'failed', ...failureOf(error) });
    });
});
