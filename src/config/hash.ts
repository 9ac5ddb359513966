/** One hash of all that a job's numbers depend on in its configuration. */
import { sha256 } from '../core/files.js';
import { type RunConfig, runConfigSchema } from './schema.js';

/** Keys that say where and on what a job runs, not what it computes. */
const PLACE_KEYS = new Set(['name', 'jobsFolder', 'backend']);

/**
 * SHA-256 of every key that is not at its default, so that a new key changes nothing until a job sets it. Where the data lies is left out: what
 * it holds has fingerprints of its own.
 */
export function configHash(config: RunConfig): string {
  const defaults: Record<string, unknown> = runConfigSchema.parse({ name: config.name });
  const chosen = Object.entries(config)
    .filter(([key, value]) => !PLACE_KEYS.has(key) && value !== undefined)
    .map(([key, value]) => [key, beyondDefaults(key === 'data' ? { ...(value as object), path: undefined } : value, defaults[key])]);
  return sha256(JSON.stringify(chosen));
}

/** The value without what equals the default at the same place; undefined where that is all. */
function beyondDefaults(value: unknown, byDefault: unknown): unknown {
  if (JSON.stringify(value) === JSON.stringify(byDefault)) return undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const theirs = (typeof byDefault === 'object' && byDefault !== null ? byDefault : {}) as Record<string, unknown>;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, beyondDefaults(inner, theirs[key])]));
}
