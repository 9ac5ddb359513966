/** The `recipe` section of a job file: which of the field's ways of training, and what only that way has. */
import { z } from 'zod';
import { passageTokens, queryTokens, randomInit } from './encoderSchema.js';
import { count, defaultKind, key, pairTokens, share } from './keyTypes.js';

const section = (of: string, more = '') =>
  key(z.record(z.string(), z.unknown()), {}, '', `Keys of ${of} that are other than this job’s.${more}`);

const optional = <T extends z.ZodType>(type: T, unit: string, description: string) => type.optional().meta({ unit, description });

/** A job of its own that runs before this one. */
const stage = () =>
  z.strictObject({
    encoder: z
      .strictObject({
        queryTokens: optional(queryTokens, 'tokens', 'Longest query of this stage; encoder.queryTokens where not given.'),
        passageTokens: optional(passageTokens, 'tokens', 'Longest passage of this stage; encoder.passageTokens where not given.'),
      })
      .optional()
      .meta({ description: 'Lengths that are other than this job’s.' }),
    train: section('train'),
    refresh: section('refresh'),
    sampler: key(
      z.record(z.string(), z.unknown()),
      { kind: 'topkUniform', source: 'bm25', negatives: 1 },
      '',
      'Its whole sampler; one of BM25’s first passages a query where not given.',
    ),
  });

const warmup = z
  .union([z.literal('none'), stage()])
  .default('none')
  .meta({
    description: 'A job that runs first, in stages/warmup; this one starts from its encoder. none: from encoder.init.',
  });

const first = stage().prefault({}).meta({
  description:
    'A job that runs first, in stages/first; sampler.source: stage takes candidates from its ranking. This one starts anew from encoder.init.',
});

const ranker = () => ({
  init: z
    .union([z.string().min(1).meta({ form: 'a folder or hub id of weights' }), randomInit])
    .prefault({})
    .meta({
      description: 'What the ranker, a cross-encoder, starts from: folder or hub id, or the shape of one that starts from random weights.',
    }),
  maxTokens: key(pairTokens().max(512), 160, 'tokens', 'Longest pair of a query and a passage; the longer text loses its end first.'),
  learningRate: key(z.number().gt(0).max(1), 1e-5, '', 'Peak learning rate of the ranker.'),
  queriesPerStep: optional(count().max(65_536), 'queries', 'Queries in a step of the ranker; train.queriesPerStep where not given.'),
  weightDecay: optional(share(), '', 'Weight decay of the ranker; train.weightDecay where not given.'),
  warmupShare: optional(
    z.number().min(0).lt(1),
    'share',
    'Share of the ranker’s steps in which its learning rate rises from 0; train.warmupShare where not given.',
  ),
  microBatch: key(count().max(65_536), 32, 'pairs', 'Pairs whose activations are in memory at once.'),
});

export const recipe = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: defaultKind('contrastive') }),
    z.strictObject({ kind: z.literal('dpr'), first }),
    z.strictObject({ kind: z.literal('ance'), warmup }),
    z.strictObject({
      kind: z.literal('rocketqa'),
      first,
      ranker: z
        .strictObject({
          ...ranker(),
          steps: key(count(), 1000, 'steps', 'Steps of the ranker.'),
          negatives: key(count().max(1000), 4, 'passages', 'Drawn evenly from the candidates of stages/first.'),
        })
        .prefault({})
        .meta({ description: 'The cross-encoder that judges candidates, trained in stages/ranker.' }),
      negativesBelow: key(share(), 0.1, 'share', 'A candidate that the ranker gives a probability from this on is no negative.'),
      augment: z
        .union([
          z.literal('none'),
          z.strictObject({
            queries: z
              .string()
              .min(1)
              .meta({ unit: 'file', description: 'Queries without judgments, with ids: JSON lines, TSV or TREC topics.', form: 'a file' }),
            positivesAbove: key(share(), 0.9, 'share', 'The best candidate is a positive where the ranker gives it more.'),
            depth: key(count().max(1000), 50, 'passages', 'Candidates of a query that the ranker looks at.'),
          }),
        ])
        .default('none')
        .meta({ description: 'Queries without judgments that stages/denoised and the ranker label; training then starts anew on all.' }),
    }),
    z.strictObject({
      kind: z.literal('ar2'),
      warmup,
      ranker: z
        .strictObject({
          ...ranker(),
          warmupSteps: key(z.int().min(0), 0, 'steps', 'Steps of the ranker before the retriever’s first.'),
          warmupLearningRate: optional(
            z.number().gt(0).max(1),
            '',
            'Peak learning rate of those steps, which have a schedule of their own; learningRate where not given.',
          ),
          warmupQueriesPerStep: optional(count().max(65_536), 'queries', 'Queries in one of those steps; queriesPerStep where not given.'),
          stepsPerRefresh: key(z.int().min(0), 500, 'steps', 'Steps of the ranker behind each refresh, before the retriever’s.'),
        })
        .prefault({})
        .meta({ description: 'The cross-encoder that the retriever learns from, trained in turn with it on the same draws.' }),
    }),
  ])
  .prefault({})
  .meta({
    description:
      'contrastive: this job alone; dpr: a first round on BM25’s negatives, then anew on those and its own; ance: warm-up, then negatives of ever newer indexes; rocketqa: a first retriever, a ranker that denoises its candidates, then anew; ar2: retriever and ranker in turn.',
  });
