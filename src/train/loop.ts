/**
 * The loop: refresh → draw negatives → contrastive loss → AdamW → refresh again.
 *
 *   for each step:
 *     every refresh.everySteps, where due: encode the corpus, evaluate dev, search the coming queries → pools
 *     batch = queries, each with a positive and the sampler's negatives; a ranker's logits of them, where one teaches
 *     loss, gradient = contrastive(encode(batch))
 *     parameters = AdamW(clip(gradient), learning rate of the step)
 *     every train.checkpointEverySteps: checkpoint
 */
import type { Phase } from '../core/reporter.js';
import { DrawSums, densityWarning, drawsText, poolFigures, poolsLine, smallPoolsWarning, writeFigures } from './diagnostics.js';
import { checkpointSteps, loadCheckpoint, pruneCheckpoints, saveCheckpoint } from './folder/checkpoint.js';
import { StepLog } from './folder/stepLog.js';
import type { Teacher } from './ranker/teacher.js';
import { BackgroundRefresh } from './refresh/backgroundRefresh.js';
import { bestRefresh, type Refresh, type RefreshContext, refresh } from './refresh/refresh.js';
import { readRefresh, readRefreshes } from './refresh/refreshFolder.js';
import { isBeside, refreshNumber, servedSteps } from './refresh/refreshSchedule.js';
import { isDue } from './refresh/staleness.js';
import { type BatchSource, buildBatch } from './step/batch.js';
import { describeStep, predictedStepBytes } from './step/memory.js';
import { createOptimizer, type Optimizer } from './step/optimizer.js';
import { learningRateAt } from './step/schedule.js';
import type { StepBatch } from './step/sharedMemory.js';
import { type Draw, visitsOfStep } from './step/visits.js';
import { loopSeconds, refreshShare, type Stopwatch } from './stopwatch.js';

export interface LoopContext extends RefreshContext {
  readonly source: BatchSource;
  readonly stopwatch: Stopwatch;
  /** Aborted by Ctrl-C: the step under way is finished and saved. */
  readonly signal: AbortSignal;
  /** Resident bytes before the encoder was made: what a step's memory is measured from. */
  readonly residentBefore: number;
  /** What the retriever learns from besides its labels. */
  readonly teacher?: Teacher | undefined;
}

export interface Trained {
  readonly refreshes: readonly Refresh[];
  /** Steps done; fewer than train.steps after Ctrl-C. */
  readonly step: number;
  /** What a step was predicted to take and what it took, bytes; absent where no step was made. */
  readonly memory?: StepMemory | undefined;
}

export interface StepMemory {
  readonly predicted: number;
  readonly measured: number;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const foundText = ({ dev, passages }: Refresh): string =>
  passages === undefined
    ? `dev ${Object.entries(dev)
        .map(([name, mean]) => `${name} ${mean.toFixed(4)}`)
        .join(', ')}`
    : `a part of the corpus, ${passages.toLocaleString('en')} passages, no dev`;
const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;

export class Trainer {
  private readonly optimizer: Optimizer<StepBatch>;
  private readonly refreshes: Refresh[];
  private readonly background: BackgroundRefresh;
  /** The step of the checkpoint whose refresh is made beside the training. */
  private pending: number | undefined;
  private readonly log: StepLog;
  private draws: DrawSums;
  private memory: StepMemory | undefined;

  /** Starts at `start`: 0 with the initial parameters, or the step of a checkpoint. */
  constructor(
    private readonly context: LoopContext,
    initial: Float32Array,
    private readonly start: number,
  ) {
    const { config, folder, replicas } = context;
    const specs = replicas.first.encoder.specs;
    const checkpoint = start > 0 ? loadCheckpoint(folder, specs, start) : undefined;
    this.optimizer = createOptimizer(replicas, checkpoint ?? { parameters: initial }, config.train);
    const behind = checkpoint?.state.refreshes ?? Array.from({ length: refreshNumber(config, start) }, (_, number) => number);
    this.refreshes = readRefreshes(folder, behind, start);
    this.pending = checkpoint?.state.pending;
    this.background = new BackgroundRefresh(folder, context.reporter);
    this.log = new StepLog(folder, start);
    this.draws = new DrawSums(context.dataset.splits.train);
    // A batch is a pure function of its step: what was drawn since the last refresh is drawn again, for its figures.
    const last = this.refreshes.at(-1);
    for (let step = last ? servedSteps(config, last.step).from : 0; step < start; step++)
      this.remember(
        visitsOfStep(context.source, last ?? {}, step).flatMap(({ draws }) => draws),
        step,
      );
  }

