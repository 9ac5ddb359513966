/**
 * The one schema of a job file: every key with its type, default, unit and a sentence. Types, messages (problems.ts)
 * and the printed list of keys (keys.ts) come from here. Rules between keys are in relations.ts.
 */
import { z } from 'zod';
import { data } from './dataSchema.js';
import { encoder, type pretrainedInit, type randomInit } from './encoderSchema.js';
import { count, defaultKind, key, pairTokens, share } from './keyTypes.js';
import { loss } from './lossSchema.js';
import { recipe } from './recipeSchema.js';
import { sampler } from './samplerSchema.js';

const measure = () =>
  z
    .string()
    .regex(/^(recall|success|mrr|ndcg|ndcgExp|map|p|rcap|judged|hole|answer)@[1-9]\d{0,3}$/)
    .meta({ form: 'a measure such as recall@10 (or success, mrr, ndcg, ndcgExp, map, p, rcap, judged, hole, answer)' });

const graph = () => ({
  connectivity: key(z.int().min(2).max(128), 16, 'neighbours', 'Neighbours of a passage in the graph.'),
  addExpansion: key(count().max(4096), 128, 'candidates', 'Looked at when a passage is added.'),
  searchExpansion: key(count().max(10_000), 200, 'candidates', 'Looked at in a search; at least the number of passages wanted.'),
});

const refresh = z.strictObject({
  everySteps: key(
    count(),
    200,
    'steps',
    'Steps between refreshes: encode the corpus, search the queries of the coming steps, evaluate dev.',
  ),
  everyEpochs: key(
    z.union([z.literal('none'), z.number().gt(0)]),
    'none',
    'epochs',
    'Epochs between refreshes, in place of everySteps; rounded to whole steps.',
  ),
  when: key(
    z.union([
      z.enum(['always', 'never']),
      z.strictObject({
        drift: z
          .number()
          .gt(0)
          .max(0.5)
          .meta({ unit: 'share', description: 'Pairs of candidates of a pool whose order has turned, on a sample of 100 queries.' }),
      }),
      z.strictObject({
        dev: z.number().gt(0).max(1).meta({
          unit: '',
          description: 'Change of eval.selection on 100 dev queries, among the candidates that the last refresh ranked.',
        }),
      }),
    ]),
    'always',
    '',
    'Whether a refresh is made each time: always; never but before the first step; or when {drift: …} or {dev: …} reaches what is given. Dev of the last step is always measured.',
  ),
  partial: key(
    z.union([
      z.literal('none'),
      z.strictObject({
        share: key(
          share(),
          0.05,
          'share',
          'Of the corpus, drawn anew each time, beside the candidates of the pools before and the positives.',
        ),
        wholeEvery: key(z.int().min(2), 4, 'refreshes', 'Every which refresh encodes the whole corpus and measures dev.'),
      }),
    ]),
    'none',
    '',
    'Refreshes between whole ones, of a part of the corpus alone: {share, wholeEvery}. They measure no dev.',
  ),
  mode: key(
    z.enum(['sync', 'async']),
    'sync',
    '',
    'sync: training waits for a refresh; async: a second process makes it from the checkpoint while training goes on with the old pools.',
  ),
  lagSteps: key(
    count(),
    50,
    'steps',
    'With mode async: steps between that checkpoint and the switch to its pools, which waits for them; fewer than everySteps.',
  ),
  index: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: defaultKind('exact') }),
      z.strictObject({ kind: z.literal('hnsw'), ...graph() }),
      z.strictObject({ kind: z.literal('auto'), ...graph() }),
      z.strictObject({
        kind: z.literal('engine'),
        name: key(
          z
            .string()
            .regex(/^[a-z][a-z0-9_]{0,30}$/)
            .meta({ form: 'at most 31 small letters, digits and _, a letter first' }),
          'simans',
          '',
          'Of the job’s tables on the servers; one for each job that runs.',
        ),
        connections: key(count().max(64), 4, 'connections', 'To each server at the same time.'),
        ...graph(),
      }),
    ])
    .prefault({})
    .meta({
      description:
        'How pools are searched for: exact, in blocks; hnsw, by a graph of near neighbours (usearch); auto, whichever is estimated to take less time; engine, by PostgreSQL servers with pgvector that SIMANS_PGVECTOR names, or by Milvus at the address in SIMANS_MILVUS. Dev and test are always searched exactly.',
    }),
});

