/** Arrays of numbers. */
type NumberArray = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** The parts' numbers, one part after the other. */
export function concatenated<A extends NumberArray>(Kind: new (length: number) => A, parts: readonly ArrayLike<number>[]): A {
  const whole = new Kind(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

type Growing = Uint8Array | Int32Array | Uint32Array | Float64Array;

/** A longer array that begins with the numbers of this one. */
export function grown<A extends Growing>(array: A, length: number): A {
  const longer = new (array.constructor as new (length: number) => A)(length);
  longer.set(array as never);
  return longer;
}

/** The first of the largest numbers. */
export function indexOfLargest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
