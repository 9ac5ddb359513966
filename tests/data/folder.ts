/** Folders of files for the readers. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach } from 'vitest';

export type Files = Readonly<Record<string, string | Buffer | undefined>>;

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0))
    for (const place of [folder, `${folder}.cache`]) fs.rmSync(place, { recursive: true, force: true });
});

export function folderOf(files: Files): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-data-'));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) {
    if (content === undefined) continue;
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), content);
  }
  return folder;
}

export const jsonLines = (...records: object[]): string => records.map((record) => `${JSON.stringify(record)}\n`).join('');
