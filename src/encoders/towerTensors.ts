/** Where in a checkpoint a tower's tensors are: behind which prefix, under which architecture's names, and what beside them is of no use. */
import { UserError } from '../core/errors.js';
import { bertName, isOfAnotherHead, prefixesOf } from './architectures.js';
import { SIDES, type Side } from './dualEncoder.js';
import type { NamedArray } from './formats/safetensors.js';
import type { Architecture } from './transformer.js';

export type Preset = 'dpr' | 'ance' | 'ar2' | 'simans';

/** What every encoder of these families has, under the same name in all of them. */
const LANDMARK = 'embeddings.word_embeddings.weight';

/**
 * Both towers in one file, as DPR's training code writes them, and AR2's and SimANS', which go back to it; `module.` comes from data-parallel runs.
 * DPR's towers on the hub are question_encoder.bert_model. and ctx_encoder.bert_model.
 */
const bothTowers = (query: string, passage: string) => {
  const variants = (tower: string) => ['model_dict.', '', 'model_dict.module.', 'module.'].map((before) => before + tower);
  return { query: variants(query), passage: variants(passage) };
};
const QUESTION_AND_CONTEXT = bothTowers('question_model.', 'ctx_model.');
const HUB_DPR = { query: ['question_encoder.bert_model.'], passage: ['ctx_encoder.bert_model.'] };

const PRESETS: Readonly<Record<Preset, Readonly<Record<Side, readonly string[]>>>> = {
  dpr: { query: [...QUESTION_AND_CONTEXT.query, ...HUB_DPR.query], passage: [...QUESTION_AND_CONTEXT.passage, ...HUB_DPR.passage] },
  // ANCE's passage and document encoders share one RoBERTa; its open-domain models are DPR's towers.
  ance: { query: ['roberta.', ...QUESTION_AND_CONTEXT.query], passage: ['roberta.', ...QUESTION_AND_CONTEXT.passage] },
  ar2: QUESTION_AND_CONTEXT,
  simans: QUESTION_AND_CONTEXT,
};

/** Projections as released files name them: DPR's beside its transformer, ANCE's head and norm at the top. */
const PROJECTIONS: readonly (readonly [published: RegExp, ours: string])[] = [
  [/^(.*\.)?encode_proj\./, 'projection.dense.'],
  [/^embeddingHead\./, 'projection.dense.'],
  [/^norm\./, 'projection.LayerNorm.'],
  [/^projection\./, 'projection.'],
];

export interface TowerTensors {
  /** By BERT's names, the projection's by ours; each tensor's own name is the published one. */
  readonly tensors: Map<string, NamedArray>;
  /** Names in the file that a retriever has no use for. */
  readonly unused: string[];
}

export interface Layout {
  readonly architecture: Architecture;
  readonly preset?: Preset | undefined;
  readonly prefixes?: Readonly<Record<Side, string>> | undefined;
}

/** The tensors of one tower. A file in which it is not found is a UserError naming what the file has. */
export function towerTensors(all: ReadonlyMap<string, NamedArray>, side: Side, layout: Layout, file: string): TowerTensors {
  const prefix = prefixIn(all, layout, side);
  if (prefix === undefined) {
    const tops = [...new Set([...all.keys()].map((name) => name.split('.').slice(0, 2).join('.')))].slice(0, 5);
    throw new UserError(
      `${file}: no tensor ${candidates(layout, side)
        .map((candidate) => candidate + LANDMARK)
        .join(' or ')}; its tensors begin with ${tops.join(', ') || 'nothing'}. ` +
        'Name its towers with encoder.init.prefixes or encoder.init.preset.',
    );
  }
  const others = new Set(SIDES.flatMap((one) => candidates(layout, one)).filter((one) => one !== prefix && one !== ''));
  const tensors = new Map<string, NamedArray>();
  const unused: string[] = [];
  for (const [name, tensor] of all) {
    const inner = name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
    const projection = projectionName(inner ?? name, name);
    if (projection) tensors.set(projection, tensor);
    else if (inner !== undefined && !isOfAnotherHead(inner)) tensors.set(bertName(layout.architecture, inner), tensor);
    else if (inner !== undefined || isOfAnotherHead(name)) unused.push(name);
    else if (![...others].some((other) => name.startsWith(other))) tensors.set(name, tensor); // unknown: named when the parameters are laid out
  }
  return { tensors, unused };
}

const MOST_NAMED = 8;

/** Says what of a model is left out. */
export function unusedLine(name: string, unused: readonly string[]): string {
  const more = unused.length > MOST_NAMED ? ` and ${unused.length - MOST_NAMED} more` : '';
  return `${name}: not used, for they are not of the encoder: ${unused.slice(0, MOST_NAMED).join(', ')}${more}`;
}

/** Whether the file holds two towers where one was asked for. */
export function hasTwoTowers(all: ReadonlyMap<string, NamedArray>, layout: Layout): boolean {
  return prefixIn(all, layout, 'query') !== prefixIn(all, layout, 'passage');
}

/** What the names of a tower's tensors begin with in the file; undefined where it is not in it. */
function prefixIn(all: ReadonlyMap<string, NamedArray>, layout: Layout, side: Side): string | undefined {
  return candidates(layout, side).find((prefix) => all.has(prefix + LANDMARK));
}

function candidates({ architecture, preset, prefixes }: Layout, side: Side): readonly string[] {
  if (prefixes) return [prefixes[side]];
  if (preset) return PRESETS[preset][side];
  // A file of one of DPR's towers may be the start of either.
  return [...prefixesOf(architecture), ...HUB_DPR[side], ...HUB_DPR.query, ...HUB_DPR.passage];
}

function projectionName(...names: string[]): string | undefined {
  for (const name of names) {
    const [published, ours] = PROJECTIONS.find(([pattern]) => pattern.test(name)) ?? [];
    if (published) return name.replace(published, ours!);
  }
  return undefined;
}
