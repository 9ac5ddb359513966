/** After the last step: the checkpoint that dev chose is tested once, beside BM25 and the untrained encoder, and written out. */
import path from 'node:path';
import { writeJson } from '../core/files.js';
import { deriveKey } from '../core/random.js';
import { selectFromSplit } from '../data/texts.js';
import type { Dataset, Split } from '../data/types.js';
import { depthOf, type Judge } from '../eval/judge.js';
import { policyOf, queriesOutside, type Result, type SearchKind, systemResult } from '../eval/result.js';
import type { Evaluation, Run } from '../eval/run.js';
import { writePerQuery, writeTrecRun } from '../eval/runFiles.js';
import { pairedBootstrap } from '../eval/significance.js';
import { rowsByLength } from '../index/encode.js';
import { loadModel } from './folder/checkpoint.js';
import { writeModel } from './folder/exportModel.js';
import type { ResolvedJob } from './folder/jobFolder.js';
import { modelCard } from './folder/modelCard.js';
import { type Measures, type Summary, summaryFile, versions } from './folder/summary.js';
import type { LexicalBaseline } from './lexical.js';
import type { LoopContext, Trained } from './loop.js';
import { stageCandidates } from './refresh/candidateSource.js';
import { encodeCorpus } from './refresh/corpusVectors.js';
import { bestRefresh, searchSplit } from './refresh/refresh.js';
import { refreshShare } from './stopwatch.js';

export interface Finish {
  readonly job: ResolvedJob;
  readonly context: LoopContext;
  readonly initial: Float32Array;
  readonly trained: Trained;
  readonly bm25?: LexicalBaseline | undefined;
  /** Passages of the best encoder's ranking of each training query that are left in the folder. */
  readonly candidates?: number | undefined;
}

/** Tests, writes runs, per-query values, model, vectors and summary.json; returns the summary. */
export async function finish({ job, context, initial, trained, bm25, candidates }: Finish): Promise<Summary> {
  const { config, folder, dataset, replicas, stopwatch, judge } = context;
  const specs = replicas.first.encoder.specs;
  const { test } = dataset.splits;
  const tested = config.eval.test === 'atEnd' && test.rows.length > 0;
  const selection = config.eval.selection;
  const chosen = bestRefresh(trained.refreshes, selection);
  const best = loadModel(folder, specs, chosen.step);
  const files: Record<string, string> = {};
  const evaluations: Record<string, Evaluation> = {};
  const runs: Record<string, Run> = await stopwatch.time('evaluate', async () => {
    if (!tested) {
      await indexWith(context, best, 'trained encoder');
      return {};
    }
    return {
      ...(bm25 && { bm25: await bm25.search(test) }),
      untrained: await rank(context, initial, 'untrained encoder'),
      trained: await rank(context, best, 'trained encoder'), // last: its vectors stay, for the index
    };
  });
  for (const [system, run] of Object.entries(runs)) {
    evaluations[system] = judge.evaluate(run, test, config.eval.measures);
    files[`${system} run`] = path.join(folder, 'eval', `test.${system}.trec`);
    writeTrecRun(files[`${system} run`]!, run, judge.names, `simans-${system}`);
    writePerQuery(path.join(folder, 'eval', `test.${system}.tsv`), dataset.queries, test, evaluations[system]!.perQuery);
  }
  if (candidates !== undefined) await writeCandidates(context, Math.min(candidates, dataset.corpus.size));
  Object.assign(files, await context.teacher?.write());
  if (tested) writeJson(path.join(folder, 'eval', 'test.json'), resultOf(context, evaluations, runs));
  const means = Object.fromEntries(Object.entries(evaluations).map(([system, evaluation]) => [system, evaluation.means]));
  const selected = { step: chosen.step, measure: selection, dev: chosen.dev[selection]! };
  Object.assign(
    files,
    await stopwatch.time('write', () =>
      writeModel({
        context,
        parameters: best,
        card: modelCard({ config, shape: replicas.first.encoder.shape, dataset, parameters: initial.length, best: selected, test: means }),
      }),
    ),
  );
  const difference =
    evaluations.bm25 &&
    pairedBootstrap(evaluations.trained!.perQuery[selection]!, evaluations.bm25.perQuery[selection]!, deriveKey(config.seed, 'bootstrap'));
  const summary: Summary = {
    name: config.name,
    folder,
    seed: config.seed,
    data: {
      name: dataset.name,
      passages: dataset.corpus.size,
      fingerprint: { ...dataset.fingerprint },
      queries: Object.fromEntries(Object.entries(dataset.splits).map(([name, { rows }]) => [name, rows.length])),
      queriesOutsideCorpus: Object.fromEntries(Object.entries(dataset.splits).map(([name, split]) => [name, queriesOutside(split)])),
    },
    backend: { name: job.backend.name, gflops: job.backend.gflops, replicas: job.replicas },
    parameters: initial.length,
    steps: trained.step,
    best: selected,
    refreshes: trained.refreshes.map(({ number, step, seconds, dev }) => ({ number, step, seconds, dev })),
    test: means,
    ...(tested && unseenPart(dataset, judge, runs, config.eval.measures)),
    ...(bm25 && { bm25: { k1: bm25.k1, b: bm25.b, dev: bm25.dev } }),
    ...(difference && { difference }),
    ...(trained.memory && { stepMemoryBytes: trained.memory }),
    refreshShare: refreshShare(stopwatch.seconds()),
    seconds: { ...stopwatch.seconds(), total: process.uptime() },
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    versions: versions(),
    files: { ...files, summary: summaryFile(folder) },
  };
  writeJson(summaryFile(folder), summary);
  return summary;
}

