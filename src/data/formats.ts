/** Every format of data sets: how a folder of it is known, and how it is opened. */
import fs from 'node:fs';
import path from 'node:path';
import { data } from '../config/dataSchema.js';
import type { DataConfig } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import { CLICK_CORPUS, CLICK_STEMS, openClicks } from './formats/clicks.js';
import { LAYOUTS, type Layout, missingParts, openCollection } from './formats/collection.js';
import { dprFormat } from './formats/dpr.js';
import { type ExampleFormat, filesBySplit, openExamples } from './formats/examples.js';
import { type Form, findFiles } from './formats/files.js';
import { PAIRS } from './formats/pairs.js';
import { type FileRecord, recordsOf } from './formats/records.js';
import { TEVATRON } from './formats/tevatron.js';
import type { Source } from './source.js';

export const FORMATS = ['beir', 'msmarco-passage', 'msmarco-document', 'dpr', 'tevatron', 'pairs', 'trec', 'clicks'] as const;
export type FormatName = (typeof FORMATS)[number];

export interface FormatOptions {
  readonly positives: 'first' | 'all';
  readonly minClicks: number;
  readonly devShare: number;
  readonly testShare: number;
  readonly seed: number;
}

const defaultsOf = <F extends FormatName>(format: F) => data.parse({ format, path: '.' }) as Extract<DataConfig, { format: F }>;
const { minClicks, testShare } = defaultsOf('clicks');

/** What only some formats have, where it is not given: as the format alone would have it. */
export const FORMAT_DEFAULTS = { positives: defaultsOf('dpr').positives, minClicks, testShare };

/** Where the negatives that come with data of a format stand; formats without a line have none. */
export const NEGATIVES_IN: Readonly<Partial<Record<DataConfig['format'], string>>> = {
  'msmarco-passage': 'qidpidtriples.train.full.2.tsv.gz or msmarco-hard-negatives.jsonl.gz beside the collection (docs/data.md)',
  dpr: 'hard_negative_ctxs or negative_ctxs of the examples',
  tevatron: 'negative_passages of the examples',
  pairs: 'a column of negatives',
};

/** Opens a folder, or a single file of examples. `auto` tells the format by what is there. */
export async function openSource(
  place: string,
  format: FormatName | 'auto',
  options: FormatOptions,
): Promise<{ source: Source; format: FormatName }> {
  if (!fs.existsSync(place)) throw new UserError(`${place}: found nothing there; expected the folder of a data set; check data.path.`);
  const isFile = fs.statSync(place).isFile();
  const known = format === 'auto' ? await detect(place, isFile) : format;
  if (!isFile) return { source: openFolder(place, known, options), format: known };
  const examples = exampleFormat(known, options);
  if (!examples)
    throw new UserError(
      `${place}: found a file; expected the folder of a ${known} data set (a file alone can be dpr, tevatron or pairs); check data.path.`,
    );
  return { source: openExamples(path.dirname(place), { ...examples, corpus: [] }, { train: [place], dev: [], test: [] }), format: known };
}

function openFolder(folder: string, format: FormatName, options: FormatOptions): Source {
  if (format === 'clicks') return openClicks(folder, options);
  const examples = exampleFormat(format, options);
  if (!examples) return openCollection(folder, LAYOUTS[format as keyof typeof LAYOUTS]);
  const files = filesBySplit(folder, examples);
  if (Object.values(files).every((list) => list.length === 0))
    throw new UserError(
      `${path.join(folder, examples.splits.train[0]!)}.*: found no such file; expected one in ${format} format; check data.path and data.format.`,
    );
  return openExamples(folder, examples, files);
}

function exampleFormat(format: FormatName, { positives }: FormatOptions): ExampleFormat | undefined {
  if (format === 'dpr') return dprFormat(positives);
  return format === 'tevatron' ? TEVATRON : format === 'pairs' ? PAIRS : undefined;
}

/** Collections are known by their files' names, sets of examples by what their first record holds. */
async function detect(place: string, isFile: boolean): Promise<FormatName> {
  if (isFile) return formatOfExamples(place);
  const collections = Object.entries(LAYOUTS) as [keyof typeof LAYOUTS, Layout][];
  const whole = collections.find(([, layout]) => missingParts(place, layout).length === 0);
  if (whole) return whole[0];
  if (findFiles(place, CLICK_STEMS).length > 0 && findFiles(place, CLICK_CORPUS).length > 0) return 'clicks';
  const examples = [
    ...new Set([dprFormat('first'), TEVATRON, PAIRS].flatMap((format) => Object.values(filesBySplit(place, format)).flat())),
  ];
  if (examples.length > 0) return formatOfExamples(examples[0]!);
  const beir = missingParts(place, LAYOUTS.beir).join('; ');
  throw new UserError(
    `${place}: found no data set that is known; expected one of ${FORMATS.join(', ')}. Of beir it lacks: ${beir}. Which files each has: docs/data.md; or name the format with data.format.`,
  );
}

async function formatOfExamples(file: string): Promise<FormatName> {
  const table = {
    columns: { 2: ['question', 'answers'], 3: ['anchor', 'positive', 'negative'] },
    quoted: /\.tsv/.test(file),
    isHeader: (values: readonly string[], form: Form) =>
      form === 'csv' || values.some((value) => /^(question|query|anchor|sentence1|label|score)$/.test(value)),
  };
  for await (const { fields } of recordsOf(file, table)) return formatOfRecord(fields);
  return 'pairs';
}

function formatOfRecord(fields: FileRecord['fields']): FormatName {
  if ('positive_passages' in fields || 'positive_document_ids' in fields) return 'tevatron';
  if ('positive_ctxs' in fields || 'positive_ids' in fields || ('question' in fields && ('answers' in fields || 'answer' in fields)))
    return 'dpr';
  return 'pairs';
}

/** What a data set is called after its place. */
export const nameOf = (place: string): string =>
  path.basename(path.resolve(place)).replace(/\.(jsonl|json|tsv|csv|txt|parquet)(\.gz)?$/, '');
