/** Files of rows, written in blocks: JSON lines, CSV, TSV, Parquet. */
import fs from 'node:fs';
import path from 'node:path';

export interface TableWriter {
  row(values: readonly (string | readonly string[])[]): void | Promise<void>;
  close(): void | Promise<void>;
}

const BLOCK = 1 << 20;
const ROW_GROUP = 10_000;

/** `tsv`: tabs and line ends within a field become spaces, for the format cannot hold them. Without columns there is no header. */
export function textFile(file: string, columns: readonly string[], form: string): TableWriter {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const descriptor = fs.openSync(file, 'w');
  let pending = '';
  const flush = () => {
    for (let bytes = Buffer.from(pending); bytes.length > 0; ) bytes = bytes.subarray(fs.writeSync(descriptor, bytes));
    pending = '';
  };
  const write = (line: string) => {
    pending += `${line}\n`;
    if (pending.length > BLOCK) flush();
  };
  const line = lineOf(form, columns);
  if (form !== 'jsonl' && columns.length > 0) write(line(columns));
  return {
    row: (values) => write(line(values)),
    close: () => {
      flush();
      fs.fsyncSync(descriptor);
      fs.closeSync(descriptor);
    },
  };
}

function lineOf(form: string, columns: readonly string[]): (values: readonly (string | readonly string[])[]) => string {
  if (form === 'jsonl') return (values) => JSON.stringify(Object.fromEntries(values.map((value, i) => [columns[i], value])));
  if (form === 'csv') return (values) => values.map((value) => quoted(String(value), ',')).join(',');
  if (form === 'quotedTsv') return (values) => values.map((value) => quoted(String(value), '\t')).join('\t');
  // A lone value is a line of another kind, made by the caller.
  return (values) => (values.length === 1 ? String(values[0]) : values.map((value) => String(value).replace(/[\t\r\n]+/g, ' ')).join('\t'));
}

const quoted = (value: string, delimiter: string): string =>
  new RegExp(`["\\r\\n${delimiter}]`).test(value) ? `"${value.replaceAll('"', '""')}"` : value;

/** All columns are strings. */
export function parquetFile(file: string, columns: readonly string[]): TableWriter {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const rows: (readonly (string | readonly string[])[])[] = [];
  const opened = import('hyparquet-writer').then(({ fileWriter, ParquetWriter, schemaFromColumnData }) => {
    const schema = schemaFromColumnData({ columnData: columns.map((name) => ({ name, data: [], type: 'STRING' as const })) });
    return new ParquetWriter({ writer: fileWriter(file), schema });
  });
  const flush = async () => {
    const columnData = columns.map((name, column) => ({ name, data: rows.map((values) => String(values[column])) }));
    await (await opened).write({ columnData, rowGroupSize: ROW_GROUP });
    rows.length = 0;
  };
  return {
    row: (values) => {
      rows.push(values);
      return rows.length === ROW_GROUP ? flush() : undefined;
    },
    close: async () => {
      if (rows.length > 0) await flush();
      await (await opened).finish();
    },
  };
}