/** All test figures with what they rest on: what `simans eval` compares. */
function resultOf({ config, dataset, judge }: LoopContext, evaluations: Record<string, Evaluation>, runs: Record<string, Run>): Result {
  const { test } = dataset.splits;
  const { answerRule, measures } = config.eval;
  const kinds: Readonly<Record<string, SearchKind>> = { bm25: 'BM25' };
  const systems = Object.entries(evaluations).map(([system, evaluation]) => [
    system,
    systemResult(kinds[system] ?? 'exact', evaluation, test.rows.length - runs[system]!.rows.length),
  ]);
  return {
    format: 1,
    data: dataset.name,
    policy: policyOf(dataset, 'test', { ...judge, depth: depthOf(measures, judge.rules), answerRule }),
    queries: Array.from(test.rows, judge.names.queryId),
    systems: Object.fromEntries(systems),
  };
}

/** The test run of the encoder with these parameters. */
async function rank(context: LoopContext, parameters: Float32Array, name: string): Promise<Run> {
  await indexWith(context, parameters, `test: ${name}`);
  return searchSplit(context, context.dataset.splits.test);
}

/** Leaves the first passages of each training query in the folder, by the vectors of the corpus that are there. */
async function writeCandidates({ replicas, dataset, folder }: LoopContext, k: number): Promise<void> {
  const { queries, corpus, splits } = dataset;
  const { rows } = splits.train;
  await replicas.encode('query', rowsByLength(replicas.shared.tokens.query, rows));
  const names = { queryId: (row: number) => queries.id(row), passageId: (row: number) => corpus.id(row) };
  writeTrecRun(stageCandidates(folder), { k, rows, ...(await replicas.search(rows, k)) }, names, 'simans');
}

/** Encodes the corpus with these parameters. */
async function indexWith(context: LoopContext, parameters: Float32Array, name: string): Promise<void> {
  context.replicas.assign(parameters);
  await encodeCorpus(context, name);
}

/** The test queries none of whose gold passages is a training or dev query's: what can neither be memorised nor chosen for. Absent where that is all or none. */
function unseenPart(dataset: Dataset, judge: Judge, runs: Record<string, Run>, measures: readonly string[]): Pick<Summary, 'testUnseen'> {
  const { train, dev, test } = dataset.splits;
  const known = new Set([...train.positives, ...dev.positives].flatMap((passages) => [...passages]));
  const unseen = [...test.positives.keys()].filter((i) => !test.positives[i]!.some((passage) => known.has(passage)));
  if (unseen.length === 0 || unseen.length === test.rows.length) return {};
  const part: Split = selectFromSplit(test, unseen);
  const systems: Record<string, Measures> = Object.fromEntries(
    Object.entries(runs).map(([system, run]) => [system, judge.evaluate(run, part, measures).means]),
  );
  return { testUnseen: { queries: unseen.length, systems } };
}
