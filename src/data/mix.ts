/** Several data sets as one: one corpus, ids told apart by the set's name, each set with its share of a step's queries. */
import type { DataConfig } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import { datasetOptions, readDataset } from './dataset.js';
import { type FormatName, nameOf } from './formats.js';
import type { LoadOptions } from './index.js';
import { type Judgment, type Passage, type Query, type Source, SPLIT_NAMES } from './source.js';
import type { Dataset } from './types.js';

type MixData = Extract<DataConfig, { format: 'mix' }>;
type SetData = MixData['sets'][number];

export async function mixed(
  data: MixData,
  options: LoadOptions,
  open: (set: SetData) => Promise<{ source: Source; format: FormatName }>,
): Promise<Dataset> {
  const names = data.sets.map(({ path }) => nameOf(path));
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice)
    throw new UserError(
      `data.sets: found two sets named ${twice}; expected folders with different names, for they name the sets; rename one.`,
    );
  const opened = await Promise.all(data.sets.map(open));
  const [ours, ...others] = data.sets.map((set, i) => datasetOptions(set, opened[i]!.format, options));
  for (const other of others)
    for (const [key, value] of Object.entries(ours!))
      if (key !== 'reporter' && JSON.stringify(value) !== JSON.stringify(other[key as keyof typeof other]))
        throw new UserError(
          `data.sets: found sets that differ in ${key}; expected the same in all, for they are one corpus; give each the same.`,
        );
  const source = union(
    opened.map(({ source }) => source),
    names,
  );
  const dataset = await readDataset(source, names.join('+'), ours!);
  const of = Int32Array.from(dataset.splits.train.rows, (row) => names.findIndex((name) => dataset.queries.id(row).startsWith(`${name}/`)));
  const weights = data.sets.map(({ weight }) => weight);
  const empty = names.find((_, set) => !of.includes(set));
  if (empty) throw new UserError(`data.sets: found no training query in ${empty}; expected some in each set; leave it out.`);
  return { ...dataset, mix: { names, weights, of } };
}

/** The sources one after the other, with ids such as nq/17. */
function union(sources: readonly Source[], names: readonly string[]): Source {
  const each = async function* <T>(
    streams: readonly (AsyncIterable<T> | undefined)[],
    renamed: (item: T, set: string) => T,
  ): AsyncGenerator<T> {
    for (const [i, stream] of streams.entries()) if (stream) for await (const item of stream) yield renamed(item, names[i]!);
  };
  const withId = <T extends Passage | Query>(item: T, set: string): T => ({ ...item, id: `${set}/${item.id}` });
  const judged = (judgment: Judgment, set: string): Judgment => ({
    ...judgment,
    query: `${set}/${judgment.query}`,
    passage: `${set}/${judgment.passage}`,
  });
  const inSplits = SPLIT_NAMES.filter((split) => sources.some((source) => source.splits[split]));
  return {
    files: sources.flatMap(({ files }) => files),
    splitsPlace: sources.map(({ splitsPlace }) => splitsPlace).join(' and '),
    passages: () =>
      each(
        sources.map((source) => source.passages()),
        withId,
      ),
    queries: () =>
      each(
        sources.map((source) => source.queries()),
        withId,
      ),
    splits: Object.fromEntries(
      inSplits.map((split) => [
        split,
        () =>
          each(
            sources.map((source) => source.splits[split]?.()),
            judged,
          ),
      ]),
    ),
  };
}
