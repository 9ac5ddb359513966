/**
 * The families of BERT's kind as published checkpoints have them: their config.json as a TransformerShape and back, and the names of their tensors as
 * BERT's. Sources: the configuration and modelling files of Hugging Face transformers for bert, ernie, roberta, xlm-roberta, distilbert, electra, dpr.
 */
import { UserError } from '../core/errors.js';
import type { Architecture, DropoutRates, TransformerShape } from './transformer.js';

export type ConfigJson = Readonly<Record<string, unknown>>;

interface Family {
  /** What stands before the encoder's names in checkpoints that have a head. */
  readonly prefixes: readonly string[];
  /** Published names → BERT's, replaced in this order; the way back is the reverse. */
  readonly names: readonly (readonly [published: string, bert: string])[];
  /** Keys of config.json that are named otherwise than BERT's. */
  readonly keys: Readonly<Record<string, string>>;
  /** The class of the bare encoder. */
  readonly model: string;
}

const DISTILBERT_NAMES = [
  ['transformer.layer.', 'encoder.layer.'],
  ['.attention.q_lin.', '.attention.self.query.'],
  ['.attention.k_lin.', '.attention.self.key.'],
  ['.attention.v_lin.', '.attention.self.value.'],
  ['.attention.out_lin.', '.attention.output.dense.'],
  ['.sa_layer_norm.', '.attention.output.LayerNorm.'],
  ['.ffn.lin1.', '.intermediate.dense.'],
  ['.ffn.lin2.', '.output.dense.'],
  ['.output_layer_norm.', '.output.LayerNorm.'],
] as const;

const DISTILBERT_KEYS = {
  hidden_size: 'dim',
  num_hidden_layers: 'n_layers',
  num_attention_heads: 'n_heads',
  intermediate_size: 'hidden_dim',
  hidden_act: 'activation',
  hidden_dropout_prob: 'dropout',
  attention_probs_dropout_prob: 'attention_dropout',
};

const FAMILIES: Readonly<Record<Architecture, Family>> = {
  bert: { prefixes: ['bert.'], names: [], keys: {}, model: 'BertModel' },
  ernie: { prefixes: ['ernie.', 'bert.'], names: [], keys: {}, model: 'ErnieModel' },
  roberta: { prefixes: ['roberta.'], names: [], keys: {}, model: 'RobertaModel' },
  'xlm-roberta': { prefixes: ['roberta.'], names: [], keys: {}, model: 'XLMRobertaModel' },
  distilbert: { prefixes: ['distilbert.'], names: DISTILBERT_NAMES, keys: DISTILBERT_KEYS, model: 'DistilBertModel' },
  electra: { prefixes: ['electra.'], names: [], keys: {}, model: 'ElectraModel' },
};

/** Tensors of other heads and constant tables, which a retriever has no use for: named to the user and left out. */
const NOT_OF_THE_ENCODER =
  /^(pooler|cls|classifier|pre_classifier|qa_outputs|lm_head|vocab_(transform|layer_norm|projector)|(discriminator|generator)_predictions|generator_lm_head|embeddings\.(position_ids|token_type_ids))(\.|$)/;

const ACTIVATIONS: Readonly<Record<string, TransformerShape['activation']>> = {
  gelu: 'gelu',
  gelu_new: 'geluTanh',
  gelu_pytorch_tanh: 'geluTanh',
  relu: 'relu',
};
const ACTIVATION_NAMES = { gelu: 'gelu', geluTanh: 'gelu_new', relu: 'relu' } as const;

/** BERT's own shape for the sizes given: what an encoder that starts from random weights is. */
export function bertShape(
  sizes: Pick<TransformerShape, 'layers' | 'width' | 'heads' | 'feedForward' | 'vocabulary' | 'positions'>,
): TransformerShape {
  const { width } = sizes;
  return {
    architecture: 'bert',
    ...sizes,
    firstPosition: 0,
    tokenTypes: 2,
    taskTypes: 0,
    embeddingWidth: width,
    activation: 'gelu',
    epsilon: 1e-12,
  };
}

/** Prefixes that the encoder's tensors may have in files of this architecture, none among them. */
export const prefixesOf = (architecture: Architecture): string[] => ['', ...FAMILIES[architecture].prefixes];

/** BERT's name of a published tensor (without prefix). */
export function bertName(architecture: Architecture, name: string): string {
  return FAMILIES[architecture].names.reduce((renamed, [published, bert]) => renamed.replace(published, bert), name);
}

/** The published name of BERT's. Longer names first: `.output.dense.` is a part of `.attention.output.dense.`. */
export function publishedName(architecture: Architecture, name: string): string {
  const names = [...FAMILIES[architecture].names].sort(([, a], [, b]) => b.length - a.length);
  return names.reduce((renamed, [published, bert]) => renamed.replace(bert, published), name);
}

export const isOfAnotherHead = (name: string): boolean => NOT_OF_THE_ENCODER.test(name);

