/**
 * The ranker of AR2 and RocketQA: a cross-encoder trained on the draws of the retriever's pools. Its state lies in a folder of its own, so that it resumes
 * by itself: after n steps it is a pure function of (config, data, pools, n).
 */
import type { BackendName } from '../../backend/index.js';
import type { RecipeConfig, RunConfig } from '../../config/schema.js';
import { UserError } from '../../core/errors.js';
import type { Reporter } from '../../core/reporter.js';
import { bertShape } from '../../encoders/architectures.js';
import { createCrossEncoder, openCrossEncoder } from '../../encoders/crossEncoder.js';
import { writeCrossEncoderFolder } from '../../encoders/crossEncoderFolder.js';
import { type PairTable, pairTable } from '../../encoders/pairs.js';
import { initialParameters } from '../../encoders/parameters.js';
import { loadTokenizer, type Tokenizer } from '../../encoders/tokenizer/tokenizer.js';
import type { DropoutRates, TransformerShape } from '../../encoders/transformer.js';
import { checkpointSteps, loadCheckpoint, pruneCheckpoints, saveCheckpoint } from '../folder/checkpoint.js';
import { Group, openThreads } from '../group/group.js';
import { createSharedGroup, type StepTotals, sharedFloats } from '../group/member.js';
import { createOptimizer, type Optimizer } from '../step/optimizer.js';
import { type RankerCommand, RankerReplica } from './rankerReplica.js';
import type { RankerBatch, RankerLoss, SharedRanker } from './rankerStep.js';

/** What recipes with a ranker say of it. */
export type RankerSettings = Pick<
  Extract<RecipeConfig, { kind: 'ar2' | 'rocketqa' }>['ranker'],
  'init' | 'maxTokens' | 'microBatch' | 'weightDecay'
>;

export interface RankerOptions {
  readonly settings: RankerSettings;
  readonly loss: RankerLoss;
  /** The learning rate of a step. */
  readonly rateAt: (step: number) => number;
  readonly config: RunConfig;
  /** Of its checkpoints and its model. */
  readonly folder: string;
  /** The retriever's, which a ranker from random weights shares. */
  readonly tokenizer: Tokenizer;
  readonly tokenizerFolder: string;
  readonly replicas: number;
  readonly backend: BackendName;
  readonly reporter: Reporter;
}

/** Pairs of texts of a step: query after query, its positive first. */
export interface RankerPairs {
  readonly texts: readonly (readonly [query: string, passage: string])[];
  /** Pairs of a query. */
  readonly group: number;
}

interface Start {
  readonly shape: TransformerShape;
  readonly dropout: DropoutRates;
  readonly parameters: Float32Array;
  readonly tokenizer: Tokenizer;
  readonly tokenizerFolder: string;
}

export class Ranker {
  private readonly optimizer: Optimizer<RankerBatch>;

  private constructor(
    private readonly options: RankerOptions,
    private readonly start: Start,
    private readonly group: Group<RankerBatch, RankerCommand, RankerReplica>,
    private done: number,
  ) {
    const { folder, config, settings } = options;
    const { weightDecay = config.train.weightDecay } = settings;
    const state = done > 0 ? loadCheckpoint(folder, group.first.specs, done) : { parameters: start.parameters };
    this.optimizer = createOptimizer(group, state, { ...config.train, weightDecay, averageDecay: 0 });
  }

  /** As its latest checkpoint has it. */
  static async open(options: RankerOptions): Promise<Ranker> {
    const { settings, config, loss, replicas, backend, reporter, folder } = options;
    const start = await startOf(options);
    const { shape, dropout, tokenizer, parameters } = start;
    const shared: SharedRanker = {
      ...createSharedGroup(replicas, createCrossEncoder(shape).specs),
      ...{ seed: config.seed, padId: tokenizer.padId, shape, dropout, loss, microBatch: settings.microBatch },
    };
    const workers = await openThreads({ ranker: shared }, replicas, backend);
    const done = checkpointSteps(folder).at(-1) ?? 0;
    reporter.line(
      `ranker: ${parameters.length.toLocaleString('en')} parameters, ${shape.layers} layers of ${shape.width}${done > 0 ? `, ${done} steps done` : ''}`,
    );
    return new Ranker(options, start, new Group(shared, new RankerReplica(shared, 0), workers), done);
  }

  get architecture(): { readonly shape: TransformerShape; readonly dropout: DropoutRates } {
    return this.start;
  }

