/** Candidates that do not come from the job's own index: the data's negatives, BM25, or a run of the training queries. Today's vectors score them. */
import fs from 'node:fs';
import path from 'node:path';
import type { RunConfig } from '../../config/schema.js';
import { UserError } from '../../core/errors.js';
import { sha256OfFile } from '../../core/files.js';
import type { Reporter } from '../../core/reporter.js';
import type { Dataset } from '../../data/types.js';
import { Bm25Index } from '../../eval/bm25.js';
import { rankingAt } from '../../eval/run.js';
import { readRun } from '../../eval/runFiles.js';

export interface CandidateSource {
  /** What decides the candidates, for the fingerprint of a refresh. */
  readonly fingerprint: string;
  /** Passage rows for positions in train.rows, best first. */
  candidates(places: Int32Array): Promise<readonly Int32Array[]>;
}

const NONE = new Int32Array(0);

/** Undefined where all candidates come from the index. `folder`: the job's, in which a recipe's earlier stage leaves its ranking. */
export async function openSource(
  { sampler }: RunConfig,
  folder: string,
  dataset: Dataset,
  reporter: Reporter,
): Promise<CandidateSource | undefined> {
  if (!('source' in sampler) || sampler.source === 'index') return undefined;
  const sources: CandidateSource[] = [];
  for (const name of [sampler.source].flat()) sources.push(await openOne(name, sampler.pool, folder, dataset, reporter));
  return sources.length === 1 ? sources[0] : joined(sources);
}

async function openOne(name: string, pool: number, folder: string, dataset: Dataset, reporter: Reporter): Promise<CandidateSource> {
  const { train } = dataset.splits;
  if (name === 'bm25') return bm25Source(dataset, pool, reporter);
  if (name !== 'given') return runSource(name === 'stage' ? stageFiles(folder) : [name], dataset, reporter);
  if (!train.negatives)
    throw new UserError(
      `${dataset.name}: found no negatives in the data; expected some, for sampler.source is given; choose another source.`,
    );
  return { fingerprint: 'given', candidates: async (places) => Array.from(places, (place) => train.negatives![place]!) };
}

/** What the stages of a job left: rankings of judged queries, and of those that were labelled. */
const stageFiles = (job: string): string[] =>
  ['first', 'augment'].map((name) => stageCandidates(path.join(job, 'stages', name))).filter((file) => fs.existsSync(file));

/** The ranking of the training queries that a stage leaves in its folder for the next. */
export const stageCandidates = (folder: string): string => path.join(folder, 'candidates.trec');

/** The first of each, then the second of each, …; no passage twice. */
function joined(sources: readonly CandidateSource[]): CandidateSource {
  return {
    fingerprint: sources.map(({ fingerprint }) => fingerprint).join(' + '),
    candidates: async (places) => {
      const lists: (readonly Int32Array[])[] = [];
      for (const source of sources) lists.push(await source.candidates(places));
      return Array.from(places, (_, i) => {
        const longest = Math.max(...lists.map((of) => of[i]!.length));
        const passages = new Set<number>();
        for (let at = 0; at < longest; at++) for (const of of lists) if (at < of[i]!.length) passages.add(of[i]![at]!);
        return Int32Array.from(passages);
      });
    },
  };
}

function bm25Source({ corpus, queries, splits: { train } }: Dataset, pool: number, reporter: Reporter): CandidateSource {
  const index = Bm25Index.build(corpus, undefined, 'english');
  // Twice the pool: filters remove some.
  const depth = Math.min(corpus.size, 2 * pool);
  const found = new Map<number, Int32Array>();
  return {
    fingerprint: `bm25 ${depth}`,
    candidates: async (places) => {
      const phase = reporter.phase('candidates by BM25', places.length, 'queries');
      const lists = Array.from(places, (place, i) => {
        if (i % 256 === 0) phase.update(i);
        const known = found.get(place) ?? index.search(queries.text(train.rows[place]!), depth).rows;
        found.set(place, known);
        return known;
      });
      phase.end();
      return lists;
    },
  };
}

/** Run files, each of queries of its own. */
async function runSource(files: readonly string[], dataset: Dataset, reporter: Reporter): Promise<CandidateSource> {
  const { train } = dataset.splits;
  const rankings: ((row: number) => Int32Array)[] = [];
  for (const file of files) rankings.push(await openRanking(file, dataset));
  const ranking = (row: number) => rankings.map((of) => of(row)).find(({ length }) => length > 0) ?? NONE;
  const missing = train.rows.filter((row) => ranking(row).length === 0).length;
  const named = files.join(' and ');
  if (missing === train.rows.length)
    throw new UserError(`${named}: found none of the training queries; expected a run of them; check sampler.source.`);
  if (missing > 0)
    reporter.line(`${named}: ${missing} of ${train.rows.length} training queries are not ranked in it: their negatives are random`);
  const hashes: string[] = [];
  for (const file of files) hashes.push(await sha256OfFile(file));
  return {
    fingerprint: hashes.join(' '),
    candidates: async (places) => Array.from(places, (place) => ranking(train.rows[place]!)),
  };
}

/** A run file's passages for a query row, best first; none for a query that it does not rank. */
export async function openRanking(
  file: string,
  { corpus, queries }: Pick<Dataset, 'corpus' | 'queries'>,
): Promise<(row: number) => Int32Array> {
  const { run } = await readRun(file, { query: (id) => queries.rowOf(id), passage: (id) => corpus.rowOf(id) });
  const placeOf = new Map(Array.from(run.rows, (row, place) => [row, place]));
  return (row) => {
    const at = placeOf.get(row);
    return at === undefined ? NONE : rankingAt(run, at);
  };
}
