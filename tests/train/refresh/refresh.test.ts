import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { selectBackend } from '../../../src/backend/index.js';
import { UserError } from '../../../src/core/errors.js';
import { type Reporter, silentReporter } from '../../../src/core/reporter.js';
import { splitOfPositives } from '../../../src/data/texts.js';
import type { Dataset } from '../../../src/data/types.js';
import { createDualEncoder } from '../../../src/encoders/dualEncoder.js';
import { initialParameters } from '../../../src/encoders/parameters.js';
import { createJudge } from '../../../src/eval/judge.js';
import { loadHnswLibrary } from '../../../src/index/hnsw.js';
import { placeOf, poolAt } from '../../../src/sampling/pools.js';
import { passagesOf } from '../../../src/train/refresh/partial.js';
import { createPoolFilters, type PoolFilters } from '../../../src/train/refresh/poolFilters.js';
import { bestRefresh, comingQueries, type Refresh, type RefreshContext, refresh } from '../../../src/train/refresh/refresh.js';
import { readRefresh, readRefreshes } from '../../../src/train/refresh/refreshFolder.js';
import { queriesOfStep } from '../../../src/train/step/order.js';
import { Replicas } from '../../../src/train/step/replicas.js';
import { createSharedMemory } from '../../../src/train/step/sharedMemory.js';
import { drawingQueries } from '../../../src/train/step/visits.js';
import { SOFTMAX, tinyShape, toyConfig, toyDataset, toyTokens, WHOLE } from '../fixtures.js';

const SIZE = 40;
const POOL = 6;
const shape = tinyShape();
const { specs, logitScale, width } = createDualEncoder(shape);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simans-refresh-'));
const tokens = {
  query: toyTokens(
    Array.from({ length: SIZE }, (_, i) => 3 + (i % 5)),
    'q',
  ),
  passage: toyTokens(
    Array.from({ length: SIZE }, (_, i) => 4 + (i % 7)),
    'p',
  ),
};
const config = toyConfig({
  sampler: { kind: 'simans', negatives: 2, pool: POOL },
  refresh: { everySteps: 2 },
  train: { queriesPerStep: 4, steps: 6 },
});

/** Every query has a second positive, the passage before its own: two queries share each. */
function dataset(): Dataset {
  const toy = toyDataset(SIZE);
  const { train } = toy.splits;
  const positives = train.positives.map(([own]) => (own! > 0 ? Int32Array.of(own! - 1, own!) : Int32Array.of(own!)));
  return { ...toy, splits: { ...toy.splits, train: splitOfPositives(train.rows, positives) } };
}

let replicas: Replicas;
let filters: PoolFilters;
let job = '';
let lines: string[] = [];
const reporter: Reporter = { ...silentReporter, line: (text) => lines.push(text) };
const context = (): RefreshContext => ({
  config,
  folder: job,
  dataset: dataset(),
  tokenizer: { fingerprint: 'none', json: '{}', padId: 0 },
  replicas,
  reporter,
  judge: createJudge(dataset(), config.eval),
  making: { filters },
});

/** An optional package: not every platform has it prebuilt. */
const installed = await loadHnswLibrary().then(
  () => true,
  () => false,
);
const GRAPH = { kind: 'hnsw', connectivity: 16, addExpansion: 64, searchExpansion: 50 } as const;

async function make(seed: number, step = 0, given = config, filtering = filters, before: readonly Refresh[] = []) {
  const parameters = initialParameters(specs, seed);
  replicas.assign(parameters);
  return refresh({ ...context(), config: given, making: { filters: filtering } }, parameters, {
    step,
    from: step,
    to: step + 2,
    seconds: 0,
    before,
  });
}

beforeAll(async () => {
  filters = await createPoolFilters(config, dataset(), createJudge(dataset(), config.eval), silentReporter);
  await selectBackend('onnx');
  replicas = await Replicas.create(
    createSharedMemory({ replicas: 1, seed: 1, padId: 0, encoder: shape, memory: WHOLE, loss: SOFTMAX, maxStepRows: 32 }, tokens),
    'onnx',
  );
});
beforeEach(() => {
  job = fs.mkdtempSync(path.join(folder, 'job-'));
  lines = [];
});
afterAll(async () => {
  await replicas.dispose();
  fs.rmSync(folder, { recursive: true });
});

/** The logit of a query and a passage by the vectors of the last refresh, in double precision. */
function logit(query: number, passage: number): number {
  const { vectors } = replicas.shared;
  const products = Array.from({ length: width }, (_, d) => vectors.query[query * width + d]! * vectors.passage[passage * width + d]!);
  return logitScale * products.reduce((sum, value) => sum + value, 0);
}

