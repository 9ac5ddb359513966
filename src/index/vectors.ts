/** Vectors of many rows. */

/** Vectors [rows, D] in one array; row r at [r·D, (r+1)·D). */
export interface Vectors {
  readonly values: Float32Array;
  readonly width: number;
}

/** The vectors of the rows, one after the other: [rows, D]. */
export function gathered({ values, width: D }: Vectors, rows: Int32Array): Float32Array {
  const vectors = new Float32Array(rows.length * D);
  rows.forEach((row, i) => vectors.set(values.subarray(row * D, (row + 1) * D), i * D));
  return vectors;
}
