import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTexts, fingerprintDataset, splitOfPositives } from '../../../src/data/texts.js';
import type { Dataset, TokenTable } from '../../../src/data/types.js';
import { createSampler, type SamplerConfig } from '../../../src/sampling/index.js';
import { type Pools, removedArrays } from '../../../src/sampling/pools.js';
import { DrawSums } from '../../../src/train/diagnostics.js';
import { type BatchSource, buildBatch } from '../../../src/train/step/batch.js';
import { queriesOfStep } from '../../../src/train/step/order.js';
import { drawingQueries } from '../../../src/train/step/visits.js';
import { toyConfig } from '../fixtures.js';

const PASSAGES = 40;
const QUERIES = 12;
const NEGATIVES = 3;
const POOL = 6;
const [CLS, SEP, PASSAGE_TOKEN, QUERY_TOKEN] = [2, 3, 10, 500];

/** Query q's positives: passages q and, for every third query, its two neighbours: queries share gold passages. */
const positivesOf = (query: number): number[] => (query % 3 === 0 ? [query, query + 1, query + 2] : [query]);

function dataset(): Dataset {
  const corpus = createTexts(
    Array.from({ length: PASSAGES }, (_, i) => `p${i}`),
    Array(PASSAGES).fill('text'),
    'passage',
  );
  const queries = createTexts(
    Array.from({ length: QUERIES }, (_, i) => `q${i}`),
    Array(QUERIES).fill('text'),
    'query',
  );
  const rows = Int32Array.from({ length: QUERIES }, (_, i) => i);
  const train = splitOfPositives(
    rows,
    [...rows].map((q) => Int32Array.from(positivesOf(q))),
  );
  const none = splitOfPositives(new Int32Array(0), []);
  const splits = { train, dev: none, test: none };
  return { name: 'toy', corpus, queries, splits, policy: 'text', fingerprint: fingerprintDataset({ corpus, queries, splits }), notes: [] };
}

/** Each text is three words that name its row. */
function tokens(rows: number, first: number): TokenTable {
  const ids = Array.from({ length: rows }, (_, row) => [CLS, first + row, first + row, first + row, SEP]).flat();
  return { ids: Int32Array.from(ids), offsets: Uint32Array.from({ length: rows + 1 }, (_, row) => 5 * row) };
}

/** Pools of the six passages behind a query's positives: they hold other queries' gold passages, never the query's own. */
function pools(): Pools {
  const rows = Int32Array.from({ length: QUERIES }, (_, i) => i);
  const positives = [...rows].map(positivesOf);
  const offsets = [0];
  for (const list of positives) offsets.push(offsets.at(-1)! + list.length);
  return {
    k: POOL,
    rows,
    passages: Int32Array.from([...rows].flatMap((q) => Array.from({ length: POOL }, (_, i) => q + positives[q]!.length + i))),
    scores: Float32Array.from([...rows].flatMap(() => [3, 2.5, 2, 1.5, 1, 0.5])),
    positiveScores: new Float32Array(offsets.at(-1)!).fill(2),
    positiveOffsets: Uint32Array.from(offsets),
    ...removedArrays([...rows].map(() => [])),
  };
}

type Sections = { train?: object; sampler?: object; seed?: number };

function source({ train = {}, sampler = { kind: 'simans', negatives: NEGATIVES, pool: POOL }, seed = 1 }: Sections = {}): BatchSource {
  const config = toyConfig({ seed, sampler, train: { queriesPerStep: 5, ...train } });
  return {
    config,
    dataset: dataset(),
    tokens: { query: tokens(QUERIES, QUERY_TOKEN), passage: tokens(PASSAGES, PASSAGE_TOKEN) },
    special: { clsId: CLS, sepId: SEP, continues: new Uint8Array(600), halves: Array(600).fill(new Int32Array(0)) },
    ...(config.sampler.kind !== 'none' && { sampler: createSampler(config.sampler as SamplerConfig) }),
  };
}

const sequences = (table: TokenTable): number[][] =>
  Array.from({ length: table.offsets.length - 1 }, (_, i) => [...table.ids.subarray(table.offsets[i]!, table.offsets[i + 1]!)]);

/** The batch of a step in the data's terms: which passage stands in each column, and which columns compete for each query. */
function read(from: BatchSource, step: number, given: Pools | 'no pools' = pools()) {
  const { batch, draws } = buildBatch(from, given === 'no pools' ? {} : { pools: given }, step);
  const columns = sequences(batch.passages).map((ids) => ids[1]! - PASSAGE_TOKEN);
  const judged = Array.from(queriesOfStep(from.config.seed, from.dataset, from.config.train.queriesPerStep, step));
  const queries = sequences(batch.queries);
  const rows = queries.map((ids, i) => ({
    ids,
    target: columns[batch.contrast.target[i]!]!,
    competing: columns.filter((_, column) => batch.contrast.mask[i * columns.length + column] === 0),
    blocked: columns.filter((_, column) => batch.contrast.mask[i * columns.length + column] === -1e9),
  }));
  return { batch, draws, columns, judged, rows };
}

