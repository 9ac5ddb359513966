/** What was measured on a sample, scaled by what is known of a job: its phases, its memory, its disk. */
import type { RunConfig } from '../config/schema.js';
import type { Dataset } from '../data/types.js';
import { chooseIndex } from '../index/choice.js';
import { isWhole } from '../train/refresh/partial.js';
import { comingQueries } from '../train/refresh/refresh.js';
import { servedSteps } from '../train/refresh/refreshSchedule.js';

/** One line of the plan. */
export interface PlannedPhase {
  readonly name: string;
  /** Where the job's summary has it among its seconds. */
  readonly booked: 'prepare' | 'train' | 'refresh' | 'evaluate';
  /** How often it happens. */
  readonly times: number;
  readonly secondsEach: number;
}

export interface PlannedWork {
  readonly index: 'exact' | 'hnsw' | 'engine';
  readonly phases: readonly PlannedPhase[];
  readonly seconds: number;
  /** What the phases leave out, in words. */
  readonly leftOut: readonly string[];
  /** Bytes by what holds them. */
  readonly memory: Readonly<Record<string, number>>;
  readonly disk: Readonly<Record<string, number>>;
}

/** Measured seconds: of the vocabulary or the checkpoint; of a text; of a passage; of a query and a passage; of a step. */
export interface Rates {
  readonly preparing: number;
  readonly tokenising: number;
  readonly encoding: number;
  readonly searching: number;
  readonly step: number;
}

export interface Measured {
  readonly rates: Rates;
  readonly width: number;
  readonly replicas: number;
  readonly parameters: number;
  /** Mean tokens of a passage. */
  readonly tokensEach: number;
  readonly stepBytes: number;
}

/** Node, its libraries and the compiled kernels. */
const RUNTIME_BYTES = 350e6;
/** A thread's sessions of a refresh, and the products of a search. */
const REFRESH_BYTES = 80e6;
/** Of a node of the graph beside its vector in half precision and its neighbours, 4 bytes each, twice as many on the ground as above. */
const NODE_BYTES = 24;

interface Counts {
  readonly refreshes: number;
  /** Of them, and of the dev of the last step, those that encode the whole corpus and measure dev. */
  readonly whole: number;
  /** The share of the corpus that any other one encodes. */
  readonly part: number;
  /** Training queries that a refresh searches for. */
  readonly searched: number;
  readonly pool: number;
  /** Encoders that are tested. */
  readonly tested: number;
}

export function planWork(config: RunConfig, dataset: Dataset, measured: Measured): PlannedWork {
  const { train, refresh, sampler } = config;
  const pool = 'pool' in sampler ? sampler.pool : 0;
  // At most: refresh.when may leave some out.
  const refreshes = refresh.when === 'never' ? 1 : Math.ceil(train.steps / refresh.everySteps);
  const { from, to } = servedSteps(config, refresh.when === 'always' ? (refreshes - 1) * refresh.everySteps : 0);
  const searched = pool > 0 ? comingQueries(config, dataset, from, to - from).length : 0;
  const occasions = [...Array.from({ length: refreshes }, (_, i) => i * refresh.everySteps), train.steps];
  const whole = occasions.filter((step, before) => isWhole(config, step, before)).length;
  const part = partialShare(config, dataset.corpus.size, searched * (pool + 1));
  const counts = { refreshes, whole, part, searched, pool, tested: config.eval.test === 'atEnd' ? 2 : 0 };
  const expansion = 'searchExpansion' in refresh.index ? refresh.index.searchExpansion : 0;
  const choice = chooseIndex({ passages: dataset.corpus.size, queries: searched, width: measured.width, expansion });
  const index = refresh.index.kind === 'auto' ? choice.kind : refresh.index.kind;
  const graphSeconds = choice.seconds.hnsw / measured.replicas;
  const phases = phasesOf(config, dataset, measured, counts, index, graphSeconds);
  return {
    index,
    phases,
    seconds: phases.reduce((sum, { times, secondsEach }) => sum + times * secondsEach, 0),
    leftOut: [
      ...(index === 'engine' && pool > 0 ? ['the engine: its servers load and search in their own time'] : []),
      ...(refresh.mode === 'async' ? ['that refreshes go on beside the training: they are counted as if it waited'] : []),
      ...(config.eval.bm25 ? ['BM25'] : []),
    ],
    memory: memoryOf(config, dataset, measured, counts, index),
    disk: diskOf(config, dataset, measured, counts),
  };
}

