/** Worker threads. */
import { Worker } from 'node:worker_threads';

/** The compiled script beside a module (its `import.meta.url`); for a module run from TypeScript sources (tests) the one in dist/. */
export function workerScript(name: string, module: string): URL {
  const beside = new URL(name, module);
  return module.endsWith('.ts') ? new URL(beside.href.replace('/src/', '/dist/')) : beside;
}

/** A thread that does not keep the process alive. It has the process's flags, but for one that a script of `node --eval` has and a file must not. */
export function startThread(script: URL): Worker {
  const worker = new Worker(script, { execArgv: process.execArgv.filter((flag) => !flag.startsWith('--input-type')) });
  worker.unref();
  return worker;
}
