/**
 * RocketQA's data augmentation: queries without judgments are searched for with the denoised retriever; where the ranker is sure of the best candidate it is
 * taken for the positive. Blocks of queries are kept as they are done.
 */
import fs from 'node:fs';
import path from 'node:path';
import { selectBackend } from '../backend/index.js';
import type { RecipeConfig, RunConfig } from '../config/schema.js';
import { jobFolderOf, stageFolder } from '../config/stages.js';
import { indexOfLargest } from '../core/arrays.js';
import { sha256OfFile, writeFileAtomic } from '../core/files.js';
import type { Reporter } from '../core/reporter.js';
import { queriesOf } from '../data/formats/texts.js';
import type { PseudoLabel } from '../data/pseudoLabels.js';
import { createTexts } from '../data/texts.js';
import { encodeRow } from '../data/tokenCache.js';
import type { Dataset, Texts } from '../data/types.js';
import { tableOf } from '../encoders/batching.js';
import { createDualEncoder } from '../encoders/dualEncoder.js';
import { readSafetensors } from '../encoders/formats/safetensors.js';
import { createInference } from '../encoders/inference.js';
import { openModelFolder } from '../encoders/modelFolder.js';
import { openPairScorer, type PairScorer } from '../encoders/pairScorer.js';
import { createWeights, disposeWeights } from '../encoders/parameters.js';
import { prefixed } from '../encoders/prefixed.js';
import { requireTrecIds, trecLine } from '../eval/runFiles.js';
import { encodeTable } from '../index/encode.js';
import { ExactIndex, type Hits, QUERY_BLOCK } from '../index/exact.js';
import { probabilityOf } from '../sampling/filters.js';
import { bindDataset } from '../train/folder/jobFolder.js';
import { bindSettings, requireSameSettings, type StageBound } from '../train/folder/stageSettings.js';
import type { JobOptions } from '../train/job.js';
import { stageCandidates } from '../train/refresh/candidateSource.js';
import { loadTrainable, pseudoLabelFile } from '../train/trainData.js';
import type { Stage } from './recipe.js';

type RocketQaConfig = Extract<RecipeConfig, { kind: 'rocketqa' }>;
type Augment = Exclude<RocketQaConfig['augment'], 'none'>;

interface Models {
  /** The folder of the stage that searches. */
  readonly retriever: string;
  /** The folder of the cross-encoder that judges, and its longest pair. */
  readonly ranker: string;
  readonly maxTokens: number;
}

export function augmentStage(config: RunConfig, settings: Augment, models: Models): Stage {
  const folder = stageFolder(config, 'augment');
  return {
    name: 'augment',
    does: 'label queries without judgments by retriever and ranker',
    steps: 0,
    done: () => fs.existsSync(pseudoLabelFile(jobFolderOf(config))),
    requireSame: (reporter) => {
      requireSameSettings(folder, boundOf(config, settings, models.maxTokens), reporter);
    },
    run: (options) => label(config, settings, { ...models, folder }, options),
  };
}

/** What decides its labels, beside the models of the stages before it. */
function boundOf({ seed, backend, data, lab, train, eval: { answerRule } }: RunConfig, augment: Augment, maxTokens: number): StageBound {
  const { precision } = train;
  return { seed, backend, data, lab, train: { precision }, recipe: { ranker: { maxTokens }, augment }, eval: { answerRule } };
}

/** What becomes of one query: its ranking, and what is taken for right. */
interface Labelled {
  readonly id: string;
  readonly text: string;
  readonly ranking: readonly { readonly id: string; readonly score: number }[];
  readonly positive?: string;
}

async function label(
  config: RunConfig,
  settings: Augment,
  { folder, ...models }: Models & { readonly folder: string },
  { reporter, signal, earlier }: JobOptions,
): Promise<boolean> {
  const bound = boundOf(config, settings, models.maxTokens);
  const begun = requireSameSettings(folder, bound, reporter);
  const { name: backend } = await selectBackend(begun?.backend ?? config.backend, config.train.precision);
  const dataset = await loadTrainable(config, reporter, { earlier });
  bindDataset(folder, await withQueries(dataset, settings.queries), reporter);
  bindSettings(folder, { ...bound, backend });
  const queries = await readQueries(settings.queries);
  requireTrecIds(settings.queries, 'query', queries);
  if (!(await labelBlocks(folder, queries, dataset, settings, models, reporter, signal))) return false;
  const labelled = readLabelled(folder, queries.size);
  reporter.line(
    `augment: ${labelled.length.toLocaleString('en')} of ${queries.size.toLocaleString('en')} queries have a passage that the ranker gives more than ${settings.positivesAbove}`,
  );
  writeLabels(folder, pseudoLabelFile(jobFolderOf(config)), labelled);
  return true;
}

