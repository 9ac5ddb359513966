/** From what a reader gives to a data set. */
import { type CorpusOptions, describePolicy, type PolicyKeys, readCorpus, textPolicy } from './corpus.js';
import type { FormatName } from './formats.js';
import { Ids } from './ids.js';
import { at, badData, type Place, type Source } from './source.js';
import { readSplits, type SplitOptions } from './splits.js';
import { fingerprintDataset, joinFields, textsInMemory } from './texts.js';
import type { Dataset, Texts } from './types.js';

export interface DatasetOptions extends CorpusOptions, SplitOptions {}

/** The keys of a job file that decide how files become a data set. */
export type DatasetKeys = PolicyKeys & Omit<SplitOptions, 'seed'>;

export function datasetOptions(
  keys: DatasetKeys,
  format: FormatName,
  rest: Pick<DatasetOptions, 'seed' | 'cacheFolder' | 'reporter'>,
): DatasetOptions {
  const { devShare, dangling, removeSelf, duplicates } = keys;
  const { seed, cacheFolder, reporter } = rest;
  return { ...textPolicy(keys, format), devShare, dangling, removeSelf, duplicates, seed, cacheFolder, reporter };
}

/** Throws a UserError `file:line: found …; expected …; do …` for anything that cannot be used. */
export async function readDataset(source: Source, name: string, options: DatasetOptions): Promise<Dataset> {
  const { corpus, documents, notes } = await readCorpus(source, options);
  const { queries, answers, notes: ofQueries } = await readQueries(source);
  const all = [...notes, ...ofQueries];
  const splits = await readSplits(source, { corpus, documents, queries, answers, options, notes: all });
  const parts = { corpus, queries, splits, ...(documents && { documents }), ...(answers.size > 0 && { answers }) };
  return {
    name,
    ...parts,
    ...(options.removeSelf && { removeSelf: true }),
    policy: describePolicy(options),
    fingerprint: fingerprintDataset(parts),
    notes: all,
  };
}

/** Queries in memory: even the largest sets have a million. */
export async function readQueries(
  source: Pick<Source, 'queries' | 'files'>,
): Promise<{ queries: Texts; answers: Map<number, readonly string[]>; notes: string[] }> {
  const ids = new Ids();
  const texts: string[] = [];
  const places: Place[] = [];
  const answers = new Map<number, readonly string[]>();
  let damaged = 0;
  for await (const query of source.queries()) {
    const { row, added } = ids.add(query.id);
    if (!added)
      throw badData(
        query.place,
        `the query id ${JSON.stringify(query.id)} again (first at ${at(places[row]!)})`,
        'each id once',
        'remove or rename one',
      );
    texts.push(joinFields([query.text]));
    places.push(query.place);
    if (query.answers) answers.set(row, query.answers);
    if (query.text.includes('\uFFFD')) damaged++;
  }
  if (ids.size === 0) throw badData(`${source.files.at(-1) ?? 'queries'}:1`, 'no query', 'one a line', 'check the file');
  const notes =
    damaged > 0
      ? [`${places[0]!.file}: ${damaged} of ${ids.size} queries hold the replacement character U+FFFD: not UTF-8, or damaged before.`]
      : [];
  return { queries: textsInMemory(ids, texts), answers, notes };
}
