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
