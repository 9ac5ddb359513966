/** Where time goes: named spans, nested as they are entered, summed up by name. They are recorded only where somebody asks; otherwise a span costs a comparison. */

export interface Span {
  readonly name: string;
  seconds: number;
  calls: number;
  readonly children: Map<string, Span>;
}

let stack: Span[] | undefined;

/** Runs the work as a span of that name, within the one that is running; a promise is waited for. */
export function span<T>(name: string, work: () => T): T {
  if (!stack) return work();
  const leave = enterSpan(name);
  let result: T;
  try {
    result = work();
  } catch (error) {
    leave();
    throw error;
  }
  if (result instanceof Promise) return result.finally(leave) as T;
  leave();
  return result;
}

/** Begins a span that ends with the call of what is returned; spans end in the reverse order of their beginnings. */
export function enterSpan(name: string): () => void {
  const own = stack;
  if (!own) return () => {};
  const siblings = own.at(-1)!.children;
  const entered = siblings.get(name) ?? newSpan(name);
  siblings.set(name, entered);
  own.push(entered);
  const begin = performance.now();
  return () => {
    entered.seconds += (performance.now() - begin) / 1000;
    entered.calls++;
    own.length = own.indexOf(entered); // with any within it that an error left open
  };
}

/** Records the spans of the work in this thread; one at a time. */
export async function recordSpans(name: string, work: () => Promise<void>): Promise<Span> {
  if (stack) throw new Error('internal: spans are recorded already');
  const root = newSpan(name);
  stack = [root];
  const begin = performance.now();
  try {
    await work();
  } finally {
    stack = undefined;
  }
  root.seconds = (performance.now() - begin) / 1000;
  root.calls = 1;
  return root;
}

const newSpan = (name: string): Span => ({ name, seconds: 0, calls: 0, children: new Map() });
