/** The reference values of the SimANS law, worked out with 80-digit decimals, and pools made from them. */
import fs from 'node:fs';
import type { SimansDensity } from '../../src/sampling/simans.js';
import type { Pool } from '../../src/sampling/types.js';

export interface Case {
  name: string;
  scores: number[];
  positive: number;
  a: number;
  b: number;
  kernel: string;
}

interface Golden {
  tolerance: { keys: number; probabilities: number };
  probabilityCases: (Case & { peak: 'paper' | 'code'; probabilities: number[]; logProbabilities: number[]; argmax: number })[];
  mustError: (Case & { why: string; m: number })[];
  draws: (Case & { m: number; subsets: { items: number[]; p: number }[]; withReplacementInclusion: number[]; inclusion: number[] })[];
  deterministic: Case & { gumbel: { u: number[]; keys: number[]; orderByKeyDescending: number[] }[] };
  chiSquareCritical: Record<string, { '1e-3': number; '1e-6': number }>;
}

export const golden: Golden = JSON.parse(fs.readFileSync(new URL('../golden/simans_sampling.json', import.meta.url), 'utf8'));

/** The density of a case; the file writes 'abs' for the absolute kernel, and numbers that JSON lacks as strings. */
export function densityOf({ a, b, kernel }: Case, peak: 'paper' | 'code' = 'paper'): SimansDensity {
  return { a: Number(a), b: peak === 'code' ? -b : Number(b), kernel: (kernel === 'abs' ? 'absolute' : kernel) as SimansDensity['kernel'] };
}

/** A pool whose passages are 100, 101, … in the order of its scores; the positives are the rows 0 and 5 of 1,000. */
export function poolOf(scores: readonly number[], positiveScore: number, query = 'q7'): Pool {
  return {
    query,
    passages: Int32Array.from(scores, (_, i) => 100 + i),
    scores: Float32Array.from(scores, Number),
    positiveScore,
    positives: Int32Array.of(0, 5),
    corpusSize: 1000,
  };
}
