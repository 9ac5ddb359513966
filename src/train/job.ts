/** `simans train`: from a checked configuration to a trained, evaluated retriever in jobs/NAME/. */
import type { BackendName } from '../backend/index.js';
import type { RunConfig } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import type { Reporter } from '../core/reporter.js';
import { tokenTable } from '../data/tokenCache.js';
import type { Dataset, TokenTable } from '../data/types.js';
import type { Side } from '../encoders/dualEncoder.js';
import { createDualEncoder, type EncoderShape } from '../encoders/dualEncoder.js';
import { parameterCount } from '../encoders/parameters.js';
import { prefixed } from '../encoders/prefixed.js';
import { requireTokenizerPackage, type Tokenizer } from '../encoders/tokenizer/tokenizer.js';
import type { Judge } from '../eval/judge.js';
import { loadSampler } from '../sampling/index.js';
import { finish } from './finish.js';
import { checkpointSteps, readState } from './folder/checkpoint.js';
import { bindInherited, type Inherited, openDenoiser, readInherited } from './folder/inherited.js';
import { bindInputs } from './folder/inputs.js';
import { bindDataset, openJobFolder, type ResolvedJob } from './folder/jobFolder.js';
import { missingOutputs, readSummary, type Summary } from './folder/summary.js';
import { type LexicalBaseline, lexicalBaseline } from './lexical.js';
import { type LoopContext, Trainer } from './loop.js';
import { prepareEncoder } from './prepareEncoder.js';
import { openFixedTeacher } from './ranker/fixedTeacher.js';
import type { Teacher, TeacherSource } from './ranker/teacher.js';
import { openSource } from './refresh/candidateSource.js';
import { createPoolFilters } from './refresh/poolFilters.js';
import { requireIndex } from './refresh/poolSearch.js';
import type { PoolMaking } from './refresh/pools.js';
import { memoryPlan } from './step/memory.js';
import { Replicas } from './step/replicas.js';
import { createSharedMemory } from './step/sharedMemory.js';
import { Stopwatch } from './stopwatch.js';
import { cacheFolderOf, openData } from './trainData.js';

export interface JobOptions {
  readonly resume: boolean;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  /** The job that this one is a stage of. */
  readonly later?: RunConfig;
  /** Folders of the stages before it that are done: they must have met the same data. */
  readonly earlier?: readonly string[];
}

/** What a recipe adds to a job. */
export interface JobParts extends Inherited {
  /** Instead of train.teacher. */
  readonly teacher?: (of: TeacherSource) => Promise<Teacher>;
  /** Where this job is a stage of another: passages of the best encoder's ranking of each training query that it leaves in its folder for the next. */
  readonly stage?: {
    readonly candidates?: number;
    /** Whether a later stage searches its index. */
    readonly searched?: boolean;
    /** Where the file has its settings: recipe.first or recipe.warmup. */
    readonly keys?: string;
  };
}

/** Runs the job to its end and returns its summary, or undefined where the signal stopped it (its state is saved). Resuming a finished job gives its summary again. */
export async function trainJob(wanted: RunConfig, options: JobOptions, parts: JobParts = {}): Promise<Summary | undefined> {
  const { reporter } = options;
  await requireTokenizerPackage();
  const opened = await openJobFolder(wanted, options);
  const finished = opened.resumed ? readSummary(opened.folder) : undefined;
  if (finished && isWhole(opened.folder, finished, reporter)) {
    reporter.line(
      `${opened.folder} is finished: its summary is shown again, nothing is computed. To train anew choose another name with --set name=….`,
    );
    return finished;
  }
  const start = opened.resumed ? (checkpointSteps(opened.folder).at(-1) ?? 0) : 0;
  const { config, dataset, judge } = await openData(opened.config, reporter, {
    job: opened.folder,
    later: options.later,
    keys: parts.stage?.keys,
    earlier: options.earlier,
  });
  const job = { ...opened, config };
  await requireIndex(config);
  bindDataset(job.folder, dataset, reporter);
  bindInherited(job.folder, parts);
  const stopwatch = new Stopwatch(start > 0 ? readState(job.folder, start).seconds : {});
  const { context, initial, bm25 } = await openContext(job, { dataset, judge, stopwatch }, options, parts.teacher ?? openFixedTeacher);
  try {
    const trainer = new Trainer(context, initial, start);
    const trained = await trainer.run().finally(() => trainer.dispose());
    if (trained.step < config.train.steps) {
      const goOn = parts.stage ? '' : ` Go on with: simans train ${job.folder}/config.yaml --resume`;
      reporter.line(`stopped after step ${trained.step}; everything is saved.${goOn}`);
      return undefined;
    }
    return await finish({ job, context, initial, trained, bm25, candidates: parts.stage?.candidates });
  } finally {
    context.making.filters.dispose();
    await context.teacher?.dispose();
    await context.replicas.dispose();
  }
}

