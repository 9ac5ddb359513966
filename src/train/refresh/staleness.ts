/**
 * Whether a refresh is due by refresh.when, from a small sample that today's weights encode: queries, and what the last refresh found for them. The sample is
 * a pure function of that refresh, so a resumed job decides as it did before.
 */
import type { RunConfig } from '../../config/schema.js';
import { selectFromSplit } from '../../data/texts.js';
import type { Run } from '../../eval/run.js';
import { rowsByLength } from '../../index/encode.js';
import { scoreOf } from '../../index/exact.js';
import { type Pools, spreadPlaces } from '../../sampling/pools.js';
import { meanOf } from '../../sampling/statistics.js';
import type { Refresh, RefreshContext } from './refresh.js';

/** Queries, and of each the candidates, that are looked at: at most so many. */
const QUERIES = 100;
const CANDIDATES = 20;
/** Positives of a dev query that join its candidates. */
const POSITIVES = 5;

/** Query rows, ascending, with their candidates [rows · k], best first by the weights of a refresh; −1 behind the last. */
export interface CandidateSample {
  readonly k: number;
  readonly rows: Int32Array;
  readonly passages: Int32Array;
}

/** A rule of refresh.when that looks at a sample. */
type Rule = Exclude<RunConfig['refresh']['when'], string>;

/** Whether the pools of the last refresh are to be made anew, which is said with the figure that decides. */
export async function isDue(context: RefreshContext, rule: Rule, last: Refresh): Promise<boolean> {
  const { value, limit, figure } = 'drift' in rule ? await driftSince(context, last, rule.drift) : await devSince(context, last, rule.dev);
  const due = value >= limit;
  context.reporter.line(`refresh.when: ${figure} since refresh ${last.number}; ${due ? 'the pools are made anew' : 'they stay'}`);
  return due;
}

interface Finding {
  readonly value: number;
  readonly limit: number;
  readonly figure: string;
}

/** The share of pairs of candidates of a pool whose order has turned, mean over queries: 0 as before, 0.5 unrelated. */
async function driftSince(context: RefreshContext, last: Refresh, limit: number): Promise<Finding> {
  const pools = last.pools ?? last.sourcePools;
  const value = pools ? turnedPairs(await scoresNow(context, sampleOf(pools))) : 0;
  return { value, limit, figure: `${(100 * value).toFixed(1)} % of the pairs of candidates have turned (${(100 * limit).toFixed(1)} %)` };
}

/** The change of the dev measure among the candidates that the last refresh ranked. */
async function devSince(context: RefreshContext, last: Refresh, limit: number): Promise<Finding> {
  if (!last.devSample || last.devOfSample === undefined) throw new Error('internal: the last refresh kept no sample of dev');
  const now = devAmong(context, last.devSample, await scoresNow(context, last.devSample));
  const { selection } = context.config.eval;
  const figure = `${selection} among candidates went from ${last.devOfSample.toFixed(4)} to ${now.toFixed(4)} (${limit})`;
  return { value: Math.abs(now - last.devOfSample), limit, figure };
}

/** Candidates spread over the pools of queries spread over all. */
export function sampleOf(pools: Pools): CandidateSample {
  const places = spreadPlaces(pools, QUERIES);
  const k = Math.min(CANDIDATES, pools.k);
  const passages = new Int32Array(places.length * k).fill(-1);
  places.forEach((place, i) => {
    const pool = pools.passages.subarray(place * pools.k, (place + 1) * pools.k).filter((passage) => passage >= 0);
    const count = Math.min(k, pool.length);
    for (let j = 0; j < count; j++) passages[i * k + j] = pool[Math.floor((j * pool.length) / count)]!;
  });
  return { k, rows: Int32Array.from(places, (place) => pools.rows[place]!), passages };
}

/** Of dev what a refresh keeps for later comparison: the first of its run and some positives, best first, and the measure among them. */
export function devSampleOf(context: RefreshContext, run: Run): Pick<Refresh, 'devSample' | 'devOfSample'> {
  const { dev } = context.dataset.splits;
  const places = spreadPlaces(run, QUERIES);
  const k = CANDIDATES + POSITIVES;
  const passages = new Int32Array(places.length * k).fill(-1);
  places.forEach((place, i) => {
    const first = run.passages.subarray(place * run.k, place * run.k + Math.min(CANDIDATES, run.k)).filter((passage) => passage >= 0);
    const positives = dev.positives[dev.rows.indexOf(run.rows[place]!)]!.slice(0, POSITIVES);
    passages.set([...new Set([...first, ...positives])], i * k);
  });
  const devSample = { k, rows: Int32Array.from(places, (place) => run.rows[place]!), passages };
  return { devSample, devOfSample: devAmong(context, devSample, scoresOf(context, devSample)) };
}

/** A sample's scores, candidate by candidate, by today's weights. */
async function scoresNow(context: RefreshContext, sample: CandidateSample): Promise<Float32Array[]> {
  const { replicas } = context;
  const passages = Int32Array.from(new Set(sample.passages.filter((passage) => passage >= 0)));
  await replicas.encode('query', rowsByLength(replicas.shared.tokens.query, sample.rows));
  await replicas.encode('passage', rowsByLength(replicas.shared.tokens.passage, passages));
  return scoresOf(context, sample);
}

/** By the vectors that are in memory. */
function scoresOf({ replicas: { first } }: RefreshContext, { k, rows, passages }: CandidateSample): Float32Array[] {
  const [asked, known] = [first.vectorsOf('query'), first.vectorsOf('passage')];
  return Array.from(rows, (row, i) => {
    const own = passages.subarray(i * k, (i + 1) * k).filter((passage) => passage >= 0);
    return Float32Array.from(own, (passage) => scoreOf(asked, row, known, passage, 1));
  });
}

/** Of scores that fell in each list, the mean share of pairs that now rise. */
export function turnedPairs(lists: readonly Float32Array[]): number {
  const shares = lists.flatMap((scores) => {
    let turned = 0;
    for (let i = 0; i < scores.length; i++) for (let j = i + 1; j < scores.length; j++) if (scores[i]! < scores[j]!) turned++;
    return scores.length > 1 ? [turned / ((scores.length * (scores.length - 1)) / 2)] : [];
  });
  return shares.length > 0 ? meanOf(shares) : 0;
}

/** eval.selection of the candidates ranked by these scores. */
function devAmong(
  { config, dataset, judge }: RefreshContext,
  { k, rows, passages }: CandidateSample,
  scores: readonly Float32Array[],
): number {
  const { dev } = dataset.splits;
  // Whole: there is nothing beyond the candidates, however deep eval.selection looks.
  const run = { k, rows, passages: new Int32Array(rows.length * k).fill(-1), scores: new Float32Array(rows.length * k), whole: true };
  scores.forEach((own, i) => {
    const order = Int32Array.from(own.keys()).sort((a, b) => own[b]! - own[a]! || a - b);
    order.forEach((from, to) => {
      run.passages[i * k + to] = passages[i * k + from]!;
      run.scores[i * k + to] = own[from]!;
    });
  });
  const places = Array.from(rows, (row) => dev.rows.indexOf(row));
  return judge.evaluate(run, selectFromSplit(dev, places), [config.eval.selection]).means[config.eval.selection]!;
}
