/** Text files line by line, plain or gzipped, without holding the whole file. */
import fs from 'node:fs';
import path from 'node:path';
import { createGunzip } from 'node:zlib';
import { messageOf, UserError } from '../core/errors.js';

/** The path of `name` or of `name.gz` in the folder, the plain file first; undefined when there is neither. */
export function findPlainOrGzip(folder: string, name: string): string | undefined {
  return [name, `${name}.gz`].map((candidate) => path.join(folder, candidate)).find((file) => fs.existsSync(file));
}

/**
 * Calls `visit` with each line that is not blank and its number from 1. Lines end with LF or CRLF; a byte order mark is dropped; bytes that are
 * not UTF-8 become U+FFFD. Throws a UserError naming the file when it cannot be read or decompressed.
 */
export async function readLines(file: string, visit: (line: string, number: number) => void): Promise<void> {
  const raw = fs.createReadStream(file, { highWaterMark: 1 << 20 });
  const bytes = file.endsWith('.gz') ? raw.pipe(createGunzip({ chunkSize: 1 << 20 })) : raw;
  if (bytes !== raw) raw.on('error', (error) => bytes.destroy(error));
  const decoder = new TextDecoder('utf-8');
  let number = 0;
  let rest = '';
  const take = (line: string): void => {
    number++;
    const content = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (content.trim() !== '') visit(content, number);
  };
  try {
    for await (const chunk of bytes as AsyncIterable<Uint8Array>) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop()!;
      for (const line of lines) take(line);
    }
    rest += decoder.decode();
    if (rest !== '') take(rest);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `${file}:${number + 1}: found unreadable data (${messageOf(error)}); expected a whole text or gzip file; get it again.`,
    );
  } finally {
    raw.destroy();
  }
}
