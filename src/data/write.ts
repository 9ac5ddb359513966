/** A data set in another format: whole or not at all, with a word on what that format has no place for. */
import fs from 'node:fs';
import { UserError } from '../core/errors.js';
import { writeNewFolder } from '../core/files.js';
import { countFields, WRITTEN_FORMATS, type WrittenFormat } from './formats/writers.js';
import { SPLIT_NAMES } from './source.js';
import type { Dataset, Split } from './types.js';

/** Writes a data set read with ALL_FIELDS and without windows; whole or not at all. Returns what the format could not hold. */
export async function writeDataset(dataset: Dataset, format: string, to: string): Promise<string[]> {
  const { write, loses, bareIds } = WRITTEN_FORMATS[format]!;
  requireNewFolder(to);
  if (bareIds) requireBareIds(dataset, format);
  await writeNewFolder(to, (temporary) => write(dataset, temporary));
  return loses.flatMap((what) => lossOf(dataset, what));
}

/** Throws a UserError where the folder is there already; asked for before what takes long, too. */
export function requireNewFolder(to: string): void {
  if (fs.existsSync(to)) throw new UserError(`${to}: found something there already; expected a new folder; choose another or remove it.`);
}

function requireBareIds({ corpus, queries }: Dataset, format: string): void {
  for (const [kind, texts] of [
    ['passage', corpus],
    ['query', queries],
  ] as const)
    for (let row = 0; row < texts.size; row++)
      if (/\s/.test(texts.id(row)))
        throw new UserError(
          `the ${kind} id ${JSON.stringify(texts.id(row))} holds white space; expected none, for ${format} parts ids by it. Rename it, or write another format.`,
        );
}

function lossOf(dataset: Dataset, what: WrittenFormat['loses'][number]): string[] {
  const lists = (of: (split: Split) => Int32Array[] | undefined) => SPLIT_NAMES.flatMap((name) => of(dataset.splits[name]) ?? []);
  const count = (arrays: Int32Array[], counts: (value: number) => boolean) =>
    arrays.reduce((sum, array) => sum + array.filter(counts).length, 0);
  const found = {
    titles: () => countFields(dataset, 1),
    urls: () => countFields(dataset, 0),
    grades: () =>
      count(
        lists(({ grades }) => grades),
        (grade) => grade > 1,
      ),
    zeros: () =>
      count(
        lists(({ grades }) => grades),
        (grade) => grade < 1,
      ),
    negatives: () =>
      count(
        lists(({ negatives }) => negatives),
        () => true,
      ),
    known: () =>
      count(
        lists(({ known }) => known),
        () => true,
      ),
    answers: () => dataset.answers?.size ?? 0,
    ids: () => dataset.corpus.size,
  }[what]();
  const named = {
    titles: 'titles',
    urls: 'addresses',
    grades: 'grades above 1 became 1',
    zeros: 'judgments below 1',
    negatives: 'negatives',
    known: 'pairs kept from being negatives',
    answers: 'questions’ answers',
    ids: 'ids were made from the texts',
  }[what];
  return found === 0
    ? []
    : [
        `${found.toLocaleString('en')} ${named}${what === 'grades' || what === 'ids' ? '' : ' have no place in the format and are left out'}`,
      ];
}
