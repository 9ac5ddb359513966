/** Vectors for benchmarks of searches, always the same; a linear congruential generator, for a billion numbers are wanted. */

/**
 * Unit vectors [rows, width] around `centres` points: vectors that share centres are near each other, as encoded texts are.
 * @param {number} rows @param {number} seed @param {{ centres: number, width: number, first?: number }} shape `first`: row to begin at
 */
export function unitVectors(rows, seed, { centres, width, first = 0 }) {
  const count = Math.max(1, Math.ceil(centres));
  const middles = new Float32Array(count * width);
  fill(middles, 7);
  const values = new Float32Array(rows * width);
  fill(values, seed + Math.imul(first, 2654435761));
  for (let row = 0; row < rows; row++) {
    const middle = ((Math.imul(first + row, 2654435761) >>> 0) % count) * width;
    let squares = 0;
    for (let d = row * width; d < (row + 1) * width; d++) {
      values[d] = middles[middle + d - row * width] + 0.7 * values[d];
      squares += values[d] * values[d];
    }
    const norm = Math.sqrt(squares);
    for (let d = row * width; d < (row + 1) * width; d++) values[d] /= norm;
  }
  return values;
}

/** Numbers in [−1, 1). @param {Float32Array} values @param {number} seed */
function fill(values, seed) {
  let state = seed;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    values[i] = state / 2 ** 31;
  }
}
