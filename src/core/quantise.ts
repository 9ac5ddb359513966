/** Numbers as bytes, with a scale a row. */

/** Each row as whole numbers from −`largest` to `largest`, and the scale that gives its largest value back; rows of zeros have scale 1. */
export function quantisedRows(
  values: Float32Array,
  rows: number,
  columns: number,
  largest = 127,
): { values: Int8Array; scales: Float32Array } {
  const whole = new Int8Array(values.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const part = values.subarray(row * columns, (row + 1) * columns);
    scales[row] = part.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / largest || 1;
    part.forEach((value, i) => {
      whole[row * columns + i] = Math.round(value / scales[row]!);
    });
  }
  return { values: whole, scales };
}
