/** Files of records with named fields, streaming: JSON lines, a JSON list, CSV and TSV, Parquet; all but Parquet plain or gzipped. */
import { Readable } from 'node:stream';
import { parse as csvParser } from 'csv-parse';
import { messageOf } from '../../core/errors.js';
import { badData, excerpt, type Place, shown } from '../source.js';
import { type Form, formOf } from './files.js';
import { elementsOf } from './jsonArray.js';
import { bytesOfFile, linesOf } from './lines.js';
import { parquetRows } from './parquet.js';

export interface FileRecord {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly place: Place;
}

export interface TableOptions {
  /** Names of the columns of a file without a header, by how many there are; a first line of known names is a header all the same. */
  readonly columns: Readonly<Record<number, readonly string[]>>;
  /** Whether a first row names the columns. */
  readonly isHeader: (values: readonly string[], form: Form) => boolean;
  /** Whether fields of a TSV may be quoted as in CSV, as DPR's are; MS MARCO's hold bare quotes. */
  readonly quoted?: boolean;
}

/** Throws a UserError naming file and line for what cannot be read. */
export async function* recordsOf(file: string, table: TableOptions): AsyncGenerator<FileRecord> {
  const form = formOf(file);
  if (form === 'json') yield* jsonRecords(file);
  else if (form === 'parquet') yield* parquetRecords(file);
  else yield* tableRecords(file, form, table);
}

async function* jsonRecords(file: string): AsyncGenerator<FileRecord> {
  if (await beginsWithList(file)) {
    for await (const { value, line } of elementsOf(file)) yield { fields: objectOf(value, { file, line }), place: { file, line } };
    return;
  }
  for await (const { text, number: line } of linesOf(file)) {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw badData({ file, line }, excerpt(text), 'one JSON object', 'mend or remove the line');
    }
    yield { fields: objectOf(value, { file, line }), place: { file, line } };
  }
}

async function beginsWithList(file: string): Promise<boolean> {
  for await (const chunk of bytesOfFile(file)) return /^\ufeff?\s*\[\s*[{\]]/.test(chunk.toString('utf8', 0, 200));
  return false;
}

function objectOf(value: unknown, place: Place): FileRecord['fields'] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as FileRecord['fields'];
  throw badData(place, shown(value), 'a JSON object', 'mend or remove the line');
}

async function* parquetRecords(file: string): AsyncGenerator<FileRecord> {
  let line = 0;
  for await (const fields of parquetRows(file)) yield { fields, place: { file, line: ++line } };
}

async function* tableRecords(file: string, form: Form, { columns, isHeader, quoted }: TableOptions): AsyncGenerator<FileRecord> {
  let header: readonly string[] | undefined;
  let first = true;
  const rows = form === 'csv' || quoted ? quotedRows(file, form === 'csv' ? ',' : '\t') : plainRows(file);
  for await (const { values, line } of rows) {
    const place = { file, line };
    if (first) {
      first = false;
      const trimmed = values.map((value) => value.trim());
      if (isHeader(trimmed, form)) {
        header = trimmed;
        continue;
      }
    }
    const fieldNames = header ?? columns[values.length];
    if (fieldNames === undefined || fieldNames.length !== values.length) {
      const wanted = header ? String(header.length) : Object.keys(columns).join(' or ');
      const which = wanted === '' ? 'a header that names the columns' : `${wanted} separated by ${form === 'csv' ? 'commas' : 'tabs'}`;
      throw badData(place, `${values.length} fields in ${excerpt(values.join(form === 'csv' ? ',' : '\t'))}`, which, 'mend the line');
    }
    yield { fields: Object.fromEntries(values.map((value, i) => [fieldNames[i], value])), place };
  }
}

interface Row {
  readonly values: string[];
  readonly line: number;
}

async function* plainRows(file: string): AsyncGenerator<Row> {
  for await (const { text, number } of linesOf(file)) yield { values: text.split('\t'), line: number };
}

async function* quotedRows(file: string, delimiter: string): AsyncGenerator<Row> {
  const parser = csvParser({
    delimiter,
    bom: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    relax_quotes: delimiter === '\t', // Python's csv, which wrote them, minds no bare quotes
    max_record_size: 1 << 26,
  });
  const source = Readable.from(bytesOfFile(file));
  source.on('error', (error) => parser.destroy(error));
  try {
    for await (const { record, info } of source.pipe(parser) as AsyncIterable<{ record: string[]; info: { lines: number } }>)
      yield { values: record, line: info.lines };
  } catch (error) {
    const { lines, code } = error as { lines?: number; code?: string };
    if (code === undefined) throw error;
    throw badData(
      { file, line: lines ?? 1 },
      `a line that is no CSV (${messageOf(error)})`,
      'fields with " doubled within quotes',
      'mend the line',
    );
  } finally {
    source.destroy();
  }
}
