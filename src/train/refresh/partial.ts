/** Which passages a refresh encodes: all, or, between whole ones, what the pools held before, what is needed, and a random share of the rest. */
import type { RunConfig } from '../../config/schema.js';
import { deriveKey, uniform } from '../../core/random.js';
import type { Dataset } from '../../data/types.js';
import type { PoolMaking } from './pools.js';
import type { Refresh } from './refresh.js';

const NONE = new Int32Array(0);

/** Whether the refresh of `step`, which `before` others preceded, is a whole one. The first and the last are: dev chooses by them. */
export function isWhole({ refresh: { partial }, train }: RunConfig, step: number, before: number): boolean {
  return partial === 'none' || step === 0 || step === train.steps || before % partial.wholeEvery === 0;
}

/**
 * The passages of a partial refresh, ascending: the candidates of the last one's pools, the positives of the coming queries (`places` in train.rows), the candidates
 * that come from elsewhere, and a share of the corpus that is drawn anew each time.
 */
export async function passagesOf(
  { refresh: { partial }, seed }: RunConfig,
  { corpus, splits: { train } }: Dataset,
  { source }: PoolMaking,
  number: number,
  last: Refresh | undefined,
  places: Int32Array,
): Promise<Int32Array> {
  const share = partial === 'none' ? 1 : partial.share;
  const key = deriveKey(seed, 'partial', number);
  const chosen = Uint8Array.from({ length: corpus.size }, (_, row) => (uniform(key, row, 0) < share ? 1 : 0));
  const needed = [
    last?.pools?.passages ?? NONE,
    last?.sourcePools?.passages ?? NONE,
    ...Array.from(places, (place) => train.positives[place]!),
    ...(source ? await source.candidates(places) : []),
  ];
  for (const rows of needed) for (const row of rows) if (row >= 0) chosen[row] = 1;
  return Int32Array.from(chosen.keys()).filter((row) => chosen[row] === 1);
}
