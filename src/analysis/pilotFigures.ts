/** The pilot's figures over queries: means, traces of covariances, their ratios, and bootstrap bands. */
import { deriveKey, integer } from '../core/random.js';
import { meanOf } from '../sampling/statistics.js';

/** Over the queries, of one rank or of one sampler's draw. */
export interface GradientFigures {
  /** Mean ‖g‖, with the 2.5 % and 97.5 % bootstrap percentiles over queries. */
  readonly mean: number;
  readonly meanLow: number;
  readonly meanHigh: number;
  /** tr Cov of g, likewise. */
  readonly variance: number;
  readonly varianceLow: number;
  readonly varianceHigh: number;
  /** Var ‖g‖ / mean². */
  readonly relativeVariance: number;
  /** ‖ḡ‖² / tr Cov. */
  readonly signalToNoise: number;
  /** Mean cosine of g with the gradient of the positive's loss, −log p₊. */
  readonly cosineToGold: number;
}

export interface PilotRow extends GradientFigures {
  readonly [key: string]: string | number;
  readonly rank: number;
  /** Queries whose passage at this rank is a hidden positive. */
  readonly hidden: number;
}

export interface PilotDraw extends GradientFigures {
  readonly [key: string]: string | number;
  readonly sampler: string;
  /** Share of its draws, in expectation, that are hidden positives. */
  readonly hidden: number;
}

/** The hidden positives among the candidates, beside the other passages of the same ranks. */
export interface HiddenPositives {
  /** Of each, over all queries, ascending. */
  readonly ranks: readonly number[];
  /** Mean ‖g‖ of the hidden ones, and of the other queries' passages at their ranks. */
  readonly mean: number;
  readonly othersMean: number;
  /** Mean cosine to the gold gradient, likewise. */
  readonly cosineToGold: number;
  readonly othersCosine: number;
}

/** Buckets of the sketch that bootstrap bands of the variance are computed from: ⟨g, g'⟩ is kept unbiased (count sketch). */
export const SKETCH = 1024;
const RESAMPLES = 500;

/** Of one query, by entry: the ranks, then the samplers, then the random passage. NaN where a query has none. */
export interface Observed {
  readonly norms: Float64Array;
  /** ‖g‖², in expectation where the entry is a sampler. */
  readonly squares: Float64Array;
  /** To the gold gradient. */
  readonly cosines: Float64Array;
  /** [entries, SKETCH] */
  readonly sketch: Float32Array;
  readonly hidden: ReadonlySet<number>;
  /** By sampler. */
  readonly hiddenShares: readonly number[];
}

interface Summing {
  readonly ranks: number;
  readonly seed: number;
}

/** Probability that the sampler's first draw is a hidden positive. */
export function hiddenOf(
  { laws, hidden }: { readonly laws: Readonly<Record<string, ArrayLike<number>>>; readonly hidden: ReadonlySet<number> },
  sampler: string,
): number {
  return [...hidden].reduce((sum, rank) => sum + (laws[sampler]![rank - 1] ?? 0), 0);
}

/** `sums`: Σ_q g by entry, [entries, P]. */
export function summariseRanks(
  observed: readonly Observed[],
  sums: Float32Array,
  size: number,
  { ranks, seed }: Summing,
  withoutHidden: boolean,
): PilotRow[] {
  return Array.from({ length: ranks }, (_, r) => ({
    rank: r + 1,
    ...figuresOf(
      observed.filter(({ hidden }) => !(withoutHidden && hidden.has(r + 1))),
      r,
      sums,
      size,
      seed,
    ),
    hidden: observed.filter(({ hidden }) => hidden.has(r + 1)).length,
  }));
}

/** Undefined where no query has any within the ranks. */
export function summariseHidden(observed: readonly Observed[], ranks: number): HiddenPositives | undefined {
  const found = observed.flatMap((one) => [...one.hidden].filter((rank) => rank <= ranks).map((rank) => ({ one, rank })));
  if (found.length === 0) return undefined;
  const own = (of: 'norms' | 'cosines') => meanOf(found.map(({ one, rank }) => one[of][rank - 1]!));
  const others = (of: 'norms' | 'cosines') =>
    meanOf(
      found.map(({ rank }) =>
        meanOf(
          observed.filter(({ hidden, norms }) => !hidden.has(rank) && !Number.isNaN(norms[rank - 1]!)).map((one) => one[of][rank - 1]!),
        ),
      ),
    );
  return {
    ranks: found.map(({ rank }) => rank).sort((a, b) => a - b),
    mean: own('norms'),
    othersMean: others('norms'),
    cosineToGold: own('cosines'),
    othersCosine: others('cosines'),
  };
}

export function summariseDraws(
  observed: readonly Observed[],
  sums: Float32Array,
  size: number,
  { ranks, seed }: Summing,
  samplers: readonly string[],
): PilotDraw[] {
  const random = observed.some(({ norms }) => !Number.isNaN(norms[ranks + samplers.length]!)) ? ['random'] : [];
  return [...samplers, ...random].map((sampler, k) => ({
    sampler,
    ...figuresOf(observed, ranks + k, sums, size, seed),
    hidden: meanOf(observed.map(({ hiddenShares }) => hiddenShares[k] ?? 0)),
  }));
}

function figuresOf(observed: readonly Observed[], entry: number, sums: Float32Array, size: number, seed: number): GradientFigures {
  const seen = observed.filter(({ norms }) => !Number.isNaN(norms[entry]!));
  const squares = meanOf(seen.map((one) => one.squares[entry]!));
  let meanSquare = 0; // ‖ḡ‖²
  for (let i = 0; i < size; i++) meanSquare += (sums[entry * size + i]! / Math.max(1, seen.length)) ** 2;
  const mean = meanOf(seen.map(({ norms }) => norms[entry]!));
  const variance = squares - meanSquare;
  return {
    mean,
    ...bootstrap(seen, entry, seed),
    variance,
    relativeVariance: (squares - mean ** 2) / mean ** 2,
    signalToNoise: meanSquare / variance,
    cosineToGold: meanOf(seen.map(({ cosines }) => cosines[entry]!)),
  };
}

/** Queries resampled with replacement; of the variance with the sketches' inner products. */
function bootstrap(
  seen: readonly Observed[],
  entry: number,
  seed: number,
): Pick<GradientFigures, 'meanLow' | 'meanHigh' | 'varianceLow' | 'varianceHigh'> {
  const key = deriveKey(seed, 'pilot bootstrap', entry);
  const means: number[] = [];
  const variances: number[] = [];
  const sum = new Float64Array(SKETCH);
  for (let sample = 0; sample < RESAMPLES; sample++) {
    sum.fill(0);
    let [norms, squares] = [0, 0];
    for (let i = 0; i < seen.length; i++) {
      const one = seen[integer(key, sample, i, seen.length)]!;
      norms += one.norms[entry]!;
      squares += one.squares[entry]!;
      for (let b = 0; b < SKETCH; b++) sum[b]! += one.sketch[entry * SKETCH + b]!;
    }
    const n = Math.max(1, seen.length);
    means.push(norms / n);
    variances.push(squares / n - sum.reduce((total, value) => total + (value / n) ** 2, 0));
  }
  const at = (values: number[], share: number) => values.sort((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? Number.NaN;
  return { meanLow: at(means, 0.025), meanHigh: at(means, 0.975), varianceLow: at(variances, 0.025), varianceHigh: at(variances, 0.975) };
}
