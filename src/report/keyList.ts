import type { KeyRow } from '../config/keys.js';
import { wrap } from './wrap.js';

/** The keys of a job file for reading: key, default, [unit] and (kinds that have it) on a line, then what it expects and what it means. */
export function keyList(rows: readonly KeyRow[], columns: number): string {
  return rows.map((row) => entry(row, columns)).join('\n');
}

function entry({ key, of, expects, default: byDefault, unit, description }: KeyRow, columns: number): string {
  // A unit that the type already says (a share, a folder) adds nothing.
  const notes = [...(unit === '' || /share|folder/.test(unit) ? [] : [`[${unit}]`]), ...(of === '' ? [] : [`(${of})`])];
  const head = [`${key}:`, byDefault, ...notes].filter((part) => part !== '').join(' ');
  return [head, ...wrap(`${description} Expects ${expects}.`, columns - 4).map((line) => `    ${line}`)].join('\n');
}
