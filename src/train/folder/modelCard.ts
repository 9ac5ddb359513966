/** README.md of an exported model, in the form of the Hugging Face hub's model cards. */
import { stringify } from 'yaml';
import type { RunConfig } from '../../config/schema.js';
import type { Dataset } from '../../data/types.js';
import type { EncoderShape } from '../../encoders/dualEncoder.js';
import { hubIdOf } from '../../encoders/hub.js';
import type { Measures } from './summary.js';

export interface CardFacts {
  readonly config: RunConfig;
  readonly shape: EncoderShape;
  readonly dataset: Dataset;
  readonly parameters: number;
  /** The checkpoint that dev chose. */
  readonly best: { readonly step: number; readonly measure: string; readonly dev: number };
  /** Test means by system; empty where test was not read. */
  readonly test: Record<string, Measures>;
}

/** The card as Markdown; the same for the same job. */
export function modelCard({ config, shape, dataset, parameters, best, test }: CardFacts): string {
  const { encoder, train } = config;
  const { init } = encoder;
  const weights = 'layers' in init ? [] : [init.weights, init.query, init.passage].filter((name) => name !== undefined);
  const bases = weights.flatMap((name) => hubIdOf(name) ?? []);
  const head = {
    library_name: 'sentence-transformers',
    pipeline_tag: 'sentence-similarity',
    tags: ['sentence-transformers', 'feature-extraction', 'dense-retrieval', 'simans'],
    ...(bases.length > 0 && { base_model: bases.length > 1 ? bases : bases[0] }),
    license: 'other',
    license_name: 'unknown',
  };
  const similarity = shape.similarity === 'dot' ? 'dot product' : `cosine (trained at temperature ${shape.similarity.cosine.temperature})`;
  const { transformer, pooling, projection } = shape;
  const rows = Object.entries(test).map(
    ([system, means]) => `| ${[system, ...Object.values(means).map((mean) => mean.toFixed(4))].join(' | ')} |`,
  );
  const measures = Object.keys(Object.values(test)[0] ?? {});
  return [
    '---',
    stringify(head).trim(),
    '---',
    `# ${config.name}`,
    '',
    'A dense-retrieval encoder trained with simans: texts become vectors, and a passage is ranked by the score of its vector with the query’s.',
    '',
    '| | |',
    '|---|---|',
    `| architecture | ${transformer.architecture}, ${transformer.layers} layers of ${transformer.width}, ${parameters.toLocaleString('en')} parameters, ${shape.towers} towers |`,
    `| vector | ${pooling} pooling${projection ? `, projected to ${projection.width}${projection.layerNorm ? ' with LayerNorm' : ''}` : ''}, compared by ${similarity} |`,
    `| lengths | queries ${encoder.queryTokens} tokens, passages ${encoder.passageTokens} |`,
    `| prefixes | query ${JSON.stringify(encoder.queryPrefix)}, passage ${JSON.stringify(encoder.passagePrefix)} |`,
    `| started from | ${weights.join(' and ') || 'random weights'} |`,
    `| data | ${dataset.name}, ${dataset.corpus.size.toLocaleString('en')} passages, ${dataset.splits.train.rows.length.toLocaleString('en')} training queries |`,
    `| training | ${train.steps} steps of ${train.queriesPerStep} queries, sampler ${config.sampler.kind}; step ${best.step} chosen by dev ${best.measure} (${best.dev.toFixed(4)}) |`,
    '| licence | that of the starting weights and of the data; fill it in before publishing |',
    '',
    ...(rows.length === 0
      ? ['The test split was not read.']
      : ['## Test', '', `| system | ${measures.join(' | ')} |`, `|---|${measures.map(() => '---|').join('')}`, ...rows]),
    '',
    '## Configuration',
    '',
    '```yaml',
    stringify({ ...config, jobsFolder: undefined, backend: undefined }).trim(),
    '```',
    '',
  ].join('\n');
}
