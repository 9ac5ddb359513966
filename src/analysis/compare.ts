/** Two or more arms under the same rules: each arm with each seed is a job; finished jobs are kept, and then all of them are compared. */
import path from 'node:path';
import { type ArmJob, cellName } from '../config/comparisonArms.js';
import { configHash } from '../config/hash.js';
import { UserError } from '../core/errors.js';
import { writeFileAtomic } from '../core/files.js';
import { deriveKey } from '../core/random.js';
import { type Reporter, silentReporter } from '../core/reporter.js';
import { compareSeeds, type Difference, type System } from '../eval/compare.js';
import { ASSUMED, type Deviations, deviationsOf, smallestDifference } from '../eval/detectable.js';
import { type Policy, type Result, readResult, requireComparable } from '../eval/result.js';
import { intervalOf, meanOfSeeds, resampledMeans } from '../eval/seedsBootstrap.js';
import { runRecipe } from '../recipes/index.js';
import type { Summary } from '../train/folder/summary.js';
import { cellText, readStoredCell } from './storedCell.js';

/** What one job found on test, query by query. */
export interface ArmCell {
  readonly arm: string;
  readonly seed: number;
  readonly configHash: string;
  readonly data: string;
  readonly policy: Policy;
  /** Of the checkpoint that dev chose. */
  readonly dev: number;
  readonly means: Readonly<Record<string, number>>;
  readonly queries: readonly string[];
  /** By measure, in the order of `queries`. */
  readonly perQuery: Readonly<Record<string, readonly number[]>>;
  /** Of BM25, where the job evaluated it. */
  readonly bm25?: Readonly<Record<string, readonly number[]>>;
  readonly [key: string]: unknown;
}

export interface CompareOptions {
  readonly to: string;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/** The stored cell of a job of today's configuration; undefined where there is none. */
export const readArmCell = (to: string, job: ArmJob): ArmCell | undefined => readStoredCell(path.join(to, cellName(job)), job.config);

/** Runs the jobs that have no cell yet; all cells in the jobs' order, or undefined where the signal stopped it. */
export async function runArms(jobs: readonly ArmJob[], { to, reporter, signal }: CompareOptions): Promise<ArmCell[] | undefined> {
  const missing = jobs.filter((job) => readArmCell(to, job) === undefined);
  const phase = reporter.phase('compare', missing.length, 'jobs');
  for (const [i, job] of missing.entries()) {
    phase.update(i);
    const summary = await runOne(job, signal);
    if (!summary) {
      phase.end();
      reporter.line('stopped; everything is saved. Run the same command again to go on');
      return undefined;
    }
    const cell = cellOf(job, summary);
    const { queries, perQuery, bm25, ...figures } = cell;
    writeFileAtomic(path.join(to, cellName(job)), cellText(figures, { queries, perQuery, ...(bm25 && { bm25 }) }));
    const { selection } = job.config.eval;
    reporter.line(`${job.arm}, seed ${job.seed}: ${selection} ${cell.means[selection]!.toFixed(4)} (dev ${cell.dev.toFixed(4)})`);
  }
  phase.update(missing.length);
  phase.end();
  return jobs.map((job) => readArmCell(to, job)!);
}

async function runOne({ arm, seed, config }: ArmJob, signal: AbortSignal): Promise<Summary | undefined> {
  try {
    return await runRecipe(config, { resume: true, reporter: silentReporter, signal });
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${arm}, seed ${seed}: ${error.message}`) : error;
  }
}

function cellOf({ arm, seed, config }: ArmJob, summary: Summary): ArmCell {
  const { data, policy, queries, systems }: Result = readResult(path.join(summary.folder, 'eval', 'test.json'));
  const { total, ...seconds } = summary.seconds; // of the process, which has run other jobs before
  const shortened = (values: Readonly<Record<string, readonly number[]>>) =>
    Object.fromEntries(Object.entries(values).map(([measure, list]) => [measure, list.map((value) => Number(value.toFixed(6)))]));
  return {
    arm,
    seed,
    configHash: configHash(config),
    data,
    policy,
    dev: summary.best.dev,
    bestStep: summary.best.step,
    means: systems.trained!.means,
    seconds,
    versions: summary.versions,
    backend: summary.backend.name,
    fingerprint: summary.data.fingerprint,
    queries,
    perQuery: shortened(systems.trained!.perQuery),
    ...(systems.bm25 && { bm25: shortened(systems.bm25.perQuery) }),
  };
}

export interface ComparedMean {
  readonly system: string;
  readonly seeds: number;
  /** Over seeds and queries, with its 95 % interval, both resampled. */
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

export interface ComparedMeasure {
  readonly measure: string;
  readonly means: readonly ComparedMean[];
  readonly differences: readonly Difference[];
  /** As found: what the smallest difference rests on. */
  readonly deviations: Partial<Deviations>;
  /** That could be shown with these, the deviation over seeds assumed where there is one seed; absent where that over queries is not known. */
  readonly smallestDifference?: number;
}

/** What BM25 is called among the arms. */
export const BM25 = 'BM25';
/** Of what is resampled. */
const SEED = 42;

/** `pairs`: the differences that are asked for, [system, its baseline]; those of systems that have no cell are left out. */
export function compareCells(
  cells: readonly ArmCell[],
  measures: readonly string[],
  pairs: readonly (readonly [string, string])[],
): ComparedMeasure[] {
  requireComparable(
    cells.map(({ arm, seed, data, policy, queries }) => ({
      place: `${arm}, seed ${seed}`,
      result: { format: 1, data, policy, queries: [...queries], systems: {} },
    })),
  );
  return measures.map((measure) => {
    const systems = systemsOf(cells, measure);
    const place = (name: string) => systems.findIndex((system) => system.name === name);
    const present = pairs.map(([a, b]) => [place(a), place(b)] as const).filter(([a, b]) => a >= 0 && b >= 0);
    const means = resampledMeans(
      systems.map(({ seeds }) => seeds),
      deriveKey(SEED, 'comparison'),
    );
    const deviations = deviationsOf(systems.filter(({ name }) => name !== BM25).map(({ seeds }) => seeds));
    const { query, seed = ASSUMED.seed } = deviations;
    const seedCount = new Set(cells.map((cell) => cell.seed)).size;
    return {
      measure,
      means: systems.map(({ name, seeds }, i) => ({
        system: name,
        seeds: seeds.length,
        mean: meanOfSeeds(seeds),
        ...intervalOf(means[i]!),
      })),
      differences: compareSeeds(systems, present, means),
      deviations,
      ...(query !== undefined && {
        smallestDifference: smallestDifference(cells[0]!.queries.length, seedCount, present.length, { query, seed }),
      }),
    };
  });
}

/** The arms in the cells' order, BM25 last. */
function systemsOf(cells: readonly ArmCell[], measure: string): System[] {
  const arms = [...new Set(cells.map(({ arm }) => arm))].map((name) => ({
    name,
    seeds: cells.filter(({ arm }) => arm === name).map(({ perQuery }) => Float64Array.from(perQuery[measure]!)),
  }));
  const bm25 = cells.find((cell) => cell.bm25)?.bm25;
  return [...arms, ...(bm25 ? [{ name: BM25, seeds: [Float64Array.from(bm25[measure]!)] }] : [])];
}
