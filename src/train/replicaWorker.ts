/** The thread of a replica other than the first: runs the commands that the first one sends. */
import { parentPort, workerData } from 'node:worker_threads';
import { selectBackend, type BackendName } from '../backend/index.js';
import { tf } from '../backend/index.js';
import { type Command, Replica, type SharedMemory } from './replica.js';

const { shared, number, backend } = workerData as { shared: SharedMemory; number: number; backend: BackendName };
const port = parentPort!;

await selectBackend(backend);
const replica = new Replica(shared, number);

function run(command: Command): void {
  replica.pull();
  switch (command.kind) {
    case 'encode':
      return replica.encode(command.side, command.rows);
    case 'search':
      return replica.search(command);
    case 'step':
      return tf.tidy(() => replica.publishGradient(replica.step(command).gradient));
    default:
      throw new Error(`internal: command ${command satisfies never}`);
  }
}

port.on('message', (command: Command) => {
  try {
    run(command);
  } catch (error) {
    replica.fail();
    throw error; // reaches the first replica as the worker's 'error' event
  }
});
port.postMessage('ready');
