/** A group of members as the one that leads it sees them: the first lives in this thread, the others in workers. */
import type { BackendName, FlatMemory } from '../../backend/index.js';
import type { GroupCommand, Member, SharedGroup, StepTotals, Update } from './member.js';
import { closeThread, type MemberSettings, type MemberThread, openThread, runAll } from './thread.js';

export class Group<Batch, Command extends { readonly kind: string }, First extends Member<Batch, Command>> {
  constructor(
    readonly members: SharedGroup,
    readonly first: First,
    private readonly workers: readonly MemberThread[],
  ) {}

  /** Gives all members the parameters [P]. */
  assign(parameters: Float32Array): void {
    this.members.parameters.set(parameters);
    Atomics.add(this.members.assignments, 0, 1);
    this.first.pull();
  }

  /** Training goes on in this memory. */
  begin(memory: FlatMemory): void {
    for (const { worker } of this.workers) worker.postMessage({ kind: 'begin', memory } satisfies GroupCommand<Batch>);
    this.first.begin(memory);
  }

  /** Loss and gradient of a batch, summed over the members, and one update where that is told (Member.step). */
  step(batch: Batch, update?: Update): Promise<StepTotals> {
    return this.run({ kind: 'step', batch, update }, () => this.first.step(batch, update));
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
