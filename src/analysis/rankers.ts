/** Runs of a data set's queries by whatever can rank: an encoder, vectors on disk, BM25, a run file. */
import fs from 'node:fs';
import path from 'node:path';
import { selectBackend } from '../backend/index.js';
import { UserError } from '../core/errors.js';
import { sha256 } from '../core/files.js';
import type { Reporter } from '../core/reporter.js';
import { fingerprintTexts, selectTexts } from '../data/texts.js';
import type { Dataset, Split, Texts } from '../data/types.js';
import { createDualEncoder, type Side } from '../encoders/dualEncoder.js';
import { type OpenedModel, openModel } from '../encoders/modelFolder.js';
import type { AnalysisName } from '../eval/analyzer.js';
import { Bm25Index, searchBm25 } from '../eval/bm25.js';
import { searchDocuments } from '../eval/documents.js';
import type { SearchKind } from '../eval/result.js';
import type { Run } from '../eval/run.js';
import { readRun } from '../eval/runFiles.js';
import { bulkEncode } from '../index/bulkEncode.js';
import { ExactIndex, queryBlock } from '../index/exact.js';
import { precisionNote, queriesNote, readVectors, requireSameModel, requireTexts, StoredVectors } from '../index/storedVectors.js';
import { gathered, type Vectors } from '../index/vectors.js';

export interface RankContext {
  readonly dataset: Dataset;
  readonly split: Split;
  readonly depth: number;
  /** Where vectors are kept: a second evaluation encodes nothing. */
  readonly cacheFolder: string;
  readonly reporter: Reporter;
  readonly threads: number;
  /** Of BM25. */
  readonly analysis: AnalysisName;
}

export interface Ranked {
  readonly run: Run;
  readonly search: SearchKind;
}

/** `what`: bm25, a run file, a folder of vectors (passages/ and queries/ by simans encode), or a model: a job, a folder, a hub id. */
export async function rank(what: string, context: RankContext): Promise<Ranked> {
  if (what === 'bm25') return { run: await bm25Run(context), search: 'BM25' };
  if (fs.existsSync(what) && fs.statSync(what).isFile()) return { run: await fileRun(what, context), search: 'run file' };
  if (fs.existsSync(path.join(what, 'passages', 'encode.json'))) return { run: await storedRun(what, context), search: 'exact' };
  return { run: await modelRun(what, context), search: 'exact' };
}

function bm25Run({ dataset, split, depth, analysis, reporter }: RankContext): Promise<Run> {
  const index = Bm25Index.build(dataset.corpus, undefined, analysis);
  reporter.line(`BM25: k1 ${index.parameters.k1}, b ${index.parameters.b}, ${analysis} analysis`);
  return searchBm25(index, dataset, split.rows, depth);
}

async function fileRun(file: string, { dataset, reporter }: RankContext): Promise<Run> {
  const { queries, corpus, documents } = dataset;
  const { run, unknownQueries } = await readRun(file, {
    query: (id) => queries.rowOf(id),
    passage: (id) => (documents ?? corpus).rowOf(id),
  });
  if (unknownQueries > 0) reporter.line(`${file}: ${unknownQueries} of its queries are not in the data set and are left out`);
  return run;
}

async function modelRun(name: string, context: RankContext): Promise<Run> {
  const { dataset, split, reporter } = context;
  const { model } = await openModel(name, reporter);
  const { logitScale } = createDualEncoder(model.shape);
  const passages = await encoded(model, dataset.corpus, 'passage', context);
  const queries = await encoded(model, selectTexts(dataset.queries, split.rows), 'query', context);
  return search(passages, queries, logitScale, context);
}

