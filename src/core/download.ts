/** One file from the web, resumed where it was cut off. */
import fs from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { messageOf, UserError } from './errors.js';

/** The server's refusal. */
export class HttpError extends Error {
  constructor(
    readonly url: string,
    readonly status: number,
    readonly statusText: string,
  ) {
    super(`${url}: the server answers ${status} (${statusText})`);
  }
}

export interface DownloadOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Hears how many bytes are there. */
  onBytes(bytes: number): void;
}

/** Fetches what is missing of `file`; what is there is taken for its begin. Throws HttpError, or a UserError where the connection breaks. */
export async function downloadTo(url: string, file: string, { headers = {}, onBytes }: DownloadOptions): Promise<void> {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const have = fs.existsSync(file) ? fs.statSync(file).size : 0;
  const response = await fetch(url, { headers: { ...headers, ...(have > 0 && { Range: `bytes=${have}-` }) } });
  if (response.status === 416 && have > 0) return; // nothing is missing
  if (!response.ok || !response.body) throw new HttpError(url, response.status, response.statusText);
  const resumed = response.status === 206;
  const descriptor = fs.openSync(file, resumed ? 'a' : 'w');
  let bytes = resumed ? have : 0;
  try {
    for await (const part of Readable.fromWeb(response.body as never)) {
      for (let rest = part as Buffer; rest.length > 0; ) rest = rest.subarray(fs.writeSync(descriptor, rest));
      bytes += (part as Buffer).length;
      onBytes(bytes);
    }
    fs.fsyncSync(descriptor);
  } catch (error) {
    throw new UserError(`${url}: the connection broke after ${bytes} bytes (${messageOf(error)}). Start again: it goes on from there.`);
  } finally {
    fs.closeSync(descriptor);
  }
}
