/** Parts of a gradient that lie in their thread's memory alone, laid over the flat vectors block by block. */

/** Numbers from `begin` on of a thread's own gradient, which are in its memory alone. */
export interface HeldGradient {
  readonly begin: number;
  readonly values: Float32Array;
}

/** Asked for ever later numbers. */
export function laidOver(held: readonly HeldGradient[]) {
  let next = 0;
  const meeting = (begin: number, end: number): HeldGradient[] => {
    while (next < held.length && held[next]!.begin + held[next]!.values.length <= begin) next++;
    const found: HeldGradient[] = [];
    for (let i = next; i < held.length && held[i]!.begin < end; i++) found.push(held[i]!);
    return found;
  };
  const within = (one: HeldGradient, begin: number, end: number) =>
    [Math.max(begin, one.begin), Math.min(end, one.begin + one.values.length)] as const;
  return {
    covers: (begin: number, end: number): boolean =>
      meeting(begin, end).reduce((covered, one) => {
        const [from, to] = within(one, begin, end);
        return covered + to - from;
      }, 0) ===
      end - begin,
    /** Writes what is held of numbers begin … end to their places in `into`. */
    write: (begin: number, end: number, into: Float32Array): void => {
      for (const one of meeting(begin, end)) {
        const [from, to] = within(one, begin, end);
        into.set(one.values.subarray(from - one.begin, to - one.begin), from - begin);
      }
    },
  };
}
