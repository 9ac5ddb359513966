/** What later stages read: looked for before the first one runs, and before a plan is made. */
import fs from 'node:fs';
import { valueAt } from '../config/keys.js';
import { applyOverrides } from '../config/overrides.js';
import type { RunConfig } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import type { Reporter } from '../core/reporter.js';
import { findCrossEncoder } from '../encoders/crossEncoder.js';
import { localWeights } from '../encoders/hub.js';
import type { Stage } from './recipe.js';

/** A model that a job file names. */
interface NamedModel {
  readonly path: readonly string[];
  readonly name: string;
}

const ENCODERS = ['weights', 'query', 'passage', 'config'].map((key) => ['encoder', 'init', key]);
const RANKER = ['recipe', 'ranker', 'init'];
/** Those of a job, and of the stages that have settings of their own. */
const SCORERS = [[], ['recipe', 'first'], ['recipe', 'warmup']].flatMap((section) => [
  [...section, 'train', 'teacher', 'model'],
  [...section, 'sampler', 'filters', 'reranker', 'model'],
]);

const namedAt = (config: RunConfig, paths: readonly (readonly string[])[]): NamedModel[] =>
  paths.flatMap((path) => {
    const name = valueAt(config, path);
    return typeof name === 'string' ? [{ path, name }] : [];
  });

/** As messages name the key: encoder.init may be written as one name. */
const keyOf = (path: readonly string[]): string => (path[0] === 'encoder' ? path.slice(0, 2) : path).join('.');

/** Throws a UserError for what is not there; weights of the hub are downloaded. */
export async function requireInputs(config: RunConfig, reporter: Reporter, stages: readonly Stage[]): Promise<void> {
  const isDone = (name: string | undefined) => stages.some((stage) => stage.name === name && stage.done());
  if (!isDone('augment')) requireQueries(config);
  for (const { path, name } of namedAt(config, [RANKER, ...SCORERS])) {
    const [section, stage] = path;
    if (section === 'recipe' && isDone(stage)) continue;
    await findCrossEncoder(name, { namedBy: keyOf(path), reporter }, path === RANKER);
  }
}

/** The configuration with the hub's weights as their folders in the cache, and the hub ids that are not in it; nothing is downloaded. Throws as requireInputs. */
export function localInputs(config: RunConfig): { config: RunConfig; elsewhere: string[] } {
  requireQueries(config);
  const elsewhere = new Set<string>();
  const local = ({ path, name }: NamedModel) => {
    const place = localWeights(name, keyOf(path));
    if (place === undefined) elsewhere.add(name);
    return { flag: keyOf(path), path, value: place ?? name };
  };
  const places = namedAt(config, [...ENCODERS, RANKER, ...SCORERS]).map(local);
  return { config: applyOverrides(config, places) as RunConfig, elsewhere: [...elsewhere] };
}

function requireQueries({ recipe }: RunConfig): void {
  if (recipe.kind !== 'rocketqa' || recipe.augment === 'none') return;
  const { queries } = recipe.augment;
  if (!fs.existsSync(queries))
    throw new UserError(`recipe.augment.queries: found no file ${queries}; expected queries that nobody judged; check the path.`);
}