const steps = fc.nat(200);
const seeds = fc.nat(1000);

describe('drawingQueries', () => {
  const drawing = (sampler: object, step: number) => [...drawingQueries(toyConfig({ sampler, train: { queriesPerStep: 1000 } }), step)];

  it('are all of a step by default, none before sampler.fromStep, none without a sampler', () => {
    expect(drawing({ kind: 'random' }, 0)).toHaveLength(1000);
    expect(drawing({ kind: 'random', fromStep: 200 }, 199)).toEqual([]);
    expect(drawing({ kind: 'random', fromStep: 200 }, 200)).toHaveLength(1000);
    expect(drawing({ kind: 'none' }, 5)).toEqual([]);
  });

  it('are a share of them, others at each step', () => {
    const [first, again, other] = [3, 3, 4].map((step) => drawing({ kind: 'random', share: 0.25 }, step));
    expect(first!.length).toBeGreaterThan(200); // 250 ± 14
    expect(first!.length).toBeLessThan(300);
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it('alone have draws and need pools; the others still meet their negatives in the batch', () => {
    const from = source({ sampler: { kind: 'simans', negatives: NEGATIVES, pool: POOL, share: 0.5 } });
    const step = 7;
    const places = drawingQueries(from.config, step);
    expect(places.length).toBeGreaterThan(0);
    expect(places.length).toBeLessThan(5);
    const all = pools();
    const judged = queriesOfStep(from.config.seed, from.dataset, 5, step);
    const kept = [...all.rows].filter((row) => [...places].some((i) => judged[i] === row));
    const few: Pools = {
      k: POOL,
      rows: Int32Array.from(kept),
      passages: Int32Array.from(kept.flatMap((row) => [...all.passages.subarray(row * POOL, (row + 1) * POOL)])),
      scores: Float32Array.from(kept.flatMap((row) => [...all.scores.subarray(row * POOL, (row + 1) * POOL)])),
      positiveScores: Float32Array.from(kept.flatMap((row) => positivesOf(row).map(() => 2))),
      positiveOffsets: Uint32Array.from(
        [0, ...kept].map((_, i) => kept.slice(0, i).reduce((sum, row) => sum + positivesOf(row).length, 0)),
      ),
      ...removedArrays(kept.map(() => [])),
    };
    const { draws, rows, columns } = read(from, step, few);
    expect(draws).toHaveLength(places.length);
    const drawn = draws.flatMap(({ passages }) => [...passages]);
    expect(drawn.every((passage) => columns.includes(passage))).toBe(true);
    const bystander = [...judged.keys()].find((i) => !places.includes(i))!;
    const met = drawn.filter((passage) => !positivesOf(judged[bystander]!).includes(passage));
    expect(rows[bystander]!.competing).toEqual(expect.arrayContaining(met));
  });
});

describe('the batch of a step', () => {
  it('is the same whenever it is built, and another at another step or seed', () => {
    fc.assert(
      fc.property(seeds, steps, (seed, step) => {
        const from = source({ seed, train: { cloze: 0.4, wordDropout: 0.3 } });
        buildBatch(from, { pools: pools() }, step + 1); // what was built before does not matter
        expect(buildBatch(from, { pools: pools() }, step)).toEqual(
          buildBatch(source({ seed, train: { cloze: 0.4, wordDropout: 0.3 } }), { pools: pools() }, step),
        );
      }),
      { numRuns: 20 },
    );
    const batches = [source(), source({ seed: 2 })].flatMap((from) =>
      [0, 1].map((step) => JSON.stringify({ ...read(from, step).batch, step: 0 })),
    );
    expect(new Set(batches).size).toBe(4);
  });

  it('opens each query’s positive and negatives and closes its other positives', () => {
    fc.assert(
      fc.property(seeds, steps, fc.boolean(), (seed, step, inBatch) => {
        const { rows, judged, draws, columns } = read(source({ seed, train: { inBatch } }), step);
        rows.forEach(({ target, competing, blocked }, i) => {
          const positives = positivesOf(judged[i]!);
          expect(positives).toContain(target);
          const own = [...draws[i]!.passages];
          expect(competing).toEqual(expect.arrayContaining([target, ...own]));
          expect(competing.filter((passage) => positives.includes(passage))).toEqual([target]);
          if (!inBatch) expect([...competing].sort()).toEqual([target, ...own].sort());
          else expect(blocked).toEqual(columns.filter((passage) => passage !== target && positives.includes(passage)));
          expect(competing.length + blocked.length).toBe(columns.length);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('draws distinct negatives that are no positives of the query', () => {
    fc.assert(
      fc.property(seeds, steps, (seed, step) => {
        const { draws, judged } = read(source({ seed }), step);
        draws.forEach(({ passages }, i) => {
          expect(new Set(passages).size).toBe(NEGATIVES);
          expect([...passages].filter((passage) => positivesOf(judged[i]!).includes(passage))).toEqual([]);
          expect([...passages].every((passage) => passage > judged[i]! && passage < judged[i]! + 9)).toBe(true); // from its pool
        });
      }),
      { numRuns: 60 },
    );
  });

  it('encodes a passage once, however many queries share it', () => {
    let shared = 0;
    for (let step = 0; step < 20; step++) {
      const { columns, draws, rows } = read(source(), step);
      expect(new Set(columns).size).toBe(columns.length);
      const asked = [...rows.map(({ target }) => target), ...draws.flatMap(({ passages }) => [...passages])];
      expect(new Set(asked)).toEqual(new Set(columns));
      shared += asked.length - columns.length;
    }
    expect(shared).toBeGreaterThan(0);
  });

  it('chooses among several positives, each in its turn', () => {
    const chosen = new Set<number>();
    for (let step = 0; step < 60; step++) {
      const { rows, judged } = read(source(), step);
      rows.forEach(({ target }, i) => judged[i] === 0 && chosen.add(target));
    }
    expect(chosen).toEqual(new Set([0, 1, 2]));
  });

  it('without a sampler holds the positives alone; with a random one needs no pools', () => {
    const alone = read(source({ sampler: { kind: 'none' } }), 3, 'no pools');
    expect(alone.draws).toEqual([]);
    expect(new Set(alone.columns)).toEqual(new Set(alone.rows.map(({ target }) => target)));
    const random = read(source({ sampler: { kind: 'random', negatives: NEGATIVES } }), 3, 'no pools');
    random.draws.forEach(({ passages }, i) => {
      expect(passages).toHaveLength(NEGATIVES);
      for (const passage of passages) expect(positivesOf(random.judged[i]!)).not.toContain(passage);
    });
  });

  it('a training query without a pool is an error, not a silent draw', () => {
    const whole = pools();
    expect(() => read(source(), 0, { ...whole, rows: Int32Array.of(999) })).toThrow(/has no pool/);
  });
});

it('negatives that come with the data and are known to be right are padded for, not drawn', () => {
  const from = source({ sampler: { kind: 'given', negatives: NEGATIVES }, train: { inBatch: false } });
  const { train } = from.dataset.splits;
  const known = Array.from(train.rows, () => Int32Array.of(20, 21, 22));
  const negatives = Array.from(train.rows, () => Int32Array.of(20, 21, 22, 23));
  const splits = { ...from.dataset.splits, train: { ...train, known, negatives } };
  const { draws, rows } = read({ ...from, dataset: { ...from.dataset, splits } }, 0, 'no pools');
  for (const { passages, padded } of draws) {
    expect(passages[0]).toBe(23);
    expect(padded).toBe(NEGATIVES - 1);
  }
  const sums = new DrawSums(splits.train);
  sums.add(draws, 0);
  expect(sums.figures()).not.toHaveProperty('gapMean'); // nothing scores them
  for (const { competing } of rows) expect(competing).toHaveLength(1 + NEGATIVES);
});

describe('cloze queries', () => {
  it('stand behind the judged ones, are words of their passage, and have it as their only positive', () => {
    fc.assert(
      fc.property(seeds, steps, (seed, step) => {
        const { rows } = read(source({ seed, train: { cloze: 0.4 } }), step);
        expect(rows).toHaveLength(5 + 2);
        for (const { ids, target, competing, blocked } of rows.slice(5)) {
          const words = ids.slice(1, -1);
          expect([ids[0], ids.at(-1)]).toEqual([CLS, SEP]);
          expect(words.length).toBeGreaterThan(0);
          for (const id of words) expect(id).toBe(PASSAGE_TOKEN + target);
          expect(competing).toContain(target);
          expect(blocked).toEqual([]);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('come in runs of neighbours in the corpus, eight at a time', () => {
    const { rows } = read(source({ train: { queriesPerStep: 40, cloze: 0.5 } }), 3); // 20 cloze queries
    const passages = rows.slice(40).map(({ target }) => target);
    const steps = passages.map((passage, i) => (i % 8 === 0 ? 'begins' : (passage - passages[i - 1]! + PASSAGES) % PASSAGES));
    expect(steps).toEqual(Array.from({ length: 20 }, (_, i) => (i % 8 === 0 ? 'begins' : 1)));
    expect(new Set([passages[0], passages[8], passages[16]]).size).toBeGreaterThan(1);
  });

  it('with inBatch off a cloze query has nothing to compete with but its own passage', () => {
    const { rows } = read(source({ train: { cloze: 0.4, inBatch: false } }), 2);
    for (const { target, competing } of rows.slice(5)) expect(competing).toEqual([target]);
  });
});

describe('word dropout', () => {
  it('shortens texts of the batch and leaves the data as it was', () => {
    const from = source({ train: { wordDropout: 0.5 } });
    const before = from.tokens.passage.ids.slice();
    const { batch } = buildBatch(from, { pools: pools() }, 0);
    expect(sequences(batch.passages).some((ids) => ids.length < 5)).toBe(true);
    for (const ids of [...sequences(batch.passages), ...sequences(batch.queries)]) expect(ids.length).toBeGreaterThanOrEqual(3);
    expect(from.tokens.passage.ids).toEqual(before);
  });
});
