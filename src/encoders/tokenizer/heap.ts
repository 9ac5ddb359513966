/** A binary heap: on top the entry that `before` puts before all others. */
export interface Heap<T> {
  push(entry: T): void;
  top(): T | undefined;
  /** Removes the top and returns it. */
  pop(): T | undefined;
}

export function createHeap<T>(before: (a: T, b: T) => boolean): Heap<T> {
  const entries: T[] = [];
  return {
    top: () => entries[0],
    push(entry) {
      let at = entries.push(entry) - 1;
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (!before(entry, entries[parent]!)) break;
        entries[at] = entries[parent]!;
        at = parent;
      }
      entries[at] = entry;
    },
    pop() {
      const top = entries[0];
      const entry = entries.pop();
      if (entry === undefined || entries.length === 0) return top;
      let at = 0;
      for (let child = 1; child < entries.length; child = 2 * at + 1) {
        if (child + 1 < entries.length && before(entries[child + 1]!, entries[child]!)) child++;
        if (!before(entries[child]!, entry)) break;
        entries[at] = entries[child]!;
        at = child;
      }
      entries[at] = entry;
      return top;
    },
  };
}