const train = z.strictObject({
  queriesPerStep: key(count().max(65_536), 64, 'queries', 'Queries in the batch of a step, all replicas together.'),
  steps: key(count(), 1000, 'steps', 'Optimizer steps of the whole job.'),
  loss,
  teacher: key(
    z.union([
      z.enum(['none', 'data']),
      z.strictObject({
        model: z
          .string()
          .min(1)
          .meta({ unit: '', description: 'A cross-encoder: folder, job with a ranker, or hub id.', form: 'a folder or hub id' }),
        maxTokens: key(pairTokens(), 160, 'tokens', 'Longest pair.'),
      }),
    ]),
    'none',
    '',
    'Whose scores train.loss distillation and marginMse learn from: data, those that come with the negatives, or a finished cross-encoder’s; recipe.kind ar2 has a ranker of its own.',
  ),
  optimizer: key(
    z.enum(['adamw', 'lamb']),
    'adamw',
    '',
    'adamw; or lamb, whose step of each parameter is as long as the parameter times the learning rate (You et al. 2020).',
  ),
  learningRate: key(z.number().gt(0).max(1), 5e-4, '', 'Peak learning rate.'),
  warmupShare: key(z.number().min(0).lt(1), 0.1, 'share', 'Share of the steps in which the learning rate rises from 0.'),
  decay: key(z.enum(['linear', 'cosine']), 'linear', '', 'How the learning rate falls to 0 after the warm-up.'),
  weightDecay: key(share(), 0.01, '', 'Decoupled weight decay; biases and LayerNorm are left out.'),
  clipNorm: key(z.number().gt(0), 1, '', 'Gradients longer than this are scaled down to it.'),
  averageDecay: key(
    z.number().min(0).lt(1),
    0,
    '',
    'Decay a step of a moving average of the weights, which is then what is indexed, evaluated and exported; 0 is off.',
  ),
  positive: key(
    z.enum(['uniform', 'best']),
    'uniform',
    '',
    'Which of several positives a visit of a query takes: any, or the best-scored of the last refresh.',
  ),
  inBatch: key(z.boolean(), true, '', 'Passages of the other queries of a step serve as negatives too.'),
  cloze: key(share(), 0, 'share', 'Extra queries a step, made of passages’ own words (Inverse Cloze Task); 0 is off.'),
  wordDropout: key(z.number().min(0).lt(1), 0, 'share', 'Share of the words of training texts left out at random.'),
  pieceDropout: key(
    z.number().min(0).lt(1),
    0,
    'share',
    'Share of the word pieces of training texts written as two smaller ones at random (after BPE-dropout): helps with rare words.',
  ),
  replicas: key(
    z.union([z.literal('auto'), count().max(64)]),
    'auto',
    'threads',
    'Worker threads that share a step; auto is the cores, at most 2.',
  ),
  microBatch: z.int().min(1).max(65_536).optional().meta({
    unit: 'queries',
    description:
      'Queries, with their passages, whose activations are in memory at once; all where not given. The loss stays that of the whole batch.',
  }),
  precision: key(
    z.enum(['fp32', 'fp16']),
    'fp32',
    '',
    'Of the encoder’s products and of what is kept for the backward pass; fp16, with sums and weights of 32 bits, needs backend webgpu.',
  ),
  gradientCheckpointing: key(
    z.boolean(),
    false,
    '',
    'Keep only each layer’s input and compute the rest again in the backward pass: less memory, a third more time.',
  ),
  checkpointEverySteps: key(count(), 100, 'steps', 'Steps between checkpoints.'),
  keepCheckpoints: key(count(), 2, 'checkpoints', 'Latest checkpoints kept besides the best one.'),
});