async function encoded(model: OpenedModel, texts: Texts, side: Side, { cacheFolder, reporter, threads }: RankContext): Promise<Vectors> {
  const key = sha256(
    JSON.stringify([model.sha256, model.shape, model.maxTokens, model.prefixes, side, fingerprintTexts(texts), texts.separated]),
  ).slice(0, 32);
  const folder = path.join(cacheFolder, `vectors-${key}`);
  await bulkEncode({
    model,
    texts,
    side,
    folder,
    dtype: 'fp32',
    precision: 'fp32',
    engine: 'onnxruntime',
    threads,
    shardRows: 4096,
    part: { index: 0, count: 1 },
    reporter,
  });
  const { vectors, width } = readVectors(folder);
  return { values: vectors, width };
}

/** Vectors that simans encode wrote, matched by id: of the very texts of the data set, where their ids are the same in the same order. */
async function storedRun(folder: string, context: RankContext): Promise<Run> {
  const { dataset, split, reporter } = context;
  const passages = new StoredVectors(path.join(folder, 'passages'), 'passage');
  const queries = new StoredVectors(path.join(folder, 'queries'), 'query');
  requireSameModel(passages, queries);
  const [stored, asked] = [readVectors(passages.folder), readVectors(queries.folder)];
  const hasIds = (ids: readonly string[], texts: Texts) => ids.length === texts.size && ids.every((id, row) => texts.id(row) === id);
  if (hasIds(stored.ids, dataset.corpus)) requireTexts(passages, dataset.corpus, dataset.policy, dataset.name);
  const asksThese = hasIds(asked.ids, dataset.queries);
  const notes = [precisionNote(passages, queries.manifest.precision), asksThese && queriesNote(queries, dataset.queries, dataset.name)];
  for (const note of notes) if (note) reporter.line(note);
  const place = (side: string, ids: readonly string[], wanted: Iterable<string>): Int32Array => {
    const rows = new Map(ids.map((id, i) => [id, i]));
    return Int32Array.from(wanted, (id) => {
      const row = rows.get(id);
      if (row === undefined)
        throw new UserError(
          `${path.join(folder, side)}: found no vector of ${id}; expected one of every text of the data set; encode it with simans encode.`,
        );
      return row;
    });
  };
  const { width } = stored;
  const rowsOf = ({ vectors }: { readonly vectors: Float32Array }, rows: Int32Array): Vectors => ({
    values: gathered({ values: vectors, width }, rows),
    width,
  });
  const ids = (texts: Texts, rows: Iterable<number>) => Array.from(rows, (row) => texts.id(row));
  const passageRows = place(
    'passages',
    stored.ids,
    ids(
      dataset.corpus,
      Array.from({ length: dataset.corpus.size }, (_, row) => row),
    ),
  );
  const queryRows = place('queries', asked.ids, ids(dataset.queries, split.rows));
  return search(rowsOf(stored, passageRows), rowsOf(asked, queryRows), 1, context);
}

/** `queries`: those of the split, in its order. */
async function search(passages: Vectors, queries: Vectors, scale: number, context: RankContext): Promise<Run> {
  const { dataset, split, depth, reporter } = context;
  await selectBackend('auto');
  const index = new ExactIndex(passages);
  const placeOf = new Map(Array.from(split.rows, (row, place) => [row, place]));
  const ranked = async (rows: Int32Array, k: number): Promise<Run> => {
    const run = { k, rows, passages: new Int32Array(rows.length * k), scores: new Float32Array(rows.length * k) };
    const phase = reporter.phase('search', rows.length, 'queries');
    const size = queryBlock(k);
    for (let begin = 0; begin < rows.length; begin += size) {
      const block = rows.slice(begin, begin + size).map((row) => placeOf.get(row)!);
      const hits = await index.search(queries, block, k, scale);
      run.passages.set(hits.passages, begin * k);
      run.scores.set(hits.scores, begin * k);
      phase.update(begin + block.length);
    }
    phase.end();
    return run;
  };
  const deep = Math.min(depth, (dataset.documents ?? dataset.corpus).size);
  const run = dataset.documents ? await searchDocuments(split.rows, deep, dataset.documents, ranked) : await ranked(split.rows, deep);
  return { ...run, whole: true };
}
