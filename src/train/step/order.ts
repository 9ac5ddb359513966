/** Which training queries a step holds: a pure function of (seed, data, step). */
import { deriveKey, permutation } from '../../core/random.js';
import type { Dataset } from '../../data/types.js';

/** Positions in train.rows of the queries of a step: epochs of a keyed permutation, one after the other; of a mix each set has epochs of its own. */
export function queriesOfStep(
  seed: number,
  { splits, mix }: Pick<Dataset, 'splits' | 'mix'>,
  queriesPerStep: number,
  step: number,
): Int32Array {
  const size = splits.train.rows.length;
  const members = mix && membersOf(mix);
  return Int32Array.from({ length: queriesPerStep }, (_, i) => {
    const position = step * queriesPerStep + i;
    if (!mix || !members) return orderOfEpoch(seed, size, Math.floor(position / size))[position % size]!;
    const { set, turn } = turnOf(seed, mix.weights, position);
    const own = members[set]!;
    return own[orderOfEpoch(seed, own.length, Math.floor(turn / own.length), set)[turn % own.length]!]!;
  });
}

/** Positions are dealt to the sets in blocks of this many, in which each set has its share, in a drawn order. */
export const MIX_BLOCK = 1000;

/** The set that position `position` of the course is dealt to, and which of that set's turns it is. */
export function turnOf(seed: number, weights: readonly number[], position: number): { set: number; turn: number } {
  const block = Math.floor(position / MIX_BLOCK);
  const { sets, turns, quotas } = blockOf(seed, weights, block);
  const at = position % MIX_BLOCK;
  const set = sets[at]!;
  return { set, turn: block * quotas[set]! + turns[at]! };
}

interface Block {
  /** The set of each place. */
  readonly sets: Int32Array;
  /** How many places of the same set are before it in the block. */
  readonly turns: Int32Array;
  readonly quotas: readonly number[];
}

const blocks = new Map<string, Block>();
const BLOCKS_KEPT = 4;

function blockOf(seed: number, weights: readonly number[], block: number): Block {
  const name = `${seed}/${weights.join()}/${block}`;
  return kept(blocks, BLOCKS_KEPT, name, () => {
    const quotas = quotasOf(weights);
    const dealt = quotas.flatMap((quota, set) => new Array<number>(quota).fill(set));
    const sets = permutation(deriveKey(seed, 'mix', block), MIX_BLOCK).map((place) => dealt[place]!);
    const seen = quotas.map(() => 0);
    return { sets, turns: sets.map((set) => seen[set]!++), quotas };
  });
}

/** Places of a block by weight, at least one a set; what is left by rounding goes to the largest remainders. */
export function quotasOf(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const exact = weights.map((weight) => (MIX_BLOCK * weight) / total);
  const quotas = exact.map((share) => Math.max(1, Math.floor(share)));
  const byRemainder = [...exact.keys()].sort((a, b) => (exact[b]! % 1) - (exact[a]! % 1) || a - b);
  for (let i = 0, left = MIX_BLOCK - quotas.reduce((sum, quota) => sum + quota, 0); left !== 0; i++) {
    const set = left > 0 ? byRemainder[i % byRemainder.length]! : quotas.indexOf(Math.max(...quotas));
    quotas[set]! += Math.sign(left);
    left -= Math.sign(left);
  }
  return quotas;
}

const membership = new WeakMap<NonNullable<Dataset['mix']>, Int32Array[]>();

/** The positions in train.rows of each set. */
function membersOf(mix: NonNullable<Dataset['mix']>): Int32Array[] {
  const known = membership.get(mix) ?? mix.names.map((_, set) => Int32Array.from([...mix.of.keys()].filter((i) => mix.of[i] === set)));
  membership.set(mix, known);
  return known;
}

/** Orders are kept, for the steps of an epoch share one and a large one takes milliseconds. */
const orders = new Map<string, Int32Array>();
const ORDERS_KEPT = 16;

function orderOfEpoch(seed: number, size: number, epoch: number, ...set: number[]): Int32Array {
  return kept(orders, ORDERS_KEPT, [seed, size, epoch, ...set].join('/'), () => permutation(deriveKey(seed, 'order', epoch, ...set), size));
}

function kept<T>(cache: Map<string, T>, most: number, name: string, make: () => T): T {
  let value = cache.get(name);
  if (value === undefined) {
    if (cache.size === most) cache.clear();
    value = make();
    cache.set(name, value);
  }
  return value;
}