/** Of N passages those that a partial refresh encodes: its random share, and of the rest what `needed` passages of the pools would be if they lay evenly, at most. */
export function partialShare({ refresh: { partial } }: RunConfig, N: number, needed: number): number {
  return partial === 'none' ? 1 : 1 - (1 - partial.share) * Math.exp(-needed / N);
}

function phasesOf(
  { train }: RunConfig,
  { corpus, queries, splits }: Dataset,
  { rates }: Measured,
  { refreshes, whole, part, searched, pool, tested }: Counts,
  index: PlannedWork['index'],
  graphSeconds: number,
): PlannedPhase[] {
  const N = corpus.size;
  const exactly = rates.searching * N;
  const pools = { exact: exactly * searched, hnsw: graphSeconds, engine: 0 }[index];
  const partial = refreshes + 1 - whole;
  const meanPart = (whole - 1 + partial * part) / refreshes; // the dev of the last step makes no pools
  return [
    { name: 'vocabulary or checkpoint', booked: 'prepare', times: 1, secondsEach: rates.preparing },
    { name: 'tokenise', booked: 'prepare', times: 1, secondsEach: rates.tokenising * (N + queries.size) },
    { name: 'step', booked: 'train', times: train.steps, secondsEach: rates.step },
    { name: 'encode the corpus', booked: 'refresh', times: whole, secondsEach: rates.encoding * N },
    ...(partial > 0
      ? [{ name: 'encode a part of it', booked: 'refresh' as const, times: partial, secondsEach: rates.encoding * N * part }]
      : []),
    { name: 'evaluate dev', booked: 'refresh', times: whole, secondsEach: splits.dev.rows.length * (exactly + rates.encoding) },
    {
      name: index === 'engine' ? 'encode queries of pools' : `search pools (${index})`,
      booked: 'refresh',
      times: pool > 0 ? refreshes : 0,
      secondsEach: pools * meanPart + searched * rates.encoding,
    },
    { name: 'encode the corpus to test', booked: 'evaluate', times: tested, secondsEach: rates.encoding * N },
    { name: 'test', booked: 'evaluate', times: tested, secondsEach: splits.test.rows.length * (exactly + rates.encoding) },
  ];
}

function memoryOf(
  { refresh }: RunConfig,
  { corpus }: Dataset,
  { width, parameters, tokensEach, replicas, stepBytes }: Measured,
  { searched, pool }: Counts,
  index: PlannedWork['index'],
): Record<string, number> {
  const N = corpus.size;
  const [tokens, vectors] = [4 * tokensEach * N, 4 * N * width];
  const connectivity = 'connectivity' in refresh.index ? refresh.index.connectivity : 0;
  return {
    'Node and libraries': RUNTIME_BYTES,
    'token tables': tokens,
    'vectors of the corpus': vectors,
    // Neither exact search nor an engine holds anything of the passages in this machine's memory.
    ...(index === 'hnsw' && { 'graph while searching': N * (2 * width + 8 * connectivity + NODE_BYTES) }),
    pools: searched * pool * 8,
    'encoding and searching': replicas * REFRESH_BYTES,
    'a training step': stepBytes,
    ...(refresh.mode === 'async' && { 'the process of refreshes': RUNTIME_BYTES + tokens + vectors + 12 * parameters }),
  };
}

function diskOf(
  { train }: RunConfig,
  { corpus }: Dataset,
  { width, parameters, tokensEach }: Measured,
  { refreshes, searched, pool }: Counts,
): Record<string, number> {
  const vectors = 4 * corpus.size * width;
  return {
    checkpoints: (train.keepCheckpoints + 1) * 4 * parameters * (train.averageDecay > 0 ? 4 : 3),
    'pools of the refreshes': refreshes * searched * pool * 8,
    'token cache': 4 * tokensEach * corpus.size,
    'vectors of a refresh under way': vectors,
    'index and model': vectors + 4 * parameters,
  };
}
