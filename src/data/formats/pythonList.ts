/** A Python list of strings as DPR's question files write their answers: read as data, never evaluated. */

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  "'": "'",
  '"': '"',
  '\\': '\\',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\n': '',
};
const ITEM = /\s*(?:[uU]?)(?:"((?:[^"\\]|\\[\s\S])*)"|'((?:[^'\\]|\\[\s\S])*)')\s*(,|$)/y;

/** The strings of `["a", 'b']`, or undefined for anything else. */
export function parsePythonList(text: string): string[] | undefined {
  const match = /^\s*[[(]([\s\S]*)[\])]\s*$/.exec(text);
  if (!match) return undefined;
  const inner = match[1]!.trim();
  const items: string[] = [];
  ITEM.lastIndex = 0;
  while (ITEM.lastIndex < inner.length) {
    const item = ITEM.exec(inner);
    if (!item) return undefined;
    items.push(unescaped(item[1] ?? item[2]!));
  }
  return items;
}

function unescaped(text: string): string {
  return text.replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|[\s\S])/g, (whole, code: string) => {
    if (/^[xuU]./.test(code)) return String.fromCodePoint(Number.parseInt(code.slice(1), 16));
    if (/^[0-7]/.test(code)) return String.fromCodePoint(Number.parseInt(code, 8));
    return ESCAPES[code] ?? whole;
  });
}

/** The list as Python writes it. */
export function formatPythonList(items: readonly string[]): string {
  return `[${items.map((item) => JSON.stringify(item)).join(', ')}]`;
}
