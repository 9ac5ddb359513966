/** The samplers by their name in a job file. */
import { UserError } from '../core/errors.js';
import { givenSampler } from './given.js';
import { randomSampler } from './random.js';
import { type SimansDensity, simansSampler } from './simans.js';
import { topkSampler } from './topk.js';
import { topkUniformSampler } from './topkUniform.js';
import type { Sampler } from './types.js';

export type SamplerConfig =
  | { kind: 'random' }
  | { kind: 'given' }
  | { kind: 'topk' }
  | { kind: 'topkUniform'; pool: number }
  | ({ kind: 'simans'; pool: number } & SimansDensity);

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
    case 'simans':
      return simansSampler(config.pool, config);
    default:
      throw unknownKind(config);
  }
}

function unknownKind(config: never): UserError {
  return new UserError(`sampler.kind is ${(config as { kind: string }).kind}, expected random, given, topk, topkUniform or simans`);
}
