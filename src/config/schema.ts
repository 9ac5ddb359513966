/**
 * The one schema of a job file: every key with its type, default, unit and a sentence. Types, messages (problems.ts)
 * and the printed list of keys (keys.ts) come from here. Rules between keys are in relations.ts.
 */
import { z } from 'zod';

/** A key with its default, its unit ('' for none) and one sentence. */
function key<T extends z.ZodType>(type: T, byDefault: z.core.util.NoUndefined<z.output<T>>, unit: string, description: string) {
  return type.default(byDefault).meta({ unit, description });
}

/** The `kind` that a union takes where none is written. `optional` is what lets zod's discriminator match its absence. */
const defaultKind = <const K extends string>(kind: K) => z.literal(kind).optional().default(kind);

const share = () => z.number().min(0).max(1);
const count = () => z.int().min(1);
const measure = () =>
  z
    .string()
    .regex(/^(recall|success|mrr|ndcg|map)@[1-9]\d{0,3}$/)
    .meta({ form: 'a measure such as recall@10 (or success, mrr, ndcg, map)' });

const devShare = () =>
  key(z.number().gt(0).max(0.5), 0.2, 'share', 'Share of the training queries held out as dev where the data has no dev split.');

const data = z
  .discriminatedUnion('format', [
    z.strictObject({
      format: defaultKind('builtin'),
      name: key(
        z.enum(['api-docs', 'wordnet', 'wordnet-examples']),
        'api-docs',
        '',
        'Which of the data sets that come with the npm packages.',
      ),
      devShare: devShare(),
    }),
    z.strictObject({
      format: z.literal('beir'),
      path: z.string().min(1).meta({
        unit: 'folder',
        description: 'Folder of a BEIR data set, seen from where simans runs.',
        form: 'the folder of a BEIR data set (corpus.jsonl, queries.jsonl, qrels/)',
      }),
      devShare: devShare(),
    }),
  ])
  .meta({ description: 'Where corpus, queries and qrels come from: builtin or beir.' });

const dropoutRate = (what: string, byDefault: number) =>
  key(z.number().min(0).lt(1), byDefault, 'share', `Dropout of ${what} while training.`);

/** An encoder that starts from random weights. */
const randomInit = z
  .strictObject({
    layers: key(count().max(48), 2, 'layers', 'Transformer layers.'),
    width: key(count().max(4096), 128, 'dimensions', 'Width of the hidden states and of the vectors.'),
    heads: key(count().max(64), 4, 'heads', 'Attention heads a layer; divides width.'),
    ffn: z
      .int()
      .min(1)
      .max(16384)
      .optional()
      .meta({ unit: 'dimensions', description: 'Inner width of the feed-forward layers; 4 × width where not given.' }),
    dropout: dropoutRate('hidden states', 0.1),
    attentionDropout: dropoutRate('attention weights', 0.1),
  })
  .transform(({ layers, width, heads, ffn, ...dropouts }) => ({ layers, width, heads, ffn: ffn ?? 4 * width, ...dropouts }));

const source = (unit: string, description: string) => z.string().min(1).meta({ unit, description }).optional();
const WEIGHTS = 'folder, file or hub id';

/** An encoder that starts from a checkpoint. */
const pretrainedInit = z.strictObject({
  weights: source(
    WEIGHTS,
    'Checkpoint for both towers: a Hugging Face folder, a hub id (org/name, org/name@revision) or a file of weights.',
  ),
  query: source(WEIGHTS, 'Checkpoint of the query tower, beside encoder.init.passage; needs towers: separate.'),
  passage: source(WEIGHTS, 'Checkpoint of the passage tower.'),
  config: source('folder or hub id', 'Where config.json and tokenizer lie if not beside the weights (files released by DPR, AR2, SimANS).'),
  preset: z
    .enum(['dpr', 'ance', 'ar2', 'simans'])
    .optional()
    .meta({ unit: '', description: 'Whose released file it is: where in it the towers and the projection are found.' }),
  prefixes: z
    .strictObject({
      query: key(z.string(), '', '', 'What the names of the query tower’s tensors begin with.'),
      passage: key(z.string(), '', '', 'What the names of the passage tower’s tensors begin with.'),
    })
    .optional()
    .meta({ description: 'Where in a file of another layout the towers are found.' }),
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .optional()
    .meta({ unit: 'share', description: 'Dropout of hidden states; config.json’s where not given.' }),
  attentionDropout: z
    .number()
    .min(0)
    .lt(1)
    .optional()
    .meta({ unit: 'share', description: 'Dropout of attention weights; config.json’s where not given.' }),
});

