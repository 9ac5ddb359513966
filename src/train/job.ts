/** `simans train`: from a checked configuration to a trained, evaluated retriever in jobs/NAME/. */
import type { PretrainedInit, RunConfig } from '../config/schema.js';
import type { Reporter } from '../core/reporter.js';
import { tokenTable } from '../data/tokenCache.js';
import type { Dataset, TokenTable } from '../data/types.js';
import type { Side } from '../encoders/dualEncoder.js';
import { createDualEncoder } from '../encoders/dualEncoder.js';
import { parameterCount } from '../encoders/parameters.js';
import { prefixed } from '../encoders/prefixed.js';
import { requireTokenizerPackage, type Tokenizer } from '../encoders/tokenizer/tokenizer.js';
import { createJudge } from '../eval/judge.js';
import { loadSampler } from '../sampling/index.js';
import { openSource } from './candidateSource.js';
import { checkpointSteps, loadCheckpoint } from './checkpoint.js';
import { finish } from './finish.js';
import { openFixedTeacher } from './fixedTeacher.js';
import { bindDataset, openJobFolder } from './jobFolder.js';
import { lexicalBaseline } from './lexical.js';
import { type LoopContext, Trainer } from './loop.js';
import { memoryPlan } from './memory.js';
import { createPoolFilters, type Denoiser } from './poolFilters.js';
import { requireIndex } from './poolSearch.js';
import { prepareEncoder } from './prepareEncoder.js';
import { Replicas } from './replicas.js';
import { createSharedMemory } from './sharedMemory.js';
import { Stopwatch } from './stopwatch.js';
import { readSummary, type Summary } from './summary.js';
import type { Teacher, TeacherSource } from './teacher.js';
import { cacheFolderOf, loadTrainable } from './trainData.js';

export interface JobOptions {
  readonly resume: boolean;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/** What a recipe adds to a job. */
export interface JobParts {
  /** What the encoder starts from instead of encoder.init. */
  readonly init?: PretrainedInit;
  /** Instead of train.teacher. */
  readonly teacher?: (of: TeacherSource) => Promise<Teacher>;
  /** A ranker that denoises pools. */
  readonly denoiser?: (of: { readonly dataset: Dataset; readonly reporter: Reporter }) => Promise<Denoiser>;
  /** Where this job is a stage of another: passages of the best encoder's ranking of each training query that it leaves in its folder for the next. */
  readonly stage?: { readonly candidates?: number };
}

/** Runs the job to its end and returns its summary, or undefined where the signal stopped it (its state is saved). Resuming a finished job gives its summary again. */
export async function trainJob(config: RunConfig, options: JobOptions, parts: JobParts = {}): Promise<Summary | undefined> {
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
  const dataset = await loadTrainable(job.config, reporter, job.folder);
  const judge = createJudge(dataset, job.config.eval);
  await requireIndex(job.config);
  bindDataset(job, dataset);
  const { tokenizer, shape, initial } = await prepareEncoder(job.folder, withInit(job.config, parts.init), dataset, reporter);
  const tokens = tokenise(job.config, dataset, tokenizer, reporter);
  const { specs } = createDualEncoder(shape);
  const frozen = parameterCount(specs.filter((spec) => spec.frozen));
  reporter.line(
    `encoder: ${initial.length.toLocaleString('en')} parameters${frozen > 0 ? `, ${frozen.toLocaleString('en')} of them frozen` : ''}, ` +
      `${job.replicas} replica${job.replicas > 1 ? 's' : ''}`,
  );
  const earlier = start > 0 ? loadCheckpoint(job.folder, specs, start).state.seconds : {};
  const stopwatch = new Stopwatch(earlier);
  const bm25 = job.config.eval.bm25 ? await stopwatch.time('bm25', () => lexicalBaseline(job.config, dataset, judge, reporter)) : undefined;

  const { sampler } = job.config;
  const source = {
    config: job.config,
    dataset,
    tokens,
    special: tokenizer,
    ...(sampler.kind !== 'none' && { sampler: await loadSampler(sampler) }),
  };
  const teacher = await (parts.teacher ?? openFixedTeacher)({ job, start, source, tokenizer, reporter });
  const residentBefore = process.memoryUsage().rss;
  const maxStepRows = stepRows(job.config);
  const memory = memoryPlan(job.config, maxStepRows);
  const shared = createSharedMemory(
    {
      replicas: job.replicas,
      seed: job.config.seed,
      padId: tokenizer.padId,
      encoder: shape,
      memory,
      loss: job.config.train.loss,
      maxStepRows,
    },
    tokens,
  );
  const replicas = await Replicas.create(shared, job.backend.name);
  const making = {
    filters: await createPoolFilters(job.config, dataset, judge, reporter, await parts.denoiser?.({ dataset, reporter })),
    source: await openSource(job.config, job.folder, dataset, reporter),
  };
  const context: LoopContext = {
    config: job.config,
    folder: job.folder,
    dataset,
    tokenizer,
    replicas,
    reporter,
    stopwatch,
    signal,
    judge,
    making,
    residentBefore,
    source,
    teacher,
  };
  try {
    const trainer = new Trainer(context, initial, start);
    const trained = await trainer.run();
    trainer.dispose();
    if (trained.step < job.config.train.steps) {
      const goOn = parts.stage ? '' : ` Go on with: simans train ${job.folder}/config.yaml --resume`;
      reporter.line(`stopped after step ${trained.step}; everything is saved.${goOn}`);
      return undefined;
    }
    return await finish({ job, context, initial, trained, bm25, candidates: parts.stage?.candidates });
  } finally {
    making.filters.dispose();
    await teacher?.dispose();
    await replicas.dispose();
  }
}

const withInit = (config: RunConfig, init: PretrainedInit | undefined): RunConfig =>
  init ? { ...config, encoder: { ...config.encoder, init } } : config;

export function tokenise(config: RunConfig, dataset: Dataset, tokenizer: Tokenizer, reporter: Reporter): Record<Side, TokenTable> {
  const cacheFolder = cacheFolderOf(config);
  const { queryPrefix, passagePrefix, queryTokens, passageTokens } = config.encoder;
  return {
    query: tokenTable(dataset.queries, prefixed(tokenizer, queryPrefix), queryTokens, { cacheFolder, reporter, what: 'queries' }),
    passage: tokenTable(dataset.corpus, prefixed(tokenizer, passagePrefix), passageTokens, { cacheFolder, reporter, what: 'passages' }),
  };
}

/** The most sequences of one step: queries and cloze queries, each with its positive, and the negatives. */
export function stepRows({ train, sampler }: RunConfig): number {
  const queries = train.queriesPerStep + Math.round(train.cloze * train.queriesPerStep);
  const negatives = 'negatives' in sampler ? sampler.negatives : 0;
  return 2 * queries + train.queriesPerStep * negatives;
}
