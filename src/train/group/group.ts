/** A group of members as the one that leads it sees them: the first lives in this thread, the others in workers. */
import type { BackendName, FlatMemory } from '../../backend/index.js';
import { type GroupCommand, type Member, type SharedGroup, type StepTotals, sharedFloats, type Update } from './member.js';
import { closeThread, type MemberSettings, type MemberThread, openThread, runAll } from './thread.js';

export class Group<Batch, Command extends { readonly kind: string }, First extends Member<Batch, Command>> {
  constructor(
    readonly members: SharedGroup,
    readonly first: First,
    private readonly workers: readonly MemberThread[],
  ) {}

  /** Gives all members the parameters [P]. */
  assign(parameters: Float32Array): void {
    if (this.workers.length > 0) {
      const shared = sharedFloats(parameters.length);
      shared.set(parameters);
      this.tell({ kind: 'assign', parameters: shared });
    }
    this.first.take(parameters);
  }

  /** Training goes on in this memory. */
  begin(memory: FlatMemory): void {
    this.tell({ kind: 'begin', memory });
    this.first.begin(memory);
  }

  /** Loss and gradient of a batch, summed over the members, and one update where that is told (Member.step). */
  step(batch: Batch, update?: Update): Promise<StepTotals> {
    return this.run({ kind: 'step', batch, update }, () => this.first.step(batch, update));
  }

  /** What the others hear before their next command. */
  private tell(command: GroupCommand<Batch>): void {
    for (const { worker } of this.workers) worker.postMessage(command);
  }

  async dispose(): Promise<void> {
    this.first.dispose();
    await Promise.all(this.workers.map(closeThread));
  }

  /** Sends a command to the others and does this thread's part, `own`. */
  run<T>(command: GroupCommand<Batch> | Command, own: () => T | Promise<T>): Promise<T> {
    return runAll(this.workers, command, this.first, own);
  }
}

/** The threads of all members but the first. */
export function openThreads(settings: MemberSettings, replicas: number, backend: BackendName): Promise<MemberThread[]> {
  return Promise.all(Array.from({ length: replicas - 1 }, (_, i) => openThread({ settings, number: i + 1, backend })));
}