const init = z.union([
  z
    .string()
    .min(1)
    .meta({ form: 'a folder, file or hub id of weights' })
    .transform((weights) => ({ weights }) as z.output<typeof pretrainedInit>),
  randomInit,
  pretrainedInit,
]);

const similarity = z.union([
  z.literal('dot'),
  z.strictObject({
    cosine: z.strictObject({
      temperature: z
        .number()
        .gt(0)
        .max(10)
        .meta({ unit: '', description: 'What cosines are divided by to become the logits of the loss; 0.05 is common.' }),
    }),
  }),
]);

const projection = z.union([
  z.literal('none'),
  z.strictObject({
    width: key(count().max(4096), 768, 'dimensions', 'Width of the vectors behind the dense layer.'),
    layerNorm: key(z.boolean(), false, '', 'A LayerNorm behind it (ANCE).'),
  }),
]);

const encoder = z.strictObject({
  init: init
    .prefault({})
    .meta({ description: 'Pretrained weights (folder, file or hub id), or the shape of an encoder that starts from random ones.' }),
  towers: key(z.enum(['shared', 'separate']), 'shared', '', 'One set of weights for queries and passages, or one each.'),
  pooling: key(
    z.enum(['cls', 'mean', 'last']),
    'cls',
    '',
    'How token vectors become one: the [CLS] token’s, their mean, or the last token’s.',
  ),
  projection: key(projection, 'none', '', 'A dense layer behind the pooling: none, or {width: 768, layerNorm: true}.'),
  similarity: key(similarity, 'dot', '', 'Score of a query and a passage: dot, or {cosine: {temperature: 0.05}}.'),
  queryPrefix: key(z.string(), '', '', 'Put before every query, such as "query: " (e5).'),
  passagePrefix: key(z.string(), '', '', 'Put before every passage.'),
  queryTokens: key(z.int().min(3).max(512), 32, 'tokens', 'Longest query, [CLS] and [SEP] included; what is over is cut off.'),
  passageTokens: key(z.int().min(3).max(512), 64, 'tokens', 'Longest passage, [CLS] and [SEP] included; what is over is cut off.'),
  freeze: z
    .strictObject({
      embeddings: key(z.boolean(), false, '', 'Leave the embeddings as they are.'),
      layers: key(z.int().min(0).max(48), 0, 'layers', 'Leave that many of the lowest layers as they are; needs embeddings: true.'),
    })
    .prefault({})
    .meta({ description: 'Parts of the encoder that training leaves alone.' }),
  vocabulary: z
    .strictObject({
      size: key(z.int().min(16).max(200_000), 8000, 'tokens', 'Largest vocabulary built from the training texts, special tokens included.'),
      minFrequency: key(count(), 2, 'occurrences', 'Words and pieces rarer than this get no entry.'),
      splitIdentifiers: key(z.boolean(), false, '', 'Split camelCase and snake_case identifiers into words first.'),
    })
    .prefault({})
    .meta({
      description: 'The vocabulary built from the corpus and the training queries, for an encoder that starts from random weights.',
    }),
});

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
const pool = () => key(count().max(10_000), 100, 'passages', 'Top-K candidates of a query that a refresh keeps, positives left out.');

