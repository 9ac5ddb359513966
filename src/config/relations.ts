/** Rules between keys of a job file, checked at load once the keys themselves are right. */
import { encoder } from './encoderSchema.js';
import { presetOf } from './samplerPresets.js';
import { sampler as samplerSchema } from './samplerSchema.js';
import { type PretrainedInit, type RunConfig, runConfigSchema } from './schema.js';

const DEFAULT_VOCABULARY = JSON.stringify(encoder.parse({}).vocabulary);
const SAMPLER_DEFAULTS = samplerSchema.parse({}) as Extract<RunConfig['sampler'], { kind: 'simans' }>;

const EVERY_STEPS = runConfigSchema.shape.refresh.parse({}).everySteps;
const inSteps = ({ everyEpochs }: RunConfig['refresh']): boolean => everyEpochs === 'none';

export interface Relation {
  /** The dotted keys it reads; the first is where the problem is reported. */
  readonly keys: readonly string[];
  /** What is wrong, with the values found and what was expected; undefined when all is well. */
  problem(config: RunConfig): string | undefined;
}

export const relations: readonly Relation[] = [
  {
    keys: ['encoder.init.heads', 'encoder.init.width'],
    problem: ({ encoder: { init } }) =>
      !('layers' in init) || init.width % init.heads === 0
        ? undefined
        : `encoder.init.heads is ${init.heads}; expected a divisor of encoder.init.width (${init.width})`,
  },
  {
    keys: ['encoder.init', 'encoder.towers'],
    problem: ({ encoder: { init, towers } }) => ('layers' in init ? undefined : problemOfWeights(init, towers)),
  },
  {
    keys: ['encoder.vocabulary', 'encoder.init'],
    problem: ({ encoder: { init, vocabulary } }) =>
      'layers' in init || JSON.stringify(vocabulary) === DEFAULT_VOCABULARY
        ? undefined
        : "encoder.vocabulary is given; expected no keys in it (--set 'encoder.vocabulary={}'), for encoder.init names weights, which have a tokenizer of their own",
  },
  {
    keys: ['encoder.freeze.layers', 'encoder.freeze.embeddings'],
    problem: ({ encoder: { freeze } }) =>
      freeze.layers > 0 && !freeze.embeddings
        ? `encoder.freeze.layers is ${freeze.layers}; expected encoder.freeze.embeddings: true with it, for what lies below frozen layers is frozen too`
        : undefined,
  },
  {
    keys: ['encoder.freeze.embeddings', 'encoder.init'],
    problem: ({ encoder: { freeze, init } }) =>
      freeze.embeddings && 'layers' in init ? 'encoder.freeze.embeddings is true; expected false, for the weights are random' : undefined,
  },
  {
    keys: ['train.cloze', 'encoder.queryPrefix', 'encoder.passagePrefix'],
    problem: ({ train, encoder }) =>
      train.cloze > 0 && encoder.queryPrefix + encoder.passagePrefix !== ''
        ? `train.cloze is ${train.cloze}; expected 0 with encoder.queryPrefix or encoder.passagePrefix: its queries are cut from passages’ tokens`
        : undefined,
  },
  {
    keys: ['sampler.negatives', 'sampler.pool'],
    problem: ({ sampler }) =>
      'pool' in sampler && sampler.negatives > sampler.pool
        ? `sampler.negatives is ${sampler.negatives}; expected at most sampler.pool (${sampler.pool})`
        : undefined,
  },
  {
    keys: ['sampler.preset', 'sampler.a', 'sampler.b', 'sampler.kernel', 'sampler.pool', 'sampler.negatives'],
    problem: ({ sampler }) => {
      const preset = presetOf(sampler);
      if (!preset || !('preset' in sampler)) return undefined;
      const written = Object.entries(preset).filter(([key, value]) => {
        const found = sampler[key as keyof typeof preset];
        return found !== value && found !== SAMPLER_DEFAULTS[key as keyof typeof preset];
      });
      const [key] = written[0] ?? [];
      return key === undefined
        ? undefined
        : `sampler.preset is ${sampler.preset} and sampler.${key} is ${sampler[key as keyof typeof preset]}; expected one of them, for a preset says ${key}`;
    },
  },
  {
    keys: ['train.loss.kind', 'train.teacher', 'recipe.kind'],
    problem: ({ train: { loss, teacher }, recipe }) => {
      const learns = loss.kind === 'distillation' || loss.kind === 'marginMse';
      const taught = recipe.kind === 'ar2' || teacher !== 'none';
      if (recipe.kind === 'ar2' && teacher !== 'none')
        return 'train.teacher is given; expected none, for recipe.kind ar2 has a ranker of its own';
      if (learns === taught) return undefined;
      return learns
        ? `train.loss.kind is ${loss.kind}; expected train.teacher or recipe.kind ar2 with it: it learns from a ranker’s scores`
        : `train.loss.kind is ${loss.kind}; expected distillation or marginMse, for ${recipe.kind === 'ar2' ? 'recipe.kind ar2' : 'train.teacher'} has it learn from a ranker`;
    },
  },
  {
    keys: ['train.inBatch', 'train.cloze', 'sampler.kind', 'train.loss.kind'],
    problem: ({ train, sampler }) =>
      (train.loss.kind === 'distillation' || train.loss.kind === 'marginMse') &&
      (train.inBatch || train.cloze > 0 || sampler.kind === 'none')
        ? `train.inBatch is ${train.inBatch}, train.cloze ${train.cloze} and sampler.kind ${sampler.kind}; expected false, 0 and a sampler with negatives, for train.loss.kind ${train.loss.kind} has every passage of a query scored by a ranker`
        : undefined,
  },
  {
    keys: ['recipe.augment', 'data.format'],
    problem: ({ recipe, data }) =>
      recipe.kind === 'rocketqa' && recipe.augment !== 'none' && data.format === 'mix'
        ? 'recipe.augment is given and data.format mix; expected one set: labels of new queries belong to its passages'
        : undefined,
  },
  {
    keys: ['train.teacher', 'sampler.kind'],
    problem: ({ train, sampler }) =>
      train.teacher === 'data' && sampler.kind !== 'given'
        ? `train.teacher is data and sampler.kind ${sampler.kind}; expected sampler.kind given: the data have scores of their own negatives alone`
        : undefined,
  },
  {
    keys: ['recipe.ranker.init.heads', 'recipe.ranker.init.width'],
    problem: ({ recipe }) => {
      const init = 'ranker' in recipe ? recipe.ranker.init : '';
      return typeof init === 'string' || init.width % init.heads === 0
        ? undefined
        : `recipe.ranker.init.heads is ${init.heads}; expected a divisor of recipe.ranker.init.width (${init.width})`;
    },
  },
  {
    keys: ['sampler.kind', 'recipe.kind'],
    problem: ({ sampler, recipe }) =>
      recipe.kind === 'rocketqa' && !('pool' in sampler)
        ? `sampler.kind is ${sampler.kind}; expected a sampler with a pool, for recipe.kind rocketqa has its ranker denoise one`
        : undefined,
  },
  {
    keys: ['sampler.from', 'sampler.to', 'sampler.pool'],
    problem: ({ sampler }) =>
      sampler.kind === 'rankWindow' && (sampler.from > sampler.to || sampler.to > sampler.pool)
        ? `sampler.from is ${sampler.from} and sampler.to ${sampler.to}; expected from ≤ to ≤ sampler.pool (${sampler.pool})`
        : undefined,
  },
  {
    keys: ['train.positive', 'sampler.kind'],
    problem: ({ sampler, train }) =>
      train.positive === 'best' && !('pool' in sampler)
        ? 'train.positive is best; expected a sampler with a pool, for positives are scored at refreshes'
        : undefined,
  },
  {
    keys: ['sampler.source', 'recipe.kind'],
    problem: ({ sampler, recipe }) => {
      const sources = 'source' in sampler ? [sampler.source].flat() : [];
      if (sources.length > 1 && sources.includes('index'))
        return 'sampler.source lists index; expected it alone, or sampler.sourceShare below 1, for what is not of the source comes from the index';
      return sources.includes('stage') && !('first' in recipe)
        ? `sampler.source is stage; expected recipe.kind dpr or rocketqa with it, which have an earlier stage (found ${recipe.kind})`
        : undefined;
    },
  },
  {
    keys: ['sampler.source', 'sampler.sourceShare'],
    problem: ({ sampler }) =>
      'source' in sampler && sampler.source === 'index' && sampler.sourceShare < 1
        ? `sampler.sourceShare is ${sampler.sourceShare}; expected 1, for sampler.source is index, which is where the rest would come from`
        : undefined,
  },
  {
    keys: ['sampler.fromStep', 'refresh.everySteps'],
    problem: ({ sampler, refresh }) =>
      sampler.kind !== 'none' && refresh.when === 'always' && inSteps(refresh) && sampler.fromStep % refresh.everySteps !== 0
        ? `sampler.fromStep is ${sampler.fromStep}; expected a multiple of refresh.everySteps (${refresh.everySteps}): pools are made at refreshes`
        : undefined,
  },
  {
    keys: ['train.inBatch', 'sampler.share', 'sampler.fromStep'],
    problem: ({ sampler, train }) =>
      sampler.kind !== 'none' && !train.inBatch && (sampler.share < 1 || sampler.fromStep > 0)
        ? `train.inBatch is false; expected true, for with sampler.share ${sampler.share} and sampler.fromStep ${sampler.fromStep} some queries have no other negatives`
        : undefined,
  },
  {
    keys: ['train.inBatch', 'sampler.kind'],
    problem: ({ sampler, train }) =>
      sampler.kind === 'none' && !train.inBatch
        ? 'train.inBatch is false; expected true, for with sampler.kind none there are no other negatives'
        : undefined,
  },
  {
    keys: ['train.queriesPerStep', 'sampler.kind'],
    problem: ({ sampler, train }) =>
      sampler.kind === 'none' && train.queriesPerStep < 2
        ? `train.queriesPerStep is ${train.queriesPerStep}; expected at least 2, for with sampler.kind none the negatives are other queries’ passages`
        : undefined,
  },
  {
    keys: ['train.replicas', 'train.queriesPerStep'],
    problem: ({ train }) =>
      train.replicas !== 'auto' && train.replicas > train.queriesPerStep
        ? `train.replicas is ${train.replicas}; expected at most train.queriesPerStep (${train.queriesPerStep})`
        : undefined,
  },
  {
    keys: ['refresh.everySteps', 'train.steps'],
    problem: ({ refresh, train }) =>
      inSteps(refresh) && refresh.everySteps > train.steps
        ? `refresh.everySteps is ${refresh.everySteps}; expected at most train.steps (${train.steps})`
        : undefined,
  },
  {
    keys: ['refresh.lagSteps', 'refresh.everySteps', 'refresh.mode'],
    problem: ({ refresh }) =>
      refresh.mode === 'async' && inSteps(refresh) && refresh.lagSteps >= refresh.everySteps
        ? `refresh.lagSteps is ${refresh.lagSteps}; expected fewer than refresh.everySteps (${refresh.everySteps}), for one refresh is made at a time`
        : undefined,
  },
  {
    keys: ['refresh.everyEpochs', 'refresh.everySteps'],
    problem: ({ refresh }) =>
      !inSteps(refresh) && refresh.everySteps !== EVERY_STEPS
        ? `refresh.everyEpochs is ${refresh.everyEpochs} and refresh.everySteps ${refresh.everySteps}; expected one of them`
        : undefined,
  },
  {
    keys: ['refresh.when', 'sampler.kind'],
    problem: ({ refresh: { when }, sampler }) =>
      typeof when === 'object' && 'drift' in when && !('pool' in sampler)
        ? `refresh.when.drift is ${when.drift}; expected a sampler with a pool, for its candidates are compared, not ${sampler.kind}`
        : undefined,
  },
  {
    keys: ['refresh.partial', 'sampler.kind'],
    problem: ({ refresh: { partial }, sampler }) =>
      partial !== 'none' && !('pool' in sampler)
        ? `refresh.partial is given; expected none with sampler.kind ${sampler.kind}, which has no pools: its refreshes measure dev, for which all is encoded`
        : undefined,
  },
  {
    keys: ['refresh.partial', 'refresh.when'],
    problem: ({ refresh: { partial, when } }) =>
      partial !== 'none' && typeof when === 'object' && 'dev' in when
        ? 'refresh.partial is given; expected none with refresh.when.dev, for a partial refresh measures no dev to compare with'
        : undefined,
  },
  {
    keys: ['eval.selection', 'eval.measures'],
    problem: ({ eval: { measures, selection } }) =>
      measures.includes(selection) ? undefined : `eval.selection is ${selection}; expected one of eval.measures (${measures.join(', ')})`,
  },
  {
    keys: ['eval.selection'],
    problem: ({ eval: { selection } }) =>
      selection.startsWith('hole@')
        ? `eval.selection is ${selection}; expected a measure of which more is better: the checkpoint with the most of it is taken`
        : undefined,
  },
];

function problemOfWeights(
  { weights, query, passage, preset, prefixes }: PretrainedInit,
  towers: 'shared' | 'separate',
): string | undefined {
  if (weights !== undefined && (query ?? passage) !== undefined)
    return 'encoder.init names weights and query or passage; expected weights for both towers, or query and passage';
  if (weights === undefined && (query === undefined || passage === undefined))
    return 'encoder.init names no whole encoder; expected weights for both towers, or query and passage';
  if (query !== undefined && towers === 'shared')
    return 'encoder.init names query and passage; expected encoder.towers: separate with them';
  if (preset !== undefined && prefixes !== undefined)
    return 'encoder.init has preset and prefixes; expected one of them: a preset has its prefixes';
  return undefined;
}
