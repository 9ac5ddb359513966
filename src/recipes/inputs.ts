/** What later stages read: looked for before the first one runs, and before a plan is made. */
import fs from 'node:fs';
import type { PretrainedInit, RunConfig } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import type { Reporter } from '../core/reporter.js';
import { findCrossEncoder } from '../encoders/crossEncoder.js';
import { localWeights } from '../encoders/hub.js';
import type { Stage } from './recipe.js';

const RANKER_KEY = 'recipe.ranker.init';

/** Throws a UserError for what is not there; weights of the hub are downloaded. */
export async function requireInputs(config: RunConfig, reporter: Reporter, stages: readonly Stage[]): Promise<void> {
  const { recipe } = config;
  const isDone = (name: string) => stages.some((stage) => stage.name === name && stage.done());
  if (!isDone('augment')) requireQueries(config);
  if ('ranker' in recipe && typeof recipe.ranker.init === 'string' && !isDone('ranker'))
    await findCrossEncoder(recipe.ranker.init, { namedBy: RANKER_KEY, reporter }, true);
}

/** The configuration with the hub's weights as their folders in the cache, and the hub ids that are not in it; nothing is downloaded. Throws as requireInputs. */
export function localInputs(config: RunConfig): { config: RunConfig; elsewhere: string[] } {
  const { recipe, encoder } = config;
  requireQueries(config);
  const elsewhere = new Set<string>();
  const local = (name: string, key: string): string => {
    const place = localWeights(name, key);
    if (place === undefined) elsewhere.add(name);
    return place ?? name;
  };
  const init = 'layers' in encoder.init ? encoder.init : localInit(encoder.init, local);
  const ranker =
    'ranker' in recipe && typeof recipe.ranker.init === 'string'
      ? { ranker: { ...recipe.ranker, init: local(recipe.ranker.init, RANKER_KEY) } }
      : {};
  return {
    config: { ...config, encoder: { ...encoder, init }, recipe: { ...recipe, ...ranker } as RunConfig['recipe'] },
    elsewhere: [...elsewhere],
  };
}

function localInit(init: PretrainedInit, local: (name: string, key: string) => string): PretrainedInit {
  const places = (['weights', 'query', 'passage', 'config'] as const).flatMap((key) =>
    init[key] === undefined ? [] : [[key, local(init[key], 'encoder.init')]],
  );
  return { ...init, ...Object.fromEntries(places) };
}

function requireQueries({ recipe }: RunConfig): void {
  if (recipe.kind !== 'rocketqa' || recipe.augment === 'none') return;
  const { queries } = recipe.augment;
  if (!fs.existsSync(queries))
    throw new UserError(`recipe.augment.queries: found no file ${queries}; expected queries that nobody judged; check the path.`);
}