const sampler = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('none') }),
    z.strictObject({ kind: z.literal('random'), ...drawing() }),
    z.strictObject({ kind: z.literal('topk'), ...drawing(), pool: pool() }),
    z.strictObject({ kind: z.literal('topkUniform'), ...drawing(), pool: pool() }),
    z.strictObject({
      kind: defaultKind('simans'),
      ...drawing(),
      pool: pool(),
      a: key(z.number().min(0), 0.5, '', 'Sharpness of exp(−a·(s − s⁺ − b)²); 0 draws evenly from the pool.'),
      b: key(z.number(), 0, 'logits', 'Offset from the positive’s score where a negative is most likely.'),
      kernel: key(z.enum(['squared', 'absolute']), 'squared', '', 'Distance in the exponent: (s − s⁺ − b)², or |s − s⁺ − b|.'),
    }),
  ])
  .meta({ description: 'How negatives are drawn; none trains on in-batch negatives alone.' });

const refresh = z.strictObject({
  everySteps: key(
    count(),
    200,
    'steps',
    'Steps between refreshes: encode the corpus, search the queries of the coming steps, evaluate dev.',
  ),
  index: z
    .strictObject({ kind: key(z.enum(['exact']), 'exact', '', 'How the vectors are searched: exactly, in blocks.') })
    .prefault({})
    .meta({ description: 'The index of a refresh.' }),
});

const train = z.strictObject({
  queriesPerStep: key(count().max(65_536), 64, 'queries', 'Queries in the batch of a step, all replicas together.'),
  steps: key(count(), 1000, 'steps', 'Optimizer steps of the whole job.'),
  learningRate: key(z.number().gt(0).max(1), 5e-4, '', 'Peak learning rate of AdamW.'),
  warmupShare: key(z.number().min(0).lt(1), 0.1, 'share', 'Share of the steps in which the learning rate rises from 0.'),
  decay: key(z.enum(['linear', 'cosine']), 'linear', '', 'How the learning rate falls to 0 after the warm-up.'),
  weightDecay: key(share(), 0.01, '', 'Decoupled weight decay of AdamW; biases and LayerNorm are left out.'),
  clipNorm: key(z.number().gt(0), 1, '', 'Gradients longer than this are scaled down to it.'),
  averageDecay: key(
    z.number().min(0).lt(1),
    0,
    '',
    'Decay a step of a moving average of the weights, which is then what is indexed, evaluated and exported; 0 is off.',
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
  bm25: key(z.boolean(), true, '', 'Also evaluate BM25 on the same queries.'),
  test: key(
    z.enum(['atEnd', 'never']),
    'atEnd',
    '',
    'Read the test split once, at the end; or never, while settings are still being chosen on dev.',
  ),
});

export const runConfigSchema = z.strictObject({
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
  recipe: z
    .strictObject({ kind: key(z.enum(['contrastive']), 'contrastive', '', 'The training recipe.') })
    .prefault({})
    .meta({ description: 'What is trained against what.' }),
  sampler: sampler.prefault({}),
  refresh: refresh.prefault({}).meta({ description: 'When and how the corpus is indexed anew.' }),
  train: train.prefault({}).meta({ description: 'The training loop.' }),
  eval: evaluation.prefault({}).meta({ description: 'What is measured.' }),
  backend: key(
    z.enum(['auto', 'tensorflow', 'webgpu', 'onnx', 'wasm', 'cpu']),
    'auto',
    '',
    'TensorFlow.js backend; auto takes the fastest that works and says which.',
  ),
});

/** A whole, checked job: every key present (ffn included). */
export type RunConfig = z.output<typeof runConfigSchema>;
export type DataConfig = RunConfig['data'];
export type EncoderConfig = RunConfig['encoder'];
export type RandomInit = z.output<typeof randomInit>;
export type PretrainedInit = z.output<typeof pretrainedInit>;
export type SamplerConfig = RunConfig['sampler'];
export type TrainConfig = RunConfig['train'];
