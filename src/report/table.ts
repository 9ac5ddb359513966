import Table from 'cli-table3';

const lines = { mid: '─', 'left-mid': '', 'mid-mid': '  ', 'right-mid': '', middle: '  ', left: '', right: '' };
const none = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
};

/** A plain table without colours: the first column to the left, the others to the right, a rule below the head. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const printed = new Table({
    head: [...head],
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
    chars: { ...none, ...lines },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  });
  printed.push(...rows.map((row) => [...row]));
  return printed.toString();
}
