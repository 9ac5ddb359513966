/** From one format to another. */
import fs from 'node:fs';
import { UserError } from '../core/errors.js';
import type { Reporter } from '../core/reporter.js';
import { readDataset } from './dataset.js';
import { ALL_FIELDS, WRITTEN_FORMATS } from './formats/writers.js';
import { FORMAT_DEFAULTS, type FormatName, nameOf, openSource } from './formats.js';
import { requireNewFolder, writeDataset } from './write.js';

export interface ConvertOptions {
  readonly path: string;
  readonly format: FormatName | 'auto';
  /** The new folder. */
  readonly folder: string;
  readonly to: string;
  readonly reporter: Reporter;
}

export async function convertDataset({ path, format, folder, to, reporter }: ConvertOptions): Promise<void> {
  if (!Object.hasOwn(WRITTEN_FORMATS, to)) throw new UserError(`--to is ${to}; expected one of ${Object.keys(WRITTEN_FORMATS).join(', ')}`);
  requireNewFolder(folder);
  const seed = 42;
  const { source, format: found } = await openSource(path, format, { ...FORMAT_DEFAULTS, devShare: 0.2, seed });
  const cacheFolder = `${folder}.cache`; // beside what is written: both may need a large disk
  try {
    const dataset = await readDataset(source, nameOf(path), {
      fields: ALL_FIELDS,
      separator: 'space',
      devShare: 0, // splits stay as they are
      seed,
      dangling: 'refuse',
      removeSelf: false,
      duplicates: 'asIs',
      cacheFolder,
      reporter,
    });
    for (const note of dataset.notes) reporter.line(note);
    const lost = await writeDataset(dataset, to, folder);
    for (const line of lost) reporter.line(line);
    reporter.line(
      `${folder}: ${dataset.corpus.size.toLocaleString('en')} passages from ${found} to ${to} (${WRITTEN_FORMATS[to]!.description})`,
    );
  } finally {
    fs.rmSync(cacheFolder, { recursive: true, force: true });
  }
}