  get steps(): number {
    return this.done;
  }

  /** Trains until `steps` steps are done in all, or the signal; `pairsOf` gives the pairs of a step. */
  async trainTo(steps: number, pairsOf: (step: number) => RankerPairs, signal: AbortSignal): Promise<void> {
    if (this.done >= steps) return;
    const phase = this.options.reporter.phase('train ranker', steps - this.done, 'steps');
    const begun = this.done;
    let losses = 0;
    while (this.done < steps && !signal.aborted) {
      losses += await this.step(pairsOf(this.done));
      const made = this.done - begun;
      phase.update(made, { loss: (losses / made).toFixed(3) });
      if (this.done % this.options.config.train.checkpointEverySteps === 0) await this.save();
      await new Promise((resolve) => setImmediate(resolve)); // lets Ctrl-C in
    }
    await this.save();
    phase.end(`ranker: ${this.done} steps, mean loss ${(losses / (this.done - begun)).toFixed(3)}`);
  }

  /** The logits of pairs of texts. */
  async score(texts: RankerPairs['texts']): Promise<Float32Array> {
    const pairs = this.tableOf(texts);
    const scores = sharedFloats(texts.length);
    await this.group.run({ kind: 'score', pairs, scores }, () => this.group.first.score(pairs, scores));
    return Float32Array.from(scores);
  }

  /** Writes it as Hugging Face's folder of a …ForSequenceClassification: `simans rerank` and sentence-transformers' CrossEncoder read it. */
  async write(folder: string): Promise<void> {
    const { shape, dropout, tokenizer, tokenizerFolder } = this.start;
    const { parameters } = await this.optimizer.read();
    writeCrossEncoderFolder(folder, { shape, dropout, parameters, tokenizer, tokenizerFolder });
  }

  async dispose(): Promise<void> {
    this.optimizer.dispose();
    await this.group.dispose();
  }

  private async step({ texts, group }: RankerPairs): Promise<number> {
    const { rateAt, folder } = this.options;
    const step = this.done;
    await this.optimizer.step({ step, group, pairs: this.tableOf(texts) }, step, rateAt(step));
    const [{ loss, gradientNorm }] = (await this.optimizer.totals()) as [StepTotals];
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
      throw new UserError(
        `ranker, step ${step}: loss ${loss}, gradient norm ${gradientNorm}; expected finite numbers. Lower recipe.ranker.learningRate; its last checkpoint in ${folder} is intact.`,
      );
    this.done++;
    return loss;
  }

  private async save(): Promise<void> {
    const { folder } = this.options;
    const { specs } = this.group.first;
    if (checkpointSteps(folder).includes(this.done)) return;
    saveCheckpoint(folder, specs, { state: { step: this.done, seconds: {} }, ...(await this.optimizer.read()) });
    pruneCheckpoints(folder, KEPT, []);
  }

  private tableOf(texts: RankerPairs['texts']): PairTable {
    return pairTable(this.start.tokenizer, texts, this.options.settings.maxTokens);
  }
}

/** Checkpoints of the ranker: the latest, and what a retriever that fell back to its own checkpoint goes on from. */
const KEPT = 2;

/** Where training begins: a checkpoint's weights and tokenizer, or random weights and the retriever's tokenizer. */
async function startOf({ settings, config, tokenizer, tokenizerFolder, reporter }: RankerOptions): Promise<Start> {
  const { init, maxTokens } = settings;
  if (typeof init === 'string') {
    const { encoder, parameters, dropout, folder } = await openCrossEncoder(init, { namedBy: 'recipe.ranker.init', reporter }, config.seed);
    const longest = encoder.shape.positions - encoder.shape.firstPosition;
    if (maxTokens > longest)
      throw new UserError(`recipe.ranker.maxTokens is ${maxTokens}; expected at most ${longest}, the positions of ${init}. Lower it.`);
    return { shape: encoder.shape, dropout, parameters, tokenizer: await loadTokenizer(folder), tokenizerFolder: folder };
  }
  const shape = bertShape({
    layers: init.layers,
    width: init.width,
    heads: init.heads,
    feedForward: init.ffn,
    vocabulary: tokenizer.vocabSize,
    positions: maxTokens,
  });
  const { specs } = createCrossEncoder(shape);
  const dropout = { hidden: init.dropout, attention: init.attentionDropout };
  return { shape, dropout, parameters: initialParameters(specs, config.seed), tokenizer, tokenizerFolder };
}