describe('the pools', () => {
  it('are of the queries that the coming steps visit, and of no others', async () => {
    const { pools } = await make(1, 2);
    const { rows } = dataset().splits.train;
    const coming = [2, 3].flatMap((step) => Array.from(queriesOfStep(config.seed, dataset(), 4, step), (place) => rows[place]!));
    expect([...pools!.rows]).toEqual([...new Set(coming)].sort((a, b) => a - b));
  });

  it('are of the drawing queries alone, and absent where none draws', async () => {
    const sampler = { ...config.sampler, share: 0.5, fromStep: 2 } as typeof config.sampler;
    expect((await make(1, 0, { ...config, sampler })).pools).toBeUndefined();
    const { pools } = await make(1, 2, { ...config, sampler });
    const { rows } = dataset().splits.train;
    const coming = [2, 3].flatMap((step) => {
      const places = queriesOfStep(config.seed, dataset(), 4, step);
      return Array.from(drawingQueries({ ...config, sampler }, step), (i) => rows[places[i]!]!);
    });
    expect(coming.length).toBeLessThan(8);
    expect([...pools!.rows]).toEqual([...new Set(coming)].sort((a, b) => a - b));
  });

  it('hold the best passages that are no positives, with their logits; positives are scored though not retrieved', async () => {
    const { pools } = await make(1);
    const { train } = dataset().splits;
    let unretrieved = 0;
    for (const [place, row] of [...train.rows].entries()) {
      const at = placeOf(pools!, row);
      if (at < 0) continue;
      const positives = [...train.positives[place]!];
      const others = Array.from({ length: SIZE }, (_, passage) => passage).filter((passage) => !positives.includes(passage));
      const best = others.sort((a, b) => logit(row, b) - logit(row, a)).slice(0, POOL);
      positives.forEach((passage, number) => {
        const pool = poolAt(pools!, at, number, { query: 'q', positives: train.positives[place]!, corpusSize: SIZE });
        expect([...pool.passages]).toEqual(best);
        pool.passages.forEach((candidate, i) => expect(pool.scores[i]).toBeCloseTo(logit(row, candidate), 4));
        expect(pool.positiveScore).toBeCloseTo(logit(row, passage), 4);
        if (pool.positiveScore < pool.scores.at(-1)!) unretrieved++;
      });
    }
    expect(unretrieved).toBeGreaterThan(0);
  });

  it('come back bit for bit from the folder', async () => {
    const made = await make(1);
    expect(readRefresh(job, 0)).toEqual(made);
  });
});

describe('a refresh', () => {
  it('evaluates dev beyond the corpus’ size: recall@100 of 40 passages is 1', async () => {
    const { dev } = await make(1);
    expect(dev['recall@100']).toBe(1);
    expect(Object.keys(dev)).toEqual(config.eval.measures);
  });

  it('of the same weights is read back, not made again', async () => {
    const made = await make(1);
    const file = path.join(job, 'refresh-000', 'pools.safetensors');
    const written = fs.statSync(file).mtimeMs;
    replicas.shared.vectors.passage.fill(0);
    expect(await make(1)).toEqual(made);
    expect(fs.statSync(file).mtimeMs).toBe(written);
    expect(replicas.shared.vectors.passage.every((value) => value === 0)).toBe(true); // nothing was encoded
    expect(lines).toEqual([expect.stringContaining('already made by these weights')]);
  });

  it('of other weights is made anew', async () => {
    const made = await make(1);
    const other = await make(2);
    expect(other.fingerprint).not.toBe(made.fingerprint);
    expect([...other.pools!.scores]).not.toEqual([...made.pools!.scores]);
    expect(lines).toEqual([]);
    expect(readRefresh(job, 0)).toEqual(other);
  });

  it('that lacks a file or is cut is an error naming it', async () => {
    await make(1);
    const pools = path.join(job, 'refresh-000', 'pools.safetensors');
    fs.truncateSync(pools, fs.statSync(pools).size - 4);
    await expect(make(1)).rejects.toThrow(UserError);
    await expect(make(1)).rejects.toThrow(pools);
    const json = path.join(job, 'refresh-000', 'refresh.json');
    fs.truncateSync(json, 20);
    await expect(make(1)).rejects.toThrow(json);
  });
});

