/**
 * LAMB (You et al. 2020, algorithm 2) beside AdamW: each parameter's direction, AdamW's with its decay, is as long a step as the parameter is long. φ is the
 * identity up to 10, as in its published code. Parameters are those of published checkpoints: key and value have a length each.
 */
import type { AdamwSettings, FlatVectors } from '../../backend/index.js';
import type { ParameterSpec } from '../../encoders/parameters.js';
import { publishedSizes } from '../../encoders/weights.js';

/** Largest length of a parameter that counts. */
export const LONGEST = 10;

/** What the members of a group tell each other: of each member and parameter the squared lengths of its parts of weights and direction, [R, S, 2]. */
export type Lengths = Float64Array<SharedArrayBuffer>;

/** Numbers of Lengths for so many members. */
export const lengthsSize = (replicas: number, specs: readonly ParameterSpec[]): number => 2 * replicas * publishedSizes(specs).length;

/** What the learning rate is multiplied by: φ(‖p‖)/‖r‖, 1 where either is 0. */
const trustRatio = (weights: number, direction: number): number =>
  weights > 0 && direction > 0 ? Math.min(weights, LONGEST) / direction : 1;

/** One update of a member's part of the parameters by the first gradient, which is used up. `wait` waits for the other members. */
export function lambUpdate(
  vectors: FlatVectors,
  settings: AdamwSettings,
  specs: readonly ParameterSpec[],
  { lengths, member, wait }: { readonly lengths: Lengths; readonly member: number; readonly wait: () => void },
): void {
  vectors.direct(settings);
  const sizes = publishedSizes(specs);
  const S = sizes.length;
  visit(sizes, (parameter, begin, end) => {
    const at = 2 * (member * S + parameter);
    lengths[at] = vectors.squares('parameters', begin, end);
    lengths[at + 1] = vectors.squares('gradient 0', begin, end);
  });
  wait();
  visit(sizes, (parameter, begin, end) => {
    const [weights, direction] = [0, 1].map((which) => {
      let sum = 0;
      for (let at = 2 * parameter + which; at < lengths.length; at += 2 * S) sum += lengths[at]!;
      return Math.sqrt(sum);
    });
    vectors.move(begin, end, settings.learningRate * trustRatio(weights!, direction!));
  });
}

function visit(sizes: readonly number[], each: (parameter: number, begin: number, end: number) => void): void {
  let begin = 0;
  for (const [parameter, size] of sizes.entries()) {
    each(parameter, begin, begin + size);
    begin += size;
  }
}
