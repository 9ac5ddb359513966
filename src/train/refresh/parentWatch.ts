/** A thread that ends its process as soon as the parent, whose id it is given, is gone, however busy the other threads are: a killed job leaves nobody behind. */
import { workerData } from 'node:worker_threads';

const LOOK_MILLISECONDS = 100;

setInterval(() => {
  if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL');
}, LOOK_MILLISECONDS);