/** Writes the blocks that are not there yet; false where the signal came first. */
async function labelBlocks(
  folder: string,
  queries: Texts,
  dataset: Dataset,
  settings: Augment,
  { retriever, ranker, maxTokens }: Models,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<boolean> {
  const search = await openSearch(retriever, queries, Math.min(settings.depth, dataset.corpus.size));
  const scorer = await openPairScorer(ranker, maxTokens, { namedBy: 'the recipe’s ranker', reporter });
  const phase = reporter.phase('label queries', queries.size, 'queries');
  try {
    for (let begin = 0; begin < queries.size; begin += QUERY_BLOCK) {
      const end = Math.min(queries.size, begin + QUERY_BLOCK);
      const file = blockFile(folder, begin);
      if (!fs.existsSync(file)) {
        const hits = await search.of(begin, end);
        const lines: string[] = [];
        for (let row = begin; row < end; row++)
          lines.push(`${JSON.stringify(await judged(queries, row, hits, row - begin, dataset, scorer, settings))}\n`);
        writeFileAtomic(file, lines);
      }
      phase.update(end);
      await new Promise((resolve) => setImmediate(resolve)); // lets Ctrl-C in
      if (signal.aborted) return false;
    }
    phase.end();
    return true;
  } finally {
    search.dispose();
    scorer.dispose();
  }
}

/** What the last job reads: a ranking of each labelled query, where there is any, and the labels. */
function writeLabels(folder: string, labelFile: string, labelled: readonly (Labelled & PseudoLabel)[]): void {
  const rankings = labelled.map(({ id, ranking }) =>
    ranking.map(({ id: passage, score }, i) => trecLine(id, passage, i + 1, score, 'simans')).join(''),
  );
  if (rankings.length > 0) writeFileAtomic(stageCandidates(folder), rankings);
  writeFileAtomic(
    labelFile,
    labelled.map(({ id, text, positive }) => `${JSON.stringify({ id, text, positive } satisfies PseudoLabel)}\n`),
  );
}

/** What the labels are of: the data, and the queries that nobody judged. */
const withQueries = async ({ name, fingerprint }: Dataset, queries: string) => ({
  name,
  fingerprint: { ...fingerprint, queries: await sha256OfFile(queries) },
});

const blockFile = (folder: string, begin: number) => path.join(folder, 'blocks', `${String(begin).padStart(8, '0')}.jsonl`);

/** The queries of all blocks that have a positive. */
function readLabelled(folder: string, size: number): (Labelled & PseudoLabel)[] {
  const starts = Array.from({ length: Math.ceil(size / QUERY_BLOCK) }, (_, i) => i * QUERY_BLOCK);
  const isLabelled = (one: Labelled): one is Labelled & PseudoLabel => one.positive !== undefined;
  return starts.flatMap((begin) =>
    fs
      .readFileSync(blockFile(folder, begin), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Labelled)
      .filter(isLabelled),
  );
}

async function readQueries(file: string): Promise<Texts> {
  const [ids, texts]: [string[], string[]] = [[], []];
  for await (const { id, text } of queriesOf(file)) {
    ids.push(id);
    texts.push(text);
  }
  return createTexts(ids, texts, 'query');
}

/** The ranker's word on the candidates of one query. */
async function judged(
  queries: Texts,
  row: number,
  hits: Hits,
  at: number,
  { corpus }: Dataset,
  scorer: PairScorer,
  { positivesAbove }: Augment,
): Promise<Labelled> {
  const depth = hits.passages.length / Math.min(QUERY_BLOCK, queries.size - (row - at));
  const passages = hits.passages.subarray(at * depth, (at + 1) * depth);
  const text = queries.text(row);
  const logits = await scorer.score(
    text,
    Array.from(passages, (passage) => corpus.text(passage)),
  );
  const best = indexOfLargest(logits);
  const sure = probabilityOf(logits[best]!) > positivesAbove;
  const ranking = Array.from(passages, (passage, i) => ({ id: corpus.id(passage), score: hits.scores[at * depth + i]! }));
  return { id: queries.id(row), text, ranking, ...(sure && { positive: ranking[best]!.id }) };
}

/** The `depth` best passages of queries [begin, end) by a finished stage's encoder and the vectors that it left. */
async function openSearch(
  stage: string,
  queries: Texts,
  depth: number,
): Promise<{ of(begin: number, end: number): Promise<Hits>; dispose(): void }> {
  const model = await openModelFolder(path.join(stage, 'model'));
  const encoder = createDualEncoder(model.shape);
  const weights = createWeights(encoder.specs, model.parameters);
  const inference = createInference(encoder, weights, 'query');
  const { width, logitScale } = encoder;
  const stored = readSafetensors(path.join(stage, 'index', 'passages.safetensors')).tensors.get('vectors')!;
  const index = new ExactIndex({ values: stored.values as Float32Array, width });
  const tokenizer = prefixed(model.tokenizer, model.prefixes.query);
  return {
    of: async (begin, end) => {
      const rows = Int32Array.from({ length: end - begin }, (_, i) => i);
      const table = tableOf(Array.from(rows, (row) => encodeRow(queries, begin + row, tokenizer, model.maxTokens.query)));
      const values = await encodeTable(inference, table, model.tokenizer.padId, width);
      return index.search({ values, width }, rows, depth, logitScale);
    },
    dispose: () => {
      disposeWeights(weights);
    },
  };
}
