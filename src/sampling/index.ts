/** The samplers by their name in a job file. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf, UserError } from '../core/errors.js';
import { docSimSampler } from './docSim.js';
import { givenSampler } from './given.js';
import { nearestKSampler } from './nearestK.js';
import { randomSampler } from './random.js';
import { rankWindowSampler } from './rankWindow.js';
import { type SimansDensity, simansSampler } from './simans.js';
import { topkSampler } from './topk.js';
import { topkUniformSampler } from './topkUniform.js';
import type { Sampler } from './types.js';

export type SamplerConfig =
  | { kind: 'random' }
  | { kind: 'given' }
  | { kind: 'topk' }
  | { kind: 'topkUniform'; pool: number }
  | { kind: 'rankWindow'; from: number; to: number }
  | { kind: 'nearestK'; pool: number; b: number }
  | ({ kind: 'simans' | 'docSim'; pool: number; replacement?: boolean } & SimansDensity);

export interface ModuleConfig {
  kind: 'module';
  path: string;
  options: Readonly<Record<string, unknown>>;
}

/** A sampler of ours, or of the user's module. Throws a UserError where a module is no sampler. */
export async function loadSampler(config: SamplerConfig | ModuleConfig): Promise<Sampler> {
  return config.kind === 'module' ? moduleSampler(config.path, config.options) : createSampler(config);
}

/** The sampler of a config; `pool` is K, the candidates looked at. Throws a UserError where a number is out of range. */
export function createSampler(config: SamplerConfig): Sampler {
  switch (config.kind) {
    case 'random':
      return randomSampler();
    case 'given':
      return givenSampler();
    case 'topk':
      return topkSampler();
    case 'topkUniform':
      return topkUniformSampler(config.pool);
    case 'rankWindow':
      return rankWindowSampler(config.from, config.to);
    case 'nearestK':
      return nearestKSampler(config.pool, config.b);
    case 'simans':
      return simansSampler(config.pool, config, config.replacement);
    case 'docSim':
      return docSimSampler(config.pool, config, config.replacement);
    default:
      throw unknownKind(config);
  }
}

/** A sampler of the user's: a JavaScript module whose default export makes it from the options. */
async function moduleSampler(file: string, options: Readonly<Record<string, unknown>>): Promise<Sampler> {
  let made: unknown;
  try {
    const { default: create } = await import(pathToFileURL(path.resolve(file)).href);
    made = create(options);
  } catch (error) {
    throw new UserError(
      `${file}: cannot be used as a sampler (${messageOf(error)}); expected a module whose default export makes one: docs/samplers.md.`,
    );
  }
  const { kind, capacity, draw } = (made ?? {}) as Partial<Sampler>;
  if (typeof kind !== 'string' || typeof capacity !== 'function' || typeof draw !== 'function')
    throw new UserError(`${file}: its default export gives no {kind, capacity, draw}; expected a sampler: docs/samplers.md.`);
  return made as Sampler;
}

function unknownKind(config: never): UserError {
  return new UserError(
    `sampler.kind is ${(config as { kind: string }).kind}, expected random, given, topk, topkUniform, rankWindow, nearestK, simans, docSim or module`,
  );
}
