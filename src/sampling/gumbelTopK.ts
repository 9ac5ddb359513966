/** Drawing without replacement by weights: the law that every density's sampler is made of. */
import { type Key, ofWords } from '../core/random.js';
import { code, keys, largest, MOST, near, ranks, logWeights as read, x0, x1 } from './gumbelCode.js';
import type { Uniforms } from './types.js';

/** log w − log(−log u): a log weight with Gumbel noise. */
export function gumbelKey(logWeight: number, u: number): number {
  return logWeight - Math.log(-Math.log(u));
}

/**
 * m distinct indices, drawn one after the other in proportion to the weights left: the m largest Gumbel keys have that law
 * (Vieira 2014; Kool et al., ICML 2019), and no weight is ever exponentiated. Ties go to the lower index.
 * `logWeights` must be finite, 1 ≤ m ≤ their number.
 */
export function gumbelTopK(logWeights: Float64Array, m: number, uniforms: Uniforms): Int32Array {
  const likely = uniforms.stream && likelyTopK(logWeights, m, uniforms.stream.key, uniforms.stream.row);
  return likely ?? largestKeys(logWeights, m, uniforms);
}

/** All keys, one by one. */
function largestKeys(logWeights: Float64Array, m: number, uniforms: Uniforms): Int32Array {
  const n = logWeights.length;
  const first = uniforms.first?.(n) ?? Float64Array.from({ length: n }, (_, i) => uniforms(i));
  const best = new Int32Array(m);
  const bestKeys = new Float64Array(m);
  let found = 0;
  for (let i = 0; i < n; i++) {
    const key = gumbelKey(logWeights[i]!, first[i]!);
    if (found === m && key <= bestKeys[m - 1]!) continue; // an equal key has a lower index already
    let at = found < m ? found++ : m - 1;
    for (; at > 0 && bestKeys[at - 1]! < key; at--) {
      bestKeys[at] = bestKeys[at - 1]!;
      best[at] = best[at - 1]!;
    }
    bestKeys[at] = key;
    best[at] = i;
  }
  return best;
}

/** Which candidates the keys are of. */
const places = new Int32Array(MOST);

/**
 * The same from few keys: those that may exceed a floor τ, which a few more than m do in the mean. With s = e^(−τ), key_i > τ needs 1 − u_i < w_i s, as
 * P(key_i > τ) = 1 − exp(−w_i s), and the first bits of u_i mostly refute that. Undefined where there is no such floor.
 */
function likelyTopK(logWeights: Float64Array, m: number, { k0, k1 }: Key, row: number): Int32Array | undefined {
  const n = logWeights.length;
  let wanted = m + 2.5 * Math.sqrt(m) + 1;
  if (n > MOST || wanted >= n) return undefined;
  const padded = (n + 15) & -16;
  read.set(logWeights);
  for (let i = n; i < padded; i++) read[i] = -Infinity;
  const sum = code.weigh(padded);
  const best = new Int32Array(m);
  for (; wanted < n; wanted *= 2) {
    let s = wanted / sum;
    while (s < 1e30 && code.expected(padded, s) < 0.9 * wanted) s *= 2; // few weights have it all
    code.candidates(k0, k1, row, padded, s * 2 ** 26 * (1 + 1e-6)); // more by more than 32-bit floats lose
    // The others' keys are no larger than the floor, rounded or not: rounding keeps the order.
    if (takeLargest(best, keysOfCandidates(logWeights), largest[0]! - Math.log(s))) return best;
  }
  return undefined;
}

/** Writes the keys of the candidates and their places; returns how many there are. */
function keysOfCandidates(logWeights: Float64Array): number {
  let found = 0;
  for (let word = 0; 16 * word < logWeights.length; word++) {
    for (let bits = near[word]!; bits !== 0; bits &= bits - 1) {
      const bit = 31 - Math.clz32(bits & -bits);
      const i = 16 * word + 4 * (bit >> 3) + (bit & 3);
      places[found] = i;
      keys[found++] = gumbelKey(logWeights[i]!, ofWords(x0[i]!, x1[i]!));
    }
  }
  return found;
}

/** Writes the places of the largest keys to `best`, the largest first; false where not all of them exceed the floor. */
function takeLargest(best: Int32Array, found: number, floor: number): boolean {
  code.rank(found);
  best.fill(-1);
  let exceeding = 0;
  for (let i = 0; i < found; i++) {
    let at = ranks[i]!;
    while (at < best.length && best[at]! >= 0) at++; // behind an equal key of a lower index
    if (at >= best.length) continue;
    best[at] = places[i]!;
    if (keys[i]! > floor) exceeding++;
  }
  return exceeding === best.length;
}
