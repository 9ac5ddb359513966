/** The section `encoder` of a job file: what training starts from, and what turns texts into vectors. */
import { z } from 'zod';
import { count, key } from './keyTypes.js';

const dropoutRate = (what: string, byDefault: number) =>
  key(z.number().min(0).lt(1), byDefault, 'share', `Dropout of ${what} while training.`);

/** An encoder that starts from random weights. */
export const randomInit = z
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
export const pretrainedInit = z.strictObject({
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

const length = () => z.int().min(3).max(512);
export const [queryTokens, passageTokens] = [length(), length()];

export const encoder = z.strictObject({
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
  queryTokens: key(queryTokens, 32, 'tokens', 'Longest query, [CLS] and [SEP] included; what is over is cut off.'),
  passageTokens: key(passageTokens, 64, 'tokens', 'Longest passage, [CLS] and [SEP] included; what is over is cut off.'),
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
