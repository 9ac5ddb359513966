/** Refreshes by a second process, which reads the job's folder: one process for all refreshes of a session, for it reads the data once. */
import { type ChildProcess, fork } from 'node:child_process';
import { errorOf, UserError } from '../../core/errors.js';
import type { Phase, Reporter } from '../../core/reporter.js';
import { isBeforeSignal } from '../../core/signals.js';
import type { RefreshReply, RefreshRequest } from './refreshMessages.js';

interface Running {
  readonly done: Promise<void>;
  readonly settle: (failure?: Error) => void;
  failure?: Error | undefined;
}

export class BackgroundRefresh {
  private child: ChildProcess | undefined;
  private running: Running | undefined;

  constructor(
    private readonly folder: string,
    private readonly reporter: Reporter,
  ) {}

  /** Begins the refresh of the checkpoint at `step`. It goes on while this process trains. */
  start(step: number): void {
    this.child ??= this.open();
    const { child } = this;
    this.running = pending();
    // A process that no longer hears is ended, and its exit tells why: a failed write (EPIPE) may be told of before the exit that caused it.
    child.send({ step } satisfies RefreshRequest, (failure) => failure && child.kill('SIGKILL'));
  }

  /** Throws what the refresh under way has failed with, if it has. */
  check(): void {
    if (this.running?.failure) throw this.running.failure;
  }

  /** Waits for the refresh that was begun; false where the signal came first. Throws what it fails with. */
  async finished(signal?: AbortSignal): Promise<boolean> {
    if (!this.running) throw new Error('internal: no refresh is under way');
    if (!(await isBeforeSignal(this.running.done, signal))) return false;
    this.running = undefined;
    return true;
  }

  /** Ends the process; what it has encoded stays on the disk. */
  stop(): void {
    this.child?.removeAllListeners().kill('SIGKILL');
    this.child = undefined;
    this.running = undefined;
  }

  private open(): ChildProcess {
    // In a group of its own: Ctrl-C is for the job, which decides what it means. It ends when this process does (parentWatch.ts).
    const child = fork(processFile(), [this.folder, String(process.pid)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
    });
    const phases = new Map<number, Phase>();
    child.on('message', (reply: RefreshReply) => this.hear(reply, phases));
    const lost = (how: string) => {
      this.child = undefined;
      this.running?.settle(new UserError(`the process that refreshes ${how}. The last checkpoint is intact: go on with --resume.`));
    };
    child.on('error', (error) => lost(`cannot be started: ${error.message}`));
    child.on('exit', (code, signal) => lost(`ended by ${signal ?? `code ${code}`}`));
    return child;
  }

  private hear(reply: RefreshReply, phases: Map<number, Phase>): void {
    switch (reply.kind) {
      case 'line':
        this.reporter.line(reply.text);
        break;
      case 'begin':
        phases.set(reply.phase, this.reporter.phase(reply.name, reply.total, reply.unit));
        break;
      case 'update':
        phases.get(reply.phase)?.update(reply.done);
        break;
      case 'end':
        phases.get(reply.phase)?.end(reply.summary);
        break;
      case 'done':
        this.running?.settle();
        break;
      case 'failed':
        this.running?.settle(errorOf(reply));
        break;
      default:
        throw new Error(`internal: reply ${reply satisfies never}`);
    }
  }
}

function pending(): Running {
  let settle: Running['settle'] = () => {};
  const done = new Promise<void>((resolve, reject) => {
    settle = (failure) => (failure ? reject(failure) : resolve());
  });
  const running: Running = { done, settle };
  done.catch((failure: Error) => {
    running.failure = failure; // until somebody waits
  });
  return running;
}

/** The compiled process; from TypeScript sources (tests) the one in dist/. */
function processFile(): URL {
  const here = import.meta.url;
  return here.endsWith('.ts') ? new URL('../../../dist/train/refresh/refreshProcess.js', here) : new URL('./refreshProcess.js', here);
}
