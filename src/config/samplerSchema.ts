/** The `sampler` section of a job file. */
import { z } from 'zod';
import { count, defaultKind, key, pairTokens } from './keyTypes.js';

/** What all samplers have. */
const drawing = () => ({
  negatives: key(count().max(1000), 7, 'passages', 'Negatives drawn for a query.'),
  share: key(
    z.number().gt(0).max(1),
    1,
    'share',
    'Share of a step’s queries that draw; with train.inBatch the others meet those negatives too.',
  ),
  fromStep: key(
    z.int().min(0),
    0,
    'steps',
    'First step that draws, a multiple of refresh.everySteps; earlier ones train on in-batch negatives alone.',
  ),
});

const filters = z
  .strictObject({
    duplicates: key(z.boolean(), true, '', 'Removes passages with the text of a positive.'),
    answers: key(z.boolean(), true, '', 'Removes passages that hold an answer, where the data has answers.'),
    margin: key(z.union([z.literal('none'), z.number()]), 'none', 'logits', 'Removes passages that score above the positive less this.'),
    percentOfPositive: key(
      z.union([z.literal('none'), z.number().gt(0).max(2)]),
      'none',
      'share',
      'Removes passages that score above this share of the positive’s logit, such as 0.95 (NV-Retriever).',
    ),
    reranker: key(
      z.union([
        z.literal('none'),
        z.strictObject({
          model: z
            .string()
            .min(1)
            .meta({ unit: '', description: 'A cross-encoder: folder, job with a ranker, or hub id.', form: 'a folder or hub id' }),
          margin: key(z.number(), 0, 'logits', 'Of its scores.'),
          maxTokens: key(pairTokens(), 160, 'tokens', 'Longest pair.'),
        }),
      ]),
      'none',
      '',
      'Removes passages that a cross-encoder scores above the positive less a margin.',
    ),
  })
  .prefault({})
  .meta({ description: 'What keeps a passage out of the pool: it may well be right. Known positives always are kept out.' });

/** What samplers with a pool have. */
const pooled = () => ({
  ...drawing(),
  pool: key(count().max(10_000), 100, 'passages', 'Top-K candidates of a query that a refresh keeps, after the filters.'),
  source: key(
    z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
    'index',
    '',
    'Where candidates come from: index, the job’s own ranking; bm25; given, those of the data; stage, the recipe’s first job; a run file of the training queries; or a list of those, joined.',
  ),
  sourceShare: key(z.number().gt(0).max(1), 1, 'share', 'Share of a query’s negatives drawn from source; the others come from the index.'),
  filters,
});

const density = () => ({
  preset: key(
    z.enum(['none', 'nq', 'tq', 'ms-pas', 'ms-doc']),
    'none',
    '',
    'The paper’s settings for a data set: a, b, kernel, pool and negatives.',
  ),
  compat: key(z.enum(['paper', 'simxns']), 'paper', '', 'Whether a preset is the paper’s or that of its published scripts.'),
  a: key(z.number().min(0), 0.5, '', 'Sharpness of exp(−a·g(s − s⁺ − b)); 0 draws evenly from the pool.'),
  b: key(z.number(), 0, 'logits', 'Offset from the positive’s score where a negative is most likely.'),
  kernel: key(
    z.enum(['squared', 'absolute', 'quartic', 'logCosh', 'cauchy']),
    'squared',
    '',
    'g, the distance in the exponent: x², |x|, x⁴, log cosh x, log(1 + x²).',
  ),
  unit: key(z.enum(['score', 'spread']), 'score', '', 'What a is relative to: logits, or the standard deviation of the pool’s scores.'),
  replacement: key(z.boolean(), false, '', 'Draw with replacement: a passage may come twice.'),
});

export const sampler = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('none') }),
    z.strictObject({ kind: z.literal('random'), ...drawing() }),
    z.strictObject({ kind: z.literal('given'), ...drawing() }),
    z.strictObject({ kind: z.literal('topk'), ...pooled() }),
    z.strictObject({ kind: z.literal('topkUniform'), ...pooled() }),
    z.strictObject({
      kind: z.literal('rankWindow'),
      ...pooled(),
      from: key(count(), 10, 'rank', 'First rank of the pool that is drawn from.'),
      to: key(count(), 100, 'rank', 'Last rank of the pool that is drawn from.'),
    }),
    z.strictObject({
      kind: z.literal('nearestK'),
      ...pooled(),
      b: key(z.number(), 0, 'logits', 'Offset from the positive’s score to which the nearest are taken.'),
    }),
    z.strictObject({ kind: defaultKind('simans'), ...pooled(), ...density() }),
    z.strictObject({ kind: z.literal('docSim'), ...pooled(), ...density() }),
    z.strictObject({
      kind: z.literal('module'),
      ...pooled(),
      path: z
        .string()
        .min(1)
        .meta({ unit: 'file', description: 'A JavaScript module whose default export makes a sampler.', form: 'a file' }),
      options: key(z.record(z.string(), z.unknown()), {}, '', 'What it is made from.'),
    }),
  ])
  .meta({
    description: 'How negatives are drawn; none trains on in-batch negatives alone, given draws from those that come with the data.',
  });