/** Shape and dropout of a config.json. What cannot be computed is a UserError naming file, key and value. */
export function readArchitecture(config: ConfigJson, file: string): { shape: TransformerShape; dropout: DropoutRates } {
  const architecture = architectureOf(config, file);
  const { keys } = FAMILIES[architecture];
  const value = (key: string) => config[keys[key] ?? key];
  const number = (key: string, byDefault?: number): number => {
    const found = value(key) ?? byDefault;
    if (typeof found === 'number' && Number.isFinite(found) && found >= 0) return found;
    throw new UserError(`${file}: ${keys[key] ?? key} is ${JSON.stringify(found)}; expected a number. Get the file again.`);
  };
  refuseOtherMathematics(config, file);
  const roberta = architecture === 'roberta' || architecture === 'xlm-roberta';
  const width = number('hidden_size');
  const activation = String(value('hidden_act') ?? 'gelu');
  if (!ACTIVATIONS[activation])
    throw new UserError(
      `${file}: activation ${activation}; expected one of ${Object.keys(ACTIVATIONS).join(', ')}. Take another checkpoint.`,
    );
  if (width % number('num_attention_heads') !== 0)
    throw new UserError(`${file}: width ${width} with ${number('num_attention_heads')} heads; expected a multiple. Get the file again.`);
  const shape: TransformerShape = {
    architecture,
    layers: number('num_hidden_layers'),
    width,
    heads: number('num_attention_heads'),
    feedForward: number('intermediate_size'),
    vocabulary: number('vocab_size'),
    positions: number('max_position_embeddings', 512),
    firstPosition: roberta ? number('pad_token_id', 1) + 1 : 0,
    tokenTypes: architecture === 'distilbert' ? 0 : number('type_vocab_size', 2),
    taskTypes: architecture === 'ernie' && config.use_task_id === true ? number('task_type_vocab_size', 3) : 0,
    embeddingWidth: architecture === 'electra' ? number('embedding_size', 128) : width,
    activation: ACTIVATIONS[activation],
    epsilon: number('layer_norm_eps', 1e-12),
  };
  return { shape, dropout: { hidden: number('hidden_dropout_prob', 0.1), attention: number('attention_probs_dropout_prob', 0.1) } };
}

/** The config.json of a transformer, as transformers and transformers.js read it. */
export function configOf(shape: TransformerShape, dropout: DropoutRates, padId: number): Record<string, unknown> {
  const { keys, model } = FAMILIES[shape.architecture];
  const values = {
    hidden_size: shape.width,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    intermediate_size: shape.feedForward,
    hidden_act: ACTIVATION_NAMES[shape.activation],
    hidden_dropout_prob: dropout.hidden,
    attention_probs_dropout_prob: dropout.attention,
    vocab_size: shape.vocabulary,
    max_position_embeddings: shape.positions,
    layer_norm_eps: shape.epsilon,
    pad_token_id: padId,
    ...(shape.tokenTypes > 0 && { type_vocab_size: shape.tokenTypes }),
    ...(shape.taskTypes > 0 && { use_task_id: true, task_type_vocab_size: shape.taskTypes }),
    ...(shape.architecture === 'electra' && { embedding_size: shape.embeddingWidth }),
  };
  return {
    architectures: [model],
    model_type: shape.architecture,
    ...Object.fromEntries(Object.entries(values).map(([key, value]) => [(keys as Record<string, string>)[key] ?? key, value])),
  };
}

/** The config.json of a transformer with the head of a cross-encoder, and the prefix of the transformer's tensors beside it. */
export function classifierConfigOf(
  shape: TransformerShape,
  dropout: DropoutRates,
  padId: number,
): { config: Record<string, unknown>; prefix: string } {
  const { prefixes, model } = FAMILIES[shape.architecture];
  const config = {
    ...configOf(shape, dropout, padId),
    architectures: [model.replace(/Model$/, 'ForSequenceClassification')],
    id2label: { 0: 'LABEL_0' }, // one label: a score
    label2id: { LABEL_0: 0 },
  };
  return { config, prefix: prefixes[0]! };
}

function architectureOf(config: ConfigJson, file: string): Architecture {
  const type = config.model_type ?? 'bert'; // configurations of 2019 do not say
  if (type === 'dpr') return 'bert';
  if (typeof type === 'string' && Object.hasOwn(FAMILIES, type)) return type as Architecture;
  throw new UserError(
    `${file}: model_type ${JSON.stringify(type)}; expected one of ${Object.keys(FAMILIES).join(', ')}, dpr. Take another checkpoint.`,
  );
}

/** Options of these families that would change what is computed. */
function refuseOtherMathematics(config: ConfigJson, file: string): void {
  const required = { position_embedding_type: 'absolute', is_decoder: false };
  for (const [key, expected] of Object.entries(required)) {
    const found = config[key];
    if (found === undefined || found === expected) continue;
    throw new UserError(`${file}: ${key} is ${JSON.stringify(found)}; expected ${JSON.stringify(expected)}. Take another checkpoint.`);
  }
}