  async run(): Promise<Trained> {
    const { config, signal, reporter, stopwatch } = this.context;
    const { steps, checkpointEverySteps, queriesPerStep } = config.train;
    const { everySteps } = config.refresh;
    let phase: Phase | undefined;
    let step = this.start;
    if (this.pending !== undefined) this.background.start(this.pending);
    const last = this.refreshes.at(-1);
    if (last) await this.teach(last);
    while (step < steps && !signal.aborted) {
      const due = step % everySteps === 0 && (await this.isDue(step));
      if (due && isBeside(config, step)) this.begin(step);
      else if (due || step === this.takenAt()) {
        phase?.end(this.negativesLine());
        phase = undefined;
        await (due ? this.refresh(step) : this.take(step, signal));
        if (!signal.aborted) await this.teach(this.refreshes.at(-1)!);
        if (signal.aborted) break;
      }
      this.background.check();
      phase ??= reporter.phase('train', steps, 'steps');
      await stopwatch.time('train', () => this.step(step));
      step++;
      phase.update(step, { loss: this.log.loss.toFixed(3), 'queries/s': stopwatch.rate('train', queriesPerStep).toFixed(0) });
      if (step % checkpointEverySteps === 0 || step % everySteps === 0 || step === steps) await this.checkpoint(step);
      await new Promise((resolve) => setImmediate(resolve)); // lets Ctrl-C in
    }
    phase?.end(this.negativesLine());
    if (step === steps && this.pending !== undefined) await this.take(step);
    if (step === steps) await this.refresh(step);
    else await this.checkpoint(step);
    return { refreshes: this.refreshes, step, memory: this.memory };
  }

  dispose(): void {
    this.background.stop();
    this.log.close();
    this.optimizer.dispose();
  }

  /** One update. */
  private async step(step: number): Promise<void> {
    const { config, source, teacher } = this.context;
    const { batch: labelled, draws, rows } = buildBatch(source, this.refreshes.at(-1) ?? {}, step);
    this.remember(draws, step);
    const batch = teacher ? { ...labelled, contrast: { ...labelled.contrast, ranker: await teacher.logits(labelled, rows) } } : labelled;
    const predicted = this.memory ? undefined : this.announce(batch);
    const learningRate = learningRateAt(step, config.train);
    await this.optimizer.step(batch, step, learningRate);
    this.log.begin(step, learningRate);
    if (predicted !== undefined || this.log.begun === this.optimizer.totalsEvery) await this.logSteps();
    if (predicted !== undefined) this.measure(predicted);
  }

  /** Waits for the steps that the device was given. */
  private async logSteps(): Promise<void> {
    this.log.append(await this.optimizer.totals());
  }

  /** Says what the first step's queries meet and what memory it will take; returns the bytes. */
  private announce(batch: StepBatch): number {
    const { config, reporter } = this.context;
    const { memory, encoder, replicas } = this.context.replicas.shared;
    const predicted = predictedStepBytes(encoder, batch, memory, { replicas, averaged: config.train.averageDecay > 0 });
    reporter.line(describeStep(batch, memory));
    reporter.line(`memory: training is predicted to take ${gigabytes(predicted)}`);
    return predicted;
  }

  private measure(predicted: number): void {
    const measured = process.memoryUsage().rss - this.context.residentBefore;
    if (measured <= 0) return; // memory that an earlier stage of this process left was used again: nothing is measured
    this.memory = { predicted, measured };
    this.context.reporter.line(`memory: training took ${gigabytes(measured)} in the first step (${gigabytes(predicted)} predicted)`);
  }

  /** Has the teacher learn what it is to know before the steps that the refresh serves; where it stops half-way the checkpoint is of this step. */
  private async teach(refresh: Refresh): Promise<void> {
    const { teacher, config, signal, stopwatch } = this.context;
    const served = servedSteps(config, refresh.step);
    if (teacher && served.to > served.from) await stopwatch.time('ranker', () => teacher.learn(refresh, served, signal));
  }

  /** Whether a refresh is made at `step`; where a sample decides, the weights that would encode it encode that. */
  private async isDue(step: number): Promise<boolean> {
    const { config, stopwatch } = this.context;
    const { when } = config.refresh;
    if (step === 0 || typeof when === 'string') return step === 0 || when === 'always';
    this.optimizer.give('model');
    const due = await stopwatch.time('refresh', () => isDue(this.context, when, this.refreshes.at(-1)!));
    this.optimizer.give('parameters');
    return due;
  }

