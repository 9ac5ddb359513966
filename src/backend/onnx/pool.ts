/**
 * Memory for the results of graphs, used again once their tensors are disposed of. A training step writes some 100 MB of
 * results; fresh arrays for them cost page faults and, above all, several collections of V8's heap a step.
 */

/**
 * Arrays below are cheap to make anew, though not those of a vector or a weight: with 16,384 here a step of the quickstart took a tenth longer. Arrays above would pin too much memory between phases of a job. In elements.
 */
const SMALLEST = 1 << 8;
const LARGEST = 1 << 25; // the gradient of BERT's vocabulary is below: without it a step of BERT-base took an eighth longer

/** Capacity in elements, a power of two → buffers that nobody uses. */
const free = new Map<number, ArrayBuffer[]>();

/** An array of `length` numbers that the caller overwrites in full: it may hold old ones. */
export function takeArray(length: number): Float32Array {
  if (!isPooled(length)) return new Float32Array(length);
  const capacity = capacityFor(length);
  return new Float32Array(free.get(capacity)?.pop() ?? new ArrayBuffer(4 * capacity), 0, length);
}

/** Whether `takeArray` would take an array of this length from the pool, so that `returnArray` may put it back. */
export function isPooled(length: number): boolean {
  return length >= SMALLEST && length <= LARGEST;
}

/** Puts back an array of `takeArray`, to which no reference may be left. */
export function returnArray(array: Float32Array): void {
  const capacity = capacityFor(array.length);
  const buffers = free.get(capacity) ?? [];
  buffers.push(array.buffer as ArrayBuffer);
  free.set(capacity, buffers);
}

/** Pages that no array reaches are never there. */
function capacityFor(length: number): number {
  return 2 ** Math.ceil(Math.log2(length));
}
