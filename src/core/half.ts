/** Half-precision numbers: IEEE 754 binary16 and bfloat16, each as the 16 bits of a Uint16Array. */

let table: Float32Array | undefined;

/** binary16 → float32, exact. */
export function fromHalf(bits: Uint16Array): Float32Array<ArrayBuffer> {
  table ??= Float32Array.from({ length: 1 << 16 }, (_, half) => halfValue(half));
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = table[bits[i]!]!;
  return values;
}

/** bfloat16 → float32, exact: the upper half of its bits. */
export function fromBfloat16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return new Float32Array(words.buffer);
}

/** float32 → binary16, rounded to nearest, ties to even; what is beyond 65,504 becomes infinite. */
export function toHalf(values: Float32Array): Uint16Array<ArrayBuffer> {
  const halves = new Uint16Array(values.length);
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i++) halves[i] = halfBits(words[i]!);
  return halves;
}

function halfValue(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function halfBits(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const exponent = (word >>> 23) & 0xff;
  const fraction = word & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction ? 0x200 : 0);
  const shifted = exponent - 127 + 15;
  if (shifted >= 0x1f) return sign | 0x7c00;
  // Subnormal halves lose more bits; the leading one becomes explicit.
  const significand = shifted > 0 ? (shifted << 23) | fraction : fraction | 0x800000;
  const drop = shifted > 0 ? 13 : 14 - shifted;
  if (drop > 24) return sign;
  const rest = significand & ((1 << drop) - 1);
  const half = 1 << (drop - 1);
  const kept = significand >>> drop;
  return sign | (kept + (rest > half || (rest === half && kept & 1) ? 1 : 0));
}
