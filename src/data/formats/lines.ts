/** Text files line by line, plain or gzipped, without holding the whole file. */
import fs from 'node:fs';
import { createGunzip } from 'node:zlib';
import { messageOf, UserError } from '../../core/errors.js';
import { badData } from '../source.js';

export interface Line {
  readonly text: string;
  /** From 1. */
  readonly number: number;
}

/** A longer line is no line: the file is of another kind, and would fill the memory. */
const LONGEST_LINE = 1 << 26;

/** The bytes of a file, unzipped where its name ends in .gz. */
export async function* bytesOfFile(file: string): AsyncGenerator<Buffer> {
  const raw = fs.createReadStream(file, { highWaterMark: 1 << 20 });
  const bytes = file.endsWith('.gz') ? raw.pipe(createGunzip({ chunkSize: 1 << 20 })) : raw;
  if (bytes !== raw) raw.on('error', (error) => bytes.destroy(error));
  try {
    yield* bytes as AsyncIterable<Buffer>;
  } catch (error) {
    throw new UserError(`${file}: found unreadable data (${messageOf(error)}); expected a whole text or gzip file; get it again.`);
  } finally {
    raw.destroy();
  }
}

/**
 * The lines that are not blank. Lines end with LF or CRLF; a byte order mark is dropped; bytes that are not UTF-8 become U+FFFD. Throws a UserError
 * naming the file and the line when it cannot be read or decompressed.
 */
export async function* linesOf(file: string): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8');
  let number = 0;
  let rest = '';
  try {
    for await (const chunk of bytesOfFile(file)) {
      if (number === 0 && rest === '') refuseUtf16(chunk, file);
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        number++;
        if (!isBlank(line)) yield { text: withoutReturn(line), number };
      }
      if (rest.length > LONGEST_LINE)
        throw badData(
          { file, line: number + 1 },
          `a line of more than ${LONGEST_LINE.toLocaleString('en')} characters`,
          'lines of text',
          'check the file',
        );
    }
  } catch (error) {
    if (error instanceof UserError && error.message.startsWith(`${file}: `))
      throw new UserError(error.message.replace(`${file}: `, `${file}:${number + 1}: `));
    throw error;
  }
  rest += decoder.decode();
  if (!isBlank(rest)) yield { text: withoutReturn(rest), number: number + 1 };
}

const isBlank = (line: string): boolean => line.trim() === '';
const withoutReturn = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line);

function refuseUtf16(chunk: Buffer, file: string): void {
  const mark = chunk.length >= 2 ? chunk.readUInt16BE(0) : 0;
  if (mark === 0xfffe || mark === 0xfeff)
    throw badData({ file, line: 1 }, 'UTF-16', 'UTF-8', `convert it, as with: iconv -f UTF-16 -t UTF-8`);
}