/** What the loop works with, the parameters [P] that training starts from, and BM25 on the same data. The caller disposes of the replicas, the teacher and the filters. */
async function openContext(
  job: ResolvedJob,
  { dataset, judge, stopwatch }: Pick<LoopContext, 'dataset' | 'judge' | 'stopwatch'>,
  { reporter, signal }: JobOptions,
  openTeacher: (of: TeacherSource) => Promise<Teacher | undefined>,
): Promise<{ context: LoopContext; initial: Float32Array; bm25?: LexicalBaseline | undefined }> {
  const { config, folder } = job;
  const { tokenizer, shape, initial } = await prepareEncoder(folder, config, dataset, reporter);
  const tokens = tokenise(config, dataset, tokenizer, reporter);
  const frozen = parameterCount(createDualEncoder(shape).specs.filter((spec) => spec.frozen));
  reporter.line(
    `encoder: ${initial.length.toLocaleString('en')} parameters${frozen > 0 ? `, ${frozen.toLocaleString('en')} of them frozen` : ''}, ` +
      `${job.replicas} replica${job.replicas > 1 ? 's' : ''}`,
  );
  const { sampler } = config;
  const drawn = sampler.kind === 'none' ? {} : { sampler: await loadSampler(sampler) };
  const source = { config, dataset, tokens, special: tokenizer, ...drawn };
  const teacher = await openTeacher({ job, source, tokenizer, reporter });
  const bm25 = config.eval.bm25 ? await stopwatch.time('bm25', () => lexicalBaseline(config, dataset, judge, reporter)) : undefined;
  const residentBefore = process.memoryUsage().rss;
  const maxStepRows = stepRows(config);
  const settings = { replicas: job.replicas, memory: memoryPlan(config, maxStepRows), maxStepRows };
  const replicas = await openReplicas(config, job.backend.name, shape, settings, tokenizer, tokens);
  const making = await openMaking(config, folder, dataset, judge, reporter);
  await bindInputs(folder, config, making);
  const work = { source, tokenizer, teacher, replicas, making, residentBefore };
  return { context: { config, folder, dataset, judge, stopwatch, reporter, signal, ...work }, initial, bm25 };
}

/** Whether what a finished job wrote is still there; says what is missing and will be made again from its checkpoints. */
function isWhole(folder: string, { best }: Summary, reporter: Reporter): boolean {
  const missing = missingOutputs(folder);
  if (missing.length === 0) return true;
  if (!checkpointSteps(folder).includes(best.step))
    throw new UserError(
      `${folder}: found neither ${missing.join(' nor ')} nor the checkpoint of step ${best.step}; expected that, to make it again. Restore one of them, or train anew with --set name=….`,
    );
  reporter.line(`${folder} is finished, but ${missing.join(' and ')} is missing: made again from its checkpoints`);
  return false;
}

export async function openReplicas(
  { seed, train: { loss } }: RunConfig,
  backend: BackendName,
  encoder: EncoderShape,
  settings: Pick<Parameters<typeof createSharedMemory>[0], 'replicas' | 'memory' | 'maxStepRows'>,
  { padId }: Tokenizer,
  tokens: Record<Side, TokenTable>,
): Promise<Replicas> {
  return Replicas.create(createSharedMemory({ ...settings, seed, padId, encoder, loss }, tokens), backend);
}

/** What makes the pools of the job in `folder`: its filters, the recipe's among them, and where candidates come from. */
export async function openMaking(
  config: RunConfig,
  folder: string,
  dataset: Dataset,
  judge: Judge,
  reporter: Reporter,
): Promise<PoolMaking> {
  const { denoiser } = readInherited(folder);
  return {
    filters: await createPoolFilters(config, dataset, judge, reporter, denoiser && (await openDenoiser(denoiser, dataset, reporter))),
    source: await openSource(config, folder, dataset, reporter),
  };
}

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
