/** From measured values to rows with a verdict. Targets and the sentences they come from: targets.json. */
import fs from 'node:fs';

/**
 * @typedef {object} Target
 * @property {string} id
 * @property {number} issue where the quote stands
 * @property {string} quote
 * @property {string} target for reading
 * @property {'≤' | '≥' | '>'} comparison of the value with `number`
 * @property {number} number
 * @property {string} [unit]
 * @property {string} [times] id of the value that `number` and `stretch` are multiples of; it must be met itself
 * @property {number} [stretch]
 * @property {string} [while] id of a value that must be met for this one to count
 */

/**
 * @typedef {object} Measured
 * @property {number} [value] absent where it could not be measured
 * @property {string} [note]
 */

/** @typedef {'met' | 'short' | 'not measured'} Verdict */
/** @typedef {{ id: string, value?: number, unit?: string, target: string, verdict: Verdict, note: string, issue: number, quote: string }} Row */

/** The same reason for several ids of one name. @param {string} name @param {string[]} ids @param {string} note @returns {Record<string, Measured>} */
export const unmeasured = (name, ids, note) => Object.fromEntries(ids.map((id) => [`${name}.${id}`, { note }]));

/** @type {Target[]} */
export const TARGETS = JSON.parse(fs.readFileSync(new URL('./targets.json', import.meta.url), 'utf8'));

/**
 * One row a target, in the order of the targets.
 * @param {readonly Target[]} targets
 * @param {Readonly<Record<string, Measured>>} measured by id
 * @returns {Row[]}
 */
export function judge(targets, measured) {
  /** @type {Map<string, Row>} */
  const rows = new Map();
  for (const target of targets) rows.set(target.id, judgeOne(target, measured, rows));
  return [...rows.values()];
}

/** @param {Target} target @param {Readonly<Record<string, Measured>>} measured @param {Map<string, Row>} earlier @returns {Row} */
function judgeOne(target, measured, earlier) {
  const { id, issue, quote, unit } = target;
  const { value, note = '' } = measured[id] ?? {};
  const row = { id, issue, quote, target: target.target, note, ...(unit && { unit }), ...(value !== undefined && { value }) };
  if (value === undefined || Number.isNaN(value)) return { ...row, verdict: 'not measured' };
  const basis = target.times ?? target.while;
  const basisRow = basis === undefined ? undefined : earlier.get(basis);
  if (basis !== undefined && basisRow?.value === undefined)
    return { ...row, verdict: 'not measured', note: joined(note, `needs ${basis}`) };
  const unitValue = target.times === undefined ? 1 : /** @type {number} */ (basisRow?.value);
  const met = compare(value, target.comparison, target.number * unitValue);
  const notes = [note];
  if (target.times !== undefined) notes.push(`${(value / unitValue).toFixed(3)} × ${target.times}`);
  if (target.stretch !== undefined) notes.push(value >= target.stretch * unitValue ? 'stretch reached' : 'stretch not reached');
  if (basisRow?.verdict === 'short') return { ...row, verdict: 'short', note: joined(...notes, `does not count while ${basis} is short`) };
  return { ...row, verdict: met ? 'met' : 'short', note: joined(...notes) };
}

/** @param {number} value @param {Target['comparison']} comparison @param {number} number */
function compare(value, comparison, number) {
  switch (comparison) {
    case '≤':
      return value <= number;
    case '≥':
      return value >= number;
    case '>':
      return value > number;
    default:
      throw new Error(`targets.json: comparison ${comparison}; expected ≤, ≥ or >`);
  }
}

/** @param {readonly Row[]} rows 1 where one is short, else 2 where one was not measured, else 0 */
export function exitCodeOf(rows) {
  if (rows.some(({ verdict }) => verdict === 'short')) return 1;
  return rows.some(({ verdict }) => verdict === 'not measured') ? 2 : 0;
}

/** @param {readonly Row[]} rows */
export function countLine(rows) {
  const count = (/** @type {Verdict} */ wanted) => rows.filter(({ verdict }) => verdict === wanted).length;
  return `${count('met')} met, ${count('short')} short, ${count('not measured')} not measured`;
}

/** @param {string[]} parts */
const joined = (...parts) => parts.filter((part) => part !== '').join('; ');
