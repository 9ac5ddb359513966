/** An experiment with false negatives: the same job with other samplers, shares of hidden positives and seeds; finished cells are kept. */
import fs from 'node:fs';
import path from 'node:path';
import { configHash } from '../config/hash.js';
import { type LabCell, nameOf } from '../config/labFile.js';
import { UserError } from '../core/errors.js';
import { writeFileAtomic } from '../core/files.js';
import { type Reporter, silentReporter } from '../core/reporter.js';
import { readPerQuery } from '../eval/runFiles.js';
import { runRecipe } from '../recipes/index.js';
import { readFigures } from '../train/diagnostics.js';
import type { Summary } from '../train/folder/summary.js';
import { cellText, readStoredCell, refuseOtherData } from './storedCell.js';

/** What one training found; figures of draws are means over all draws of the job. */
export interface CellResult {
  readonly [key: string]: unknown;
  readonly data: string;
  readonly sampler: string;
  /** Share of the further right passages that were hidden. */
  readonly hidden: number;
  readonly seed: number;
  readonly configHash: string;
  readonly measure: string;
  /** Of the checkpoint that dev chose: `measure` on test. */
  readonly test: number;
  /** Share of the drawn negatives that were hidden positives. */
  readonly drawn: number;
  /** Mean ∂ℓ/∂s⁻ of hidden positives and of the other negatives; absent where none was drawn with a score. */
  readonly gradient?: number;
  readonly otherGradient?: number;
  /** `test` by query id. */
  readonly perQuery?: Readonly<Record<string, number>>;
}

export interface LabOptions {
  readonly to: string;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/**
 * The results of all cells in their order, those of today's configuration read back; undefined where the signal stopped it. Throws a UserError where one of another
 * configuration, or of other data, is in its place.
 */
export async function runLab(cells: readonly LabCell[], { to, reporter, signal }: LabOptions): Promise<CellResult[] | undefined> {
  const missing = cells.filter((cell) => readCell(to, cell) === undefined);
  refuseOthers(to, missing);
  await refuseOtherData(
    cells.map((cell) => ({ file: fileOf(to, cell), config: cell.config })),
    to,
  );
  reporter.line(`lab: ${cells.length - missing.length} of ${cells.length} trainings are stored in ${to}, ${missing.length} to do`);
  const phase = reporter.phase('lab', missing.length, 'trainings');
  for (const [i, cell] of missing.entries()) {
    phase.update(i);
    // Its jobs folder is inside `to`: a killed training goes on from its last checkpoint.
    const summary = await runRecipe(cell.config, { resume: true, reporter: silentReporter, signal });
    if (!summary) {
      phase.end();
      reporter.line('stopped; run the same command again to go on');
      return undefined;
    }
    const result = resultOf(cell, summary);
    writeFileAtomic(fileOf(to, cell), textOf(result, summary));
    fs.rmSync(summary.folder, { recursive: true });
    reporter.line(`${nameOf(cell)}: ${result.measure} ${result.test.toFixed(4)}, ${(100 * result.drawn).toFixed(1)} % of draws are hidden`);
  }
  phase.update(missing.length);
  phase.end();
  return cells.map((cell) => readCell(to, cell)!);
}

/** Finished trainings of another configuration are somebody's results. */
function refuseOthers(to: string, missing: readonly LabCell[]): void {
  const others = missing.map((cell) => fileOf(to, cell)).filter((file) => fs.existsSync(file));
  if (others.length > 0)
    throw new UserError(
      `${others[0]}: found a finished training of another configuration (${others.length} of these); expected none where new ones go; choose another folder with --to, or remove ${path.join(to, 'cells')}.`,
    );
}

const fileOf = (to: string, cell: LabCell): string => path.join(to, 'cells', `${nameOf(cell)}.json`);

function resultOf({ sampler, hidden, seed, config }: LabCell, summary: Summary): CellResult {
  const measure = config.eval.selection;
  const draws = readFigures(summary.folder).flatMap((refresh) => refresh.draws ?? []);
  const drawn = draws.reduce((sum, one) => sum + one.drawn, 0);
  const share = draws.reduce((sum, one) => sum + one.drawn * (one.hidden?.share ?? 0), 0) / Math.max(1, drawn);
  const gradient = weighted(draws.map(({ drawn: n, hidden: found }) => [n * (found?.share ?? 0), found?.gradient]));
  const otherGradient = weighted(draws.map(({ drawn: n, hidden: found }) => [n * (1 - (found?.share ?? 0)), found?.otherGradient]));
  return {
    data: summary.data.name,
    sampler,
    hidden,
    seed,
    configHash: configHash(config),
    measure,
    test: summary.test.trained![measure]!,
    drawn: share,
    ...(gradient !== undefined && { gradient }),
    ...(otherGradient !== undefined && { otherGradient }),
  };
}

/** The mean of the values that are there, by weight. */
function weighted(values: readonly (readonly [number, number | undefined])[]): number | undefined {
  let [sum, total] = [0, 0];
  for (const [weight, value] of values)
    if (value !== undefined && weight > 0) {
      sum += weight * value;
      total += weight;
    }
  return total > 0 ? sum / total : undefined;
}

/** The result with what it rests on; one line a list. */
function textOf(result: CellResult, { versions, backend, data, steps, best, folder, ...summary }: Summary): string {
  const { total, ...seconds } = summary.seconds; // of the process, which has trained others before
  const { queries, values } = readPerQuery(path.join(folder, 'eval', 'test.trained.tsv'));
  const test = values(result.measure);
  const rest = { ...result, versions, backend: backend.name, fingerprint: data.fingerprint, steps, bestStep: best.step, seconds };
  return cellText(rest, { perQuery: Object.fromEntries(queries.map((query, i) => [query, Number(test[i]!.toFixed(6))])) });
}

/** A stored cell of today's configuration; undefined where there is none. */
export function readCell(to: string, cell: LabCell): CellResult | undefined {
  return readStoredCell(fileOf(to, cell), cell.config);
}
