/** What `simans pilot` prints: the figures of some ranks and of each sampler's draws, and of the hidden positives where there are any. */
import { table } from './table.js';

interface Figures {
  readonly mean: number;
  readonly variance: number;
  readonly signalToNoise: number;
  readonly cosineToGold: number;
}

interface ShownPilot {
  /** By rank. */
  readonly rows: readonly Figures[];
  readonly draws: readonly (Figures & { readonly sampler: string })[];
  readonly hiddenPositives?: {
    readonly ranks: readonly number[];
    readonly mean: number;
    readonly othersMean: number;
    readonly cosineToGold: number;
    readonly othersCosine: number;
  };
}

/** `ranks`: the last rank that is shown, as far as there are so many. */
export function pilotText({ rows, draws, hiddenPositives: hidden }: ShownPilot, ranks: number): string {
  const shownRanks = [...new Set([1, 10, 50, ranks].map((rank) => Math.min(rank, rows.length)))];
  const shown = [
    ...shownRanks.map((rank) => ({ name: `rank ${rank}`, ...rows[rank - 1]! })),
    ...draws.map((draw) => ({ name: draw.sampler, ...draw })),
  ];
  const figures = table(
    ['a negative of', 'mean ‖g‖', 'tr Cov', '‖ḡ‖² / tr Cov', 'cosine to gold'],
    shown.map((row) => [
      row.name,
      row.mean.toPrecision(3),
      row.variance.toPrecision(3),
      row.signalToNoise.toPrecision(2),
      row.cosineToGold.toFixed(2),
    ]),
  );
  if (!hidden) return figures;
  return (
    `${figures}\nhidden positives: ${hidden.ranks.length} among the candidates, at ranks ${spread(hidden.ranks)}; mean ‖g‖ ${hidden.mean.toPrecision(3)}, of others at these ranks ` +
    `${hidden.othersMean.toPrecision(3)}; cosine to gold ${hidden.cosineToGold.toFixed(2)}, of others ${hidden.othersCosine.toFixed(2)}`
  );
}

/** The lowest, the middle and the highest of ascending ranks. */
const spread = (ranks: readonly number[]): string => `${ranks[0]} to ${ranks.at(-1)} (median ${ranks[ranks.length >> 1]})`;