  /** Evaluates and indexes with the weights after `step` steps; the pools serve the steps until the next refresh. */
  private async refresh(step: number): Promise<void> {
    const { config, stopwatch } = this.context;
    const { parameters, average = parameters } = await this.optimizer.read();
    const occasion = { step, ...servedSteps(config, step), seconds: loopSeconds(stopwatch.seconds()), before: this.refreshes };
    this.optimizer.give('model');
    const { seconds, value } = await stopwatch.lap('refresh', () => refresh(this.context, average, occasion));
    this.optimizer.give('parameters');
    this.accept(value, `at step ${step}`, `${seconds.toFixed(1)} s`);
    await this.checkpoint(step);
  }

  /** Has the refresh of this step's checkpoint made while training goes on. */
  private begin(step: number): void {
    const { config, reporter } = this.context;
    this.pending = step;
    this.background.start(step);
    reporter.line(
      `refresh ${refreshNumber(config, step)} of step ${step} is made beside the training; its pools serve from step ${this.takenAt()}`,
    );
  }

  /** The step at which the refresh under way is taken. */
  private takenAt(): number | undefined {
    return this.pending === undefined ? undefined : servedSteps(this.context.config, this.pending).from;
  }

  /**
   * Waits for the refresh under way and goes on with its pools; nothing changes where the signal comes first. From here on a ranker learns from them: a job
   * that is killed must not go back to steps that an earlier state of the ranker taught.
   */
  private async take(now: number, signal?: AbortSignal): Promise<void> {
    const { config, folder, stopwatch } = this.context;
    const step = this.pending!;
    const { seconds, value: finished } = await stopwatch.lap('wait', () => this.background.finished(signal));
    if (!finished) return;
    const made = readRefresh(folder, refreshNumber(config, step));
    if (made?.step !== step) throw new Error(`internal: the refresh of step ${step} was reported but is not there`);
    this.accept(made, `of step ${step}`, `waited ${seconds.toFixed(1)} s`);
    this.pending = undefined;
    await this.checkpoint(now);
  }

  /** Goes on with what was made, and says it: of when it is, and how long training stood still. */
  private accept(made: Refresh, when: string, spent: string): void {
    const { stopwatch, reporter } = this.context;
    const last = this.refreshes.at(-1);
    if (last) this.refreshes[this.refreshes.length - 1] = { ...last, pools: undefined, sourcePools: undefined };
    this.refreshes.push(made);
    const share = percent(refreshShare(stopwatch.seconds()));
    reporter.line(`refresh ${made.number} ${when}: ${foundText(made)}; ${spent}, refreshes ${share} of the time so far`);
    this.describe(made, last);
  }

  /** Saves the state after `step` steps, unless that is done: a complete checkpoint is never written over. Removes those no longer kept. */
  private async checkpoint(step: number): Promise<void> {
    const { config, folder, replicas, stopwatch } = this.context;
    await stopwatch.time('checkpoint', async () => {
      await this.logSteps();
      if (!checkpointSteps(folder).includes(step)) {
        this.log.sync();
        const refreshes = this.refreshes.map(({ number }) => number);
        const state = { step, seconds: stopwatch.seconds(), refreshes, pending: this.pending };
        saveCheckpoint(folder, replicas.first.encoder.specs, { state, ...(await this.optimizer.read()) });
      }
      const best = this.refreshes.length > 0 ? [bestRefresh(this.refreshes, config.eval.selection).step] : [];
      pruneCheckpoints(folder, config.train.keepCheckpoints, best);
    });
  }

  /** What the negatives since the last refresh were like. */
  private negativesLine(): string | undefined {
    const figures = this.draws.figures();
    const unscored = this.context.config.sampler.kind === 'given' ? 'those of the data, which nothing scores' : undefined;
    return figures && `negatives: ${drawsText(figures, unscored)}`;
  }

  /** Keeps what a refresh found and what was drawn before it, and says it. */
  private describe(made: Refresh, before: Refresh | undefined): void {
    const { source, dataset, config, reporter, folder } = this.context;
    const draws = this.draws.figures();
    this.draws = new DrawSums(dataset.splits.train);
    const { sampler } = config;
    const negatives = 'negatives' in sampler ? sampler.negatives : 0;
    const pools = source.sampler && poolFigures(made, before, { sampler: source.sampler, negatives }, dataset);
    writeFigures(folder, { refresh: made.number, step: made.step, dev: made.dev, draws, pools });
    if (!pools) return;
    reporter.line(`pools: ${poolsLine(pools, sampler.kind)}`);
    const isFirst = !before?.pools && !before?.sourcePools;
    const warning = isFirst && (smallPoolsWarning(pools, negatives) ?? densityWarning(pools, sampler.kind, negatives));
    if (warning) reporter.line(warning);
  }

  /** The draws of a step, and how old the pools were that they came from. */
  private remember(draws: readonly Draw[], step: number): void {
    this.draws.add(draws, step - (this.refreshes.at(-1)?.step ?? 0));
  }
}
