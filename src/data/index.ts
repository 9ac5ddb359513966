/** From the `data` part of a configuration to a data set. */
import fs from 'node:fs';
import path from 'node:path';
import type { DataConfig } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import type { Reporter } from '../core/reporter.js';
import { readCorpus, type TextPolicy } from './corpus.js';
import { datasetOptions, readDataset, readQueries } from './dataset.js';
import { passagesOf, queriesOf } from './formats/texts.js';
import { FORMAT_DEFAULTS, type FormatName, nameOf, openSource } from './formats.js';
import { mixed } from './mix.js';
import type { Source } from './source.js';
import type { Dataset, Texts } from './types.js';
import { loadWordnet } from './wordnet.js';

/** The splits of the built-in sets belong to the sets and not to a job: results of different seeds are about the same queries. */
const BUILTIN_SPLIT_SEED = 42;

export interface LoadOptions {
  /** Of splits that the data does not give. */
  readonly seed: number;
  /** Where corpora too large for memory go. */
  readonly cacheFolder: string;
  readonly reporter?: Reporter | undefined;
}

type FileData = Exclude<DataConfig, { format: 'builtin' | 'mix' }>;
type SetData = Extract<DataConfig, { format: 'mix' }>['sets'][number];

/** Loads the data set. Throws a UserError for data that cannot be used. */
export async function loadDataset(data: DataConfig, options: LoadOptions): Promise<Dataset> {
  return data.format === 'builtin' ? loadBuiltin(data.name) : loadFiles(data, options);
}

async function loadFiles(data: Exclude<DataConfig, { format: 'builtin' }>, options: LoadOptions): Promise<Dataset> {
  const { seed } = options;
  if (data.format === 'mix') return mixed(data, options, (set) => openOne(set, seed));
  const { source, format } = await openOne(data, seed);
  const dataset = await readDataset(source, nameOf(data.path), datasetOptions(data, format, options));
  const { format: asked } = data;
  return asked === 'auto' ? { ...dataset, notes: [`${data.path}: format ${format}`, ...dataset.notes] } : dataset;
}

async function openOne(data: FileData | SetData, seed: number): Promise<{ source: Source; format: FormatName }> {
  const { source, format } = await openSource(data.path, data.format, { ...FORMAT_DEFAULTS, ...data, seed });
  if (data.corpus === 'own') return { source, format };
  if (!fs.existsSync(data.corpus)) throw new UserError(`${data.corpus}: found no such file; expected the passages; check data.corpus.`);
  return { source: { ...source, files: [data.corpus, ...source.files], passages: () => passagesOf(data.corpus) }, format };
}

async function loadBuiltin(name: 'api-docs' | 'wordnet' | 'wordnet-examples'): Promise<Dataset> {
  switch (name) {
    case 'wordnet':
      return loadWordnet(BUILTIN_SPLIT_SEED, { subset: 'all' });
    case 'wordnet-examples':
      return loadWordnet(BUILTIN_SPLIT_SEED, { subset: 'withExamples' });
    case 'api-docs': {
      // Imported only here: it loads the TypeScript compiler.
      const { loadApiDocs } = await import('./apiDocs.js');
      return loadApiDocs(BUILTIN_SPLIT_SEED);
    }
  }
}

/** The texts of one file alone: queries, or passages of which the policy says what is read. */
export async function readTextFile(file: string, policy: TextPolicy | 'query'): Promise<{ texts: Texts; notes: readonly string[] }> {
  if (!fs.existsSync(file))
    throw new UserError(`${file}: found no such file; expected a file of texts (JSON lines, TSV, CSV or Parquet); check the path.`);
  if (policy === 'query') {
    const { queries, notes } = await readQueries({ files: [file], queries: () => queriesOf(file) });
    return { texts: queries, notes };
  }
  const source: Source = { files: [file], splits: {}, splitsPlace: file, passages: () => passagesOf(file), queries: () => queriesOf(file) };
  const { corpus, notes } = await readCorpus(source, { ...policy, cacheFolder: path.join('jobs', '.cache') });
  return { texts: corpus, notes };
}