const evaluation = z.strictObject({
  measures: key(z.array(measure()).min(1), ['recall@1', 'recall@10', 'recall@100', 'mrr@10'], '', 'Measures reported on dev and test.'),
  selection: key(measure(), 'recall@10', '', 'Dev measure that picks the checkpoint; one of eval.measures.'),
  relevanceLevel: key(z.int().min(1), 1, '', 'Grade from which a passage is right, for all measures but ndcg; 2 for TREC Deep Learning.'),
  answerRule: key(
    z.enum(['tokens', 'regex']),
    'tokens',
    '',
    'How answer@k looks for answers: DPR’s tokens, or CuratedTREC’s regular expressions.',
  ),
  bm25: key(z.boolean(), true, '', 'Also evaluate BM25 on the same queries.'),
  test: key(
    z.enum(['atEnd', 'never']),
    'atEnd',
    '',
    'Read the test split once, at the end; or never, while settings are still being chosen on dev.',
  ),
});

const lab = z.strictObject({
  hidden: key(
    share(),
    0,
    'share',
    'Share of the training queries’ further right passages that are taken for unknown; the first is learned from, the others are known.',
  ),
  paraphrases: key(z.boolean(), false, '', 'Plants a paraphrase of each training query’s first positive in the corpus.'),
});

const file = () => z.string().min(1).meta({ form: 'a file' });
/** The files that a job file extends, as a list. */
export const extendsList = z.union([file().transform((name) => [name]), z.array(file()).min(1)]);

export const runConfigSchema = z.strictObject({
  extends: z
    .union([file(), z.array(file()).min(1)])
    .optional()
    .meta({
      unit: 'files',
      description:
        'Job files that this one is laid over, seen from its folder; later ones win, then this one. Maps are joined key by key, but one of another kind or format, and any list, replaces what was there.',
    }),
  name: z
    .string()
    .max(100)
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)
    .meta({
      unit: '',
      description: 'The job’s name; its folder is jobsFolder/name. The config file’s name where not given.',
      form: 'a folder name of at most 100 letters, digits, ".", "_" and "-", a letter or digit first',
    }),
  seed: key(z.int().min(0), 42, '', 'Seed of every random choice.'),
  jobsFolder: key(z.string().min(1), 'jobs', 'folder', 'Where job folders lie, seen from where simans runs.'),
  data: data.prefault({}),
  encoder: encoder.prefault({}).meta({ description: 'What turns texts into vectors.' }),
  recipe,
  sampler: sampler.prefault({}),
  refresh: refresh.prefault({}).meta({ description: 'When and how the corpus is indexed anew.' }),
  train: train.prefault({}).meta({ description: 'The training loop.' }),
  eval: evaluation.prefault({}).meta({ description: 'What is measured.' }),
  lab: lab.optional().meta({ description: 'An experiment with false negatives (simans lab); none where not given.' }),
  backend: key(
    z.enum(['auto', 'tensorflow', 'webgpu', 'onnx', 'wasm', 'cpu']),
    'auto',
    '',
    'TensorFlow.js backend; auto takes the fastest that works and says which.',
  ),
});

/** A whole, checked job: every key present (ffn included), whatever files it came from. */
export type RunConfig = Omit<z.output<typeof runConfigSchema>, 'extends'>;
export type DataConfig = RunConfig['data'];
export type EncoderConfig = RunConfig['encoder'];
export type RandomInit = z.output<typeof randomInit>;
export type PretrainedInit = z.output<typeof pretrainedInit>;
export type SamplerConfig = RunConfig['sampler'];
export type RecipeConfig = RunConfig['recipe'];