describe('a partial refresh', () => {
  const partial = { ...config, refresh: { ...config.refresh, partial: { share: 0.1, wholeEvery: 3 } } };
  const among = async (before: Refresh) => passagesOf(partial, dataset(), { filters }, 1, before, comingQueries(partial, dataset(), 2, 2));

  it('ranks what the pools before held, positives and a share of the rest, and nothing else', async () => {
    const before = await make(1);
    const passages = await among(before);
    expect(passages.length).toBeLessThan(SIZE);
    expect([...passages]).toEqual(expect.arrayContaining([...new Set(before.pools!.passages)]));
    replicas.shared.vectors.passage.fill(Number.NaN);
    const { pools, dev, passages: count } = await make(2, 2, partial, filters, [before]);
    expect(dev).toEqual({});
    expect(count).toBe(passages.length);
    const { train } = dataset().splits;
    pools!.rows.forEach((row, at) => {
      const others = [...passages].filter((passage) => !train.positives[train.rows.indexOf(row)]!.includes(passage));
      const best = others.sort((a, b) => logit(row, b) - logit(row, a)).slice(0, POOL);
      expect([...pools!.passages.subarray(at * POOL, (at + 1) * POOL)]).toEqual(best);
    });
    expect(replicas.shared.vectors.passage.filter(Number.isNaN).length).toBe((SIZE - passages.length) * width);
  });

  it.skipIf(!installed)('by a graph too', async () => {
    const before = await make(1);
    const exact = await make(2, 2, partial, filters, [before]);
    fs.rmSync(path.join(job, 'refresh-001'), { recursive: true });
    const index = { ...partial.refresh.index, ...GRAPH };
    const graph = await make(2, 2, { ...partial, refresh: { ...partial.refresh, index } }, filters, [before]);
    expect(graph.indexRecall).toBe(1);
    expect(graph.pools!.passages).toEqual(exact.pools!.passages);
  });

  it('draws another share each time, and the same in a resumed job', async () => {
    const before = await make(1);
    const [first, again] = [await among(before), await among(before)];
    expect(again).toEqual(first);
    const other = await passagesOf(partial, dataset(), { filters }, 2, before, comingQueries(partial, dataset(), 2, 2));
    expect(other).not.toEqual(first);
  });
});

describe('a refresh that is interrupted', () => {
  const graph = { ...config, refresh: { ...config.refresh, index: { ...config.refresh.index, ...GRAPH } } };
  const vectors = () => path.join(job, 'refresh-000', 'vectors');
  /** Ends where the pools are filtered: the vectors are there, the pools are not. */
  const interrupted = async (given = config) => {
    const broken = { ...filters, of: () => Promise.reject(new Error('interrupted')) };
    await expect(make(1, 0, given, broken)).rejects.toThrow('interrupted');
    expect(fs.readdirSync(vectors())).toContain('shard-00000.safetensors');
  };

  it('goes on from its vectors to the same pools, and leaves none behind', async () => {
    await interrupted();
    const made = await make(1);
    expect(lines).toEqual([expect.stringContaining('1 of 1 shards of vectors read back')]);
    expect(fs.existsSync(vectors())).toBe(false);
    fs.rmSync(job, { recursive: true });
    expect(await make(1)).toEqual(made);
  });

  it.skipIf(!installed)('says that a graph built again may give other pools; a finished one is never built again', async () => {
    await interrupted(graph);
    const made = await make(1, 0, graph);
    expect(lines.at(-1)).toContain('its graph built again: two builds differ a little');
    expect(await make(1, 0, graph)).toEqual(made);
    expect(lines.at(-1)).toContain('already made');
  });
});

describe('the refreshes behind a resumed job', () => {
  it('are read in order, with the pools of the last alone', async () => {
    const made = [await make(1, 0), await make(2, 2), await make(3, 4)];
    expect(readRefreshes(job, [], 0)).toEqual([]);
    expect(readRefreshes(job, [0, 1], 3)).toEqual([{ ...made[0], pools: undefined }, made[1]]);
    expect(readRefreshes(job, [0, 2], 5)).toEqual([{ ...made[0], pools: undefined }, made[2]]);
  });

  it('one that is missing is an error naming its folder', async () => {
    await make(1, 0);
    expect(() => readRefreshes(job, [0, 1], 3)).toThrow(path.join(job, 'refresh-001'));
  });
});

it('the best refresh is the first with the highest value', () => {
  const made = [0.1, 0.3, 0.2, 0.3].map((value, number) => ({
    number,
    step: 2 * number,
    fingerprint: '',
    scoreError: 0,
    seconds: 0,
    dev: { 'mrr@10': value },
  }));
  expect(bestRefresh(made, 'mrr@10').step).toBe(2);
});
