/** `simans train`: from a checked configuration to a trained, evaluated retriever in jobs/NAME/. */
import path from 'node:path';
import type { RunConfig } from '../config/schema.js';
import type { Reporter } from '../core/reporter.js';
import { loadDataset } from '../data/index.js';
import { tokenTable } from '../data/tokenCache.js';
import type { Dataset, TokenTable } from '../data/types.js';
import type { EncoderShape, Side } from '../encoders/dualEncoder.js';
import { createDualEncoder } from '../encoders/dualEncoder.js';
import { initialParameters, parameterCount } from '../encoders/parameters.js';
import { requireTokenizerPackage, type Tokenizer } from '../encoders/tokenizer.js';
import { createSampler } from '../sampling/index.js';
import { checkpointSteps, loadCheckpoint } from './checkpoint.js';
import { finish } from './finish.js';
import { bindDataset, openJobFolder } from './jobFolder.js';
import { lexicalBaseline } from './lexical.js';
import { type LoopContext, Trainer } from './loop.js';
import { createSharedMemory } from './replica.js';
import { Replicas } from './replicas.js';
import { Stopwatch } from './stopwatch.js';
import { readSummary, type Summary } from './summary.js';
import { prepareTokenizer } from './vocabulary.js';

export interface JobOptions {
  readonly resume: boolean;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/** Runs the job to its end and returns its summary, or undefined where the signal stopped it (its state is saved). Resuming a finished job gives its summary again. */
export async function trainJob(config: RunConfig, options: JobOptions): Promise<Summary | undefined> {
  const { reporter, signal } = options;
  await requireTokenizerPackage();
  const job = await openJobFolder(config, options);
  const finished = job.resumed ? readSummary(job.folder) : undefined;
  if (finished) {
    reporter.line(
      `${job.folder} is finished: its summary is shown again, nothing is computed. To train anew choose another name with --set name=….`,
    );
    return finished;
  }
  const start = job.resumed ? (checkpointSteps(job.folder).at(-1) ?? 0) : 0;
  const dataset = await loadDataset(job.config.data, job.config.seed);
  announce(dataset, reporter);
  bindDataset(job, dataset);
  const tokenizer = await prepareTokenizer(job.folder, job.config, dataset, reporter);
  const tokens = tokenise(job.config, dataset, tokenizer, reporter);
  const shape = encoderShape(job.config, tokenizer);
  const specs = createDualEncoder(shape).specs;
  reporter.line(`encoder: ${parameterCount(specs).toLocaleString('en')} parameters, ${job.replicas} replica${job.replicas > 1 ? 's' : ''}`);
  const earlier = start > 0 ? loadCheckpoint(job.folder, specs, start).state.seconds : {};
  const stopwatch = new Stopwatch(earlier);
  const bm25 = job.config.eval.bm25 ? await stopwatch.time('bm25', () => lexicalBaseline(job.config, dataset, reporter)) : undefined;

  const maxStepRows = stepRows(job.config);
  const shared = createSharedMemory(
    { replicas: job.replicas, seed: job.config.seed, padId: tokenizer.padId, encoder: shape, maxStepRows },
    tokens,
  );
  const replicas = await Replicas.create(shared, job.backend.name);
  const { sampler } = job.config;
  const context: LoopContext = {
    config: job.config,
    folder: job.folder,
    dataset,
    tokenizerFingerprint: tokenizer.fingerprint,
    replicas,
    reporter,
    stopwatch,
    signal,
    source: {
      config: job.config,
      dataset,
      tokens,
      special: tokenizer,
      ...(sampler.kind !== 'none' && { sampler: createSampler(sampler) }),
    },
  };
  try {
    const initial = initialParameters(specs, job.config.seed);
    const trainer = new Trainer(context, initial, start);
    const trained = await trainer.run();
    trainer.dispose();
    if (trained.step < job.config.train.steps) {
      reporter.line(`stopped after step ${trained.step}; everything is saved. Go on with: simans train ${job.folder}/config.yaml --resume`);
      return undefined;
    }
    return await finish({ job, context, initial, trained, bm25 });
  } finally {
    await replicas.dispose();
  }
}

function announce(dataset: Dataset, reporter: Reporter): void {
  const { corpus, splits, name } = dataset;
  const sizes = Object.entries(splits).map(([split, { rows }]) => `${rows.length.toLocaleString('en')} ${split}`);
  reporter.line(`data: ${name}, ${corpus.size.toLocaleString('en')} passages; queries: ${sizes.join(', ')}`);
  for (const note of dataset.notes) reporter.line(`  ${note}`);
}

function tokenise(config: RunConfig, dataset: Dataset, tokenizer: Tokenizer, reporter: Reporter): Record<Side, TokenTable> {
  const cacheFolder = path.join(config.jobsFolder, '.cache');
  return {
    query: tokenTable(dataset.queries, tokenizer, config.encoder.queryTokens, { cacheFolder, reporter, what: 'queries' }),
    passage: tokenTable(dataset.corpus, tokenizer, config.encoder.passageTokens, { cacheFolder, reporter, what: 'passages' }),
  };
}

/** The encoder's shape as configured, over the tokenizer's vocabulary. */
export function encoderShape(config: RunConfig, tokenizer: Tokenizer): EncoderShape {
  const { init, towers, similarity, queryTokens, passageTokens } = config.encoder;
  return {
    transformer: {
      layers: init.layers,
      width: init.width,
      heads: init.heads,
      feedForward: init.ffn,
      vocabulary: tokenizer.vocabSize,
      positions: Math.max(queryTokens, passageTokens),
    },
    towers,
    similarity,
    dropout: { hidden: init.dropout, attention: init.attentionDropout },
  };
}

/** The most sequences of one step: queries and cloze queries, each with its positive, and the negatives. */
function stepRows({ train, sampler }: RunConfig): number {
  const queries = train.queriesPerStep + Math.round(train.cloze * train.queriesPerStep);
  const negatives = 'negatives' in sampler ? sampler.negatives : 0;
  return 2 * queries + train.queriesPerStep * negatives;
}
